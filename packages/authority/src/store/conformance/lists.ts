/** Lists, cursors and counts. */
import { describe, expect, it } from 'vitest';
import type { Store } from '../store.ts';
import type { Row } from '../tables.ts';
import { clientRow, deviceRow, freshTenant, nodeRow } from './rows.ts';
import { stepRunner } from './run-steps.ts';

function datedClient(tenant: string, clientId: string, createdAt: number): Row<'clients'> {
  return { ...clientRow(tenant, clientId), createdAt };
}

export function describeLists(store: () => Store): void {
  describeOrder(store);
  describeCursors(store);
  describeFilters(store);
}

function describeOrder(store: () => Store): void {
  const run = stepRunner(store);
  describe('a list', () => {
    it('goes by the primary key, text in the order of its code points', async () => {
      const tenant = freshTenant();
      const names = ['B', 'a', 'é', '\uffee', '\u{1f600}', 'a b', 'aa', '10', '9', 'Z'];
      const rows = names.map((name) => nodeRow(tenant, name));
      await run([{ do: 'insertMany', table: 'nodes', rows }]);
      const sorted = ['10', '9', 'B', 'Z', 'a', 'a b', 'aa', 'é', '\uffee', '\u{1f600}'];
      const up = await store().nodes.list({ where: { tenant }, limit: 100 });
      expect(up.map(({ node }) => node)).toEqual(sorted);
      const down = await store().nodes.list({ where: { tenant }, descending: true, limit: 3 });
      expect(down.map(({ node }) => node)).toEqual(sorted.reverse().slice(0, 3));
    });

    it('goes by an index, ties by the primary key', async () => {
      const tenant = freshTenant();
      const rows = [datedClient(tenant, 'b', 2), datedClient(tenant, 'a', 2)];
      rows.push(datedClient(tenant, 'c', 1), datedClient(tenant, 'd', 3));
      await run([{ do: 'insertMany', table: 'clients', rows }]);
      const list = (descending: boolean) =>
        store().clients.list({ where: { tenant }, orderBy: ['createdAt'], descending, limit: 10 });
      expect((await list(false)).map(({ clientId }) => clientId)).toEqual(['c', 'a', 'b', 'd']);
      expect((await list(true)).map(({ clientId }) => clientId)).toEqual(['d', 'b', 'a', 'c']);
    });

    it('goes by a unique key, which no two rows have', async () => {
      const tenant = freshTenant();
      const insert = (id: string, userCode: string) =>
        run([
          {
            do: 'insert',
            table: 'deviceGrants',
            row: deviceRow(tenant, id, userCode),
            refused: 'taken',
          },
        ]);
      expect(await insert('a', 'y')).toMatchObject({ outcome: 'done' });
      expect(await insert('b', 'x')).toMatchObject({ outcome: 'done' });
      expect(await insert('c', 'x')).toMatchObject({ outcome: 'taken' });
      const found = (where: { readonly userCode?: string }) =>
        store().deviceGrants.list({ where: { tenant, ...where }, orderBy: ['userCode'], limit: 9 });
      expect((await found({})).map(({ id }) => id)).toEqual(['b', 'a']);
      expect((await found({ userCode: 'y' })).map(({ id }) => id)).toEqual(['a']);
    });

    it('refuses an order that no index serves', async () => {
      const where = { tenant: freshTenant() };
      await expect(store().clients.list({ where, orderBy: ['status'], limit: 10 })).rejects.toThrow(
        'no index',
      );
      await expect(store().clients.list({ orderBy: ['createdAt'], limit: 1 })).rejects.toThrow(
        'no index',
      );
    });

    it.each([0, 10_001, 1.5, Number.NaN])('refuses a limit of %s', async (limit) => {
      await expect(store().clients.list({ limit })).rejects.toThrow('list limit');
    });
  });
}

