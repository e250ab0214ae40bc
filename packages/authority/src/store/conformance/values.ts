/** What goes in comes out, and what no database could keep does not go in. */
import { describe, expect, it } from 'vitest';
import type { Store } from '../store.ts';
import { auditRow, clientRow, freshTenant, nodeRow, tokenRow } from './rows.ts';
import { stepRunner } from './run-steps.ts';

const texts = ['', ' ', 'ä€😀', "'; DROP TABLE nodes; --", '\\u0000 \t\r\n"', '\u0001\u007f\ufeff'];

export function describeValues(store: () => Store): void {
  const run = stepRunner(store);
  describe('values', () => {
    it.each(texts)('text %j comes back as it was', async (text) => {
      const tenant = freshTenant();
      const row = { ...nodeRow(tenant, `n${text}`), epoch: text };
      expect(await run([{ do: 'put', table: 'nodes', row }])).toMatchObject({ outcome: 'done' });
      expect(await store().nodes.get(tenant, `n${text}`)).toEqual(row);
    });

    it.each([0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])(
      'integer %s comes back exact, also from conditions and cursors',
      async (position) => {
        const tenant = freshTenant();
        await run([{ do: 'put', table: 'nodes', row: nodeRow(tenant, 'a', position) }]);
        expect(await store().nodes.get(tenant, 'a')).toMatchObject({ position });
        expect(await store().nodes.count({ tenant, position })).toBe(1);
        const other = position === 0 ? 1 : position - Math.sign(position);
        expect(await store().nodes.count({ tenant, position: other })).toBe(0);
      },
    );

    it('minus zero is zero', async () => {
      const tenant = freshTenant();
      await run([{ do: 'put', table: 'nodes', row: nodeRow(tenant, 'a', -0) }]);
      expect((await store().nodes.get(tenant, 'a'))?.position).toBe(0);
    });

    it('bytes come back as they were: all, none, and views into larger buffers', async () => {
      const tenant = freshTenant();
      const all = Uint8Array.from({ length: 1024 }, (_, i) => i & 0xff);
      const rows = [all, Uint8Array.of(), all.subarray(100, 300), Buffer.from('pooled')].map(
        (leaf) => auditRow(tenant, { leaf, personal: leaf }),
      );
      await run([{ do: 'insertMany', table: 'auditPending', rows }]);
      for (const row of rows) {
        const read = await store().auditPending.get(row.id);
        expect(Buffer.from(read!.leaf).equals(row.leaf)).toBe(true);
        expect(Buffer.from(read!.personal!).equals(row.leaf)).toBe(true);
      }
    });

    it('JSON comes back as it was, whatever is inside', async () => {
      const tenant = freshTenant();
      const metadata = {
        text: '\0\ud800 ä😀 "quoted" \\',
        add: 5,
        list: [1, 1.5, -1e300, true, null, [], {}],
        deep: { a: { b: { c: ['d'] } } },
      };
      const row = { ...clientRow(tenant, 'a'), metadata };
      await run([{ do: 'put', table: 'clients', row }]);
      expect(await store().clients.get(tenant, 'a')).toEqual(row);
      const where = { tenant, clientId: 'a' };
      await run([{ do: 'update', table: 'clients', where, set: { metadata: { add: 1 } } }]);
      expect(await store().clients.get(tenant, 'a')).toMatchObject({ metadata: { add: 1 } });
    });

    it('the caller’s arrays stay the caller’s', async () => {
      const tenant = freshTenant();
      const leaf = Uint8Array.of(1, 2, 3);
      const row = auditRow(tenant, { leaf });
      const acted = run([{ do: 'put', table: 'auditPending', row }]);
      leaf.fill(9);
      await acted;
      const read = (await store().auditPending.get(row.id))!;
      expect([...read.leaf]).toEqual([1, 2, 3]);
      read.leaf.fill(7);
      expect([...(await store().auditPending.get(row.id))!.leaf]).toEqual([1, 2, 3]);
    });

    it.each([
      ['text with U+0000', { epoch: 'a\0b' }],
      ['half a surrogate pair', { epoch: 'a\ud800' }],
      ['a number as text', { epoch: 1 }],
      ['null where it is not allowed', { epoch: null }],
      ['an inexact integer', { position: 2 ** 53 }],
      ['a fraction', { position: 0.5 }],
      ['a missing value', { position: undefined }],
      ['an unknown column', { nobody: 1 }],
    ])('%s is a bug, and nothing of the act holds', async (_, wrong) => {
      const tenant = freshTenant();
      const row = { ...nodeRow(tenant, 'a'), ...wrong } as never;
      const steps = [
        { do: 'put', table: 'nodes', row: nodeRow(tenant, 'before') },
        { do: 'put', table: 'nodes', row },
      ] as const;
      await expect(run(steps)).rejects.toThrow(/nodes/);
      expect(await store().nodes.count({ tenant })).toBe(0);
    });

    it('a row of 1 MiB comes back whole', async () => {
      const row = { ...tokenRow(20_000, freshTenant(), 'a'), subject: 'ü'.repeat(512 * 1024) };
      await run([{ do: 'insert', table: 'tokens', row, refused: 'taken' }]);
      expect(await store().tokens.get(20_000, row.tenant, 'a')).toEqual(row);
    });
  });
}
