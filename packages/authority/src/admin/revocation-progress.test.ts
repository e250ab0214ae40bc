import { defaultTenant, limits, type UnixMs } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import type { Step } from '../store/act.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import { revocationRow } from '../store/revocation-row.ts';
import { revocationProgress } from './revocation-progress.ts';

const at = 1_790_000_000_000;
const lease = limits.feedLeaseMs;

/** A revocation at position 7, and nodes as (name, position, seenAt, epoch). */
async function progress(
  nodes: readonly (readonly [string, number, number, string?])[],
  now: number,
  id = 'r1',
) {
  const store = openMemoryStore();
  const tenant = defaultTenant;
  const installation = { id: 'self', epoch: 'e1', createdAt: at, settings: {} };
  const steps: Step[] = [
    { do: 'insert', table: 'installation', row: installation, refused: 'taken' },
    {
      do: 'insert',
      table: 'revocations',
      row: revocationRow(
        {
          ...{ tenant, id: 'r1', targetKind: 'key', targetId: 'k', reason: 'leaked' },
          ...{ actor: 'admin_key:root', at },
        },
        7,
      ),
      refused: 'taken',
    },
    ...nodes.map(([node, position, seenAt, epoch = 'e1']): Step => {
      const row = { tenant, node, epoch, position, seenAt };
      return { do: 'insert', table: 'nodes', row, refused: 'taken' };
    }),
  ];
  await store.acts.run({ steps, audit: null });
  const found = await revocationProgress(store, { tenant, id, now: now as UnixMs });
  return found && [found.nodes.map(({ state }) => state), found.everywhereAt];
}

describe('revocationProgress', () => {
  it('knows no revocation that was not made', async () => {
    expect(await progress([], at, 'other')).toBeUndefined();
  });

  it('holds at once where there is no node', async () => {
    expect(await progress([], at)).toEqual([[], at]);
  });

  it('waits for a node however many others have acknowledged', async () => {
    const others = Array.from({ length: limits.pageItemsMax }, (_, i) => [`n${i}`, 7, at] as const);
    const [states, everywhereAt] = (await progress([...others, ['zz', 6, at]], at + 1)) ?? [];
    expect((states as string[]).filter((state) => state === 'pending')).toHaveLength(1);
    expect(everywhereAt).toBeUndefined();
  });

  it('holds when every node has acknowledged', async () => {
    expect(
      await progress(
        [
          ['a', 7, at + 40],
          ['b', 9, at + 90],
        ],
        at + 100,
      ),
    ).toEqual([['acknowledged', 'acknowledged'], at + 90]);
  });

  it('waits for a node that has not, until its lease has run out', async () => {
    const nodes = [
      ['a', 7, at + 40],
      ['b', 6, at - 1000],
    ] as const;
    const end = at - 1000 + lease;
    expect(await progress(nodes, end - 1)).toEqual([['acknowledged', 'pending'], undefined]);
    expect(await progress(nodes, end)).toEqual([['acknowledged', 'lease_ended'], end]);
  });

  it('takes no acknowledgement of an earlier epoch', async () => {
    expect(await progress([['a', 99, at, 'e0']], at + 1)).toEqual([['pending'], undefined]);
  });

  it('does not wait for a node that was gone before', async () => {
    expect(await progress([['a', 1, at - 60_000]], at)).toEqual([['lease_ended'], at]);
  });

  it('never names a moment later than one lease, however long nodes go on talking', async () => {
    expect(await progress([['a', 50, at + 3_600_000]], at + 3_600_000)).toEqual([
      ['acknowledged'],
      at + lease,
    ]);
  });
});