function describeCursors(store: () => Store): void {
  const run = stepRunner(store);
  const insert = (rows: readonly Row<'clients'>[]) =>
    run([{ do: 'insertMany', table: 'clients', rows }]);

  describe('a cursor', () => {
    it.each([false, true])(
      'meets every row once while others come (descending: %s)',
      async (descending) => {
        const tenant = freshTenant();
        const ids = Array.from({ length: 20 }, (_, i) => `m${String(i).padStart(2, '0')}`);
        await insert(ids.map((id, i) => datedClient(tenant, id, Math.floor(i / 3))));
        const seen: string[] = [];
        let after: (string | number)[] | undefined;
        for (let page = 0; page < 20; page++) {
          const rows = await store().clients.list({
            where: { tenant },
            orderBy: ['createdAt', 'clientId'],
            descending,
            limit: 3,
            ...(after === undefined ? {} : { after }),
          });
          if (rows.length === 0) break;
          seen.push(...rows.map(({ clientId }) => clientId));
          const last = rows.at(-1)!;
          after = [last.createdAt, last.clientId];
          // One in front of the cursor, one behind: neither shifts the rest.
          await insert([datedClient(tenant, `a${page}`, 0), datedClient(tenant, `z${page}`, 9)]);
        }
        const old = seen.filter((id) => id.startsWith('m'));
        expect(old).toEqual(descending ? ids.toReversed() : ids);
        expect(new Set(seen).size).toBe(seen.length);
      },
    );

    it('carries the whole primary key, fixed columns included', async () => {
      const tenant = freshTenant();
      await insert(['a', 'b', 'c'].map((id) => datedClient(tenant, id, 1)));
      const rows = await store().clients.list({
        where: { tenant },
        after: [tenant, 'a'],
        limit: 9,
      });
      expect(rows.map(({ clientId }) => clientId)).toEqual(['b', 'c']);
    });

    it('refuses to stand where rows are equal, and refuses values of another type', async () => {
      const where = { tenant: freshTenant() };
      const { clients } = store();
      const tie = clients.list({ where, orderBy: ['createdAt'], after: [1], limit: 1 });
      await expect(tie).rejects.toThrow('whole primary key');
      const short = clients.list({ where, after: ['a'], limit: 1 });
      await expect(short).rejects.toThrow('needs 2 values');
      const type = clients.list({ where, after: [where.tenant, 7], limit: 1 });
      await expect(type).rejects.toThrow('cannot be compared');
    });
  });
}

function describeFilters(store: () => Store): void {
  const run = stepRunner(store);
  describe('conditions', () => {
    it('compare, and treat null as a value that equals itself', async () => {
      const tenant = freshTenant();
      const at = { do: 'feed', tenant, at: 1 } as const;
      const target = (id: string) => ({ kind: 'user', id }) as const;
      const revocation = (id: string) =>
        ({ type: 'revocation', target: target(id), expiresAt: 1 }) as never;
      const other = { type: 'route', name: 'r', route: null } as never;
      await run([{ ...at, entries: [revocation('a'), other, revocation('b'), other] }]);
      const positions = async (where: object) =>
        (await store().feed.list({ where: { tenant, ...where }, limit: 9 })).map(
          ({ position }) => position,
        );
      expect(await positions({ targetId: null })).toEqual([2, 4]);
      expect(await positions({ targetId: 'a' })).toEqual([1]);
      expect(await positions({ targetId: { is: '!=', value: 'a' } })).toEqual([2, 3, 4]);
      expect(await positions({ targetId: { is: '!=', value: null } })).toEqual([1, 3]);
      expect(await positions({ targetId: { is: '>', value: '' } })).toEqual([1, 3]);
      expect(await positions({ position: { is: '>=', value: 3 } })).toEqual([3, 4]);
      expect(await positions({ position: { is: '<', value: 3 }, targetKind: 'user' })).toEqual([1]);
      expect(await positions({ position: { is: '<=', value: 2 } })).toEqual([1, 2]);
      expect(await store().feed.count({ tenant, targetKind: null })).toBe(2);
    });

    it('that cannot be meant are bugs', async () => {
      const { nodes, keys } = store();
      const of = (where: object) => nodes.count(where);
      await expect(of({ nobody: 1 })).rejects.toThrow('no column nobody');
      await expect(of({ node: undefined })).rejects.toThrow('undefined');
      await expect(of({ node: 1 })).rejects.toThrow('cannot be compared');
      await expect(of({ position: { is: '>', value: null } })).rejects.toThrow('null');
      await expect(keys.count({ scopes: '[]' as never })).rejects.toThrow('never searched');
    });

    it('count over all rows of the table, or those that match', async () => {
      const tenant = freshTenant();
      const rows = ['a', 'b'].map((node) => nodeRow(tenant, node));
      await run([{ do: 'insertMany', table: 'nodes', rows }]);
      expect(await store().nodes.count({ tenant })).toBe(2);
      expect(await store().nodes.count()).toBeGreaterThanOrEqual(2);
    });
  });
}
