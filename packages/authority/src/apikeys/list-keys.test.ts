import { defaultTenant, limits } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../store/store.ts';
import { createKey } from './create-key.ts';
import { keyBed, requester } from './key-bed.ts';
import { type KeyQuery, listKeys } from './list-keys.ts';

const many = 3 * limits.longReadRows + 7;

describe('a list of keys by status', () => {
  let bed: ReturnType<typeof keyBed>;
  let reads: number[];
  let pauses: number;
  let last: string;

  beforeEach(async () => {
    bed = keyBed();
    reads = [];
    pauses = 0;
    last = '';
    for (let i = 0; i < many; i++) {
      const settings = { name: `k${i}`, owner: i % 2 === 0 ? 'even' : 'odd', scopes: [] };
      const made = await createKey(bed, { requester, settings });
      if (made.ok && last === '') last = made.value.row.id;
      bed.clock.advanceMs(1);
    }
    const where = { tenant: defaultTenant, id: last };
    await bed.store.acts.run({
      steps: [{ do: 'update', table: 'keys', where, set: { status: 'disabled' } }],
      audit: null,
    });
  });

  function list(query: Partial<KeyQuery>) {
    const keys: Store['keys'] = {
      ...bed.store.keys,
      async list(asked) {
        const rows = await bed.store.keys.list(asked);
        reads.push(rows.length);
        return rows;
      },
    };
    const timers = {
      after(_ms: number, run: () => void) {
        pauses++;
        run();
        return () => undefined;
      },
    };
    const asked = { tenant: defaultTenant, kind: 'key', limit: 10, ...query } as const;
    return listKeys({ ...bed, store: { ...bed.store, keys }, timers }, asked);
  }

  it('finds the one at the end, a bounded part in each turn', async () => {
    const { rows, next } = await list({ filter: { status: 'disabled' } });
    expect([rows.map(({ id }) => id), next]).toEqual([[last], undefined]);
    expect(Math.max(...reads)).toBeLessThanOrEqual(limits.longReadRows);
    expect(pauses).toBe(reads.length - 1);
    expect(reads).toHaveLength(4);
  });

  it.each([{}, { owner: 'odd' }])(
    'pages through all of %j, none missed or repeated',
    async (of) => {
      const seen: string[] = [];
      let after: KeyQuery['after'];
      do {
        const page = await list({ filter: { ...of, status: 'active' }, limit: 100, after });
        seen.push(...page.rows.map(({ id }) => id));
        after = page.next;
      } while (after !== undefined);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toHaveLength('owner' in of ? Math.floor(many / 2) : many - 1);
    },
  );

  it('reads once where no status is asked for', async () => {
    const { rows } = await list({});
    expect([rows.length, reads, pauses]).toEqual([10, [11], 0]);
  });
});
