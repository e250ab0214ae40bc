/** Acts for a process that is about to die, and what must be true of them afterwards. */
import { writeSync } from 'node:fs';
import type { TenantId } from '@mintmark/core';
import { expect } from 'vitest';
import type { Act } from '../act.ts';
import type { Store } from '../store.ts';
import { recordsOf } from './records.ts';
import { auditRow, clientRow, nodeRow, revocationDraft, tokenRow } from './rows.ts';

const tenant = 'crash' as TenantId;

/** There before the acts begin. */
const taken = [nodeRow(tenant, 'taken')];

/** Of every five acts one is refused after it has written, and one faults. */
const kinds = ['plain', 'plain', 'refused', 'plain', 'faulty'] as const;

function kindOf(number: number): (typeof kinds)[number] {
  return kinds[number % kinds.length]!;
}

/** Touches several tables, so that half of it would show. */
export function crashAct(number: number): Act {
  const kind = kindOf(number);
  const audit = (suffix: string) => auditRow(tenant, { id: `${number} ${suffix}` });
  return {
    steps: [
      { do: 'put', table: 'nodes', row: nodeRow(tenant, `n${number}`) },
      { do: 'feed', tenant, entries: [revocationDraft(`${number}`)], at: 1 },
      {
        do: 'insert',
        table: 'tokens',
        row: tokenRow(number % 3, tenant, `t${number}`),
        refused: 'taken',
      },
      ...(kind === 'refused'
        ? [
            {
              do: 'require',
              table: 'clients',
              where: { tenant, clientId: 'nobody' },
              refused: 'no',
            } as const,
          ]
        : []),
      ...(kind === 'faulty' ? [{ do: 'insertMany', table: 'nodes', rows: taken } as const] : []),
      { do: 'put', table: 'clients', row: clientRow(tenant, `c${number}`) },
    ],
    audit: audit('done'),
    otherwise: { no: { steps: [], audit: audit('refused') } },
  };
}

/** Runs acts in waves, and says on standard output when it begins, and how each has ended. */
export async function runCrashActs(
  { acts }: Store,
  { first, count }: { first: number; count: number },
): Promise<void> {
  const steps = [{ do: 'put', table: 'nodes', row: taken[0]! }] as const;
  await acts.run({ steps, audit: null });
  writeSync(1, 'ready\n');
  const wave = 5;
  for (let start = first; start < first + count; start += wave) {
    const numbers = Array.from({ length: wave }, (_, i) => start + i);
    await Promise.all(
      numbers.map(async (number) => {
        const outcome = await acts.run(crashAct(number)).then(
          ({ outcome }) => outcome,
          ({ code }) => code as string,
        );
        writeSync(1, `${number} ${outcome}\n`);
      }),
    );
  }
}

/**
 * @param said what the process wrote before it died; a last line may be cut
 * @param count how many acts it was to run
 */
export async function expectWhole(store: Store, said: string, count: number): Promise<void> {
  const outcomes = new Map(
    [...said.matchAll(/^(\d+) (\w+)\n/gm)].map(([, number, outcome]) => [Number(number), outcome]),
  );
  const feed = await store.feed.list({ where: { tenant }, limit: 10_000 });
  expect(feed.map(({ position }) => position)).toEqual(feed.map((_, i) => i + 1));
  expect((await store.feedHead.get(tenant))?.position ?? 0).toBe(feed.length);
  const fed = feed.map(({ targetId }) => targetId);
  const records = (await recordsOf(store, tenant)).map(({ id }) => id);
  expect(new Set(records).size).toBe(records.length);
  for (let number = 0; number < count; number++) {
    const parts = [
      await store.nodes.get(tenant, `n${number}`),
      await store.tokens.get(number % 3, tenant, `t${number}`),
      await store.clients.get(tenant, `c${number}`),
      records.includes(`${number} done`),
      fed.includes(`${number}`),
    ];
    const there = parts.filter((part) => part !== undefined && part !== false).length;
    // All of it or nothing; and all of it, if somebody was told so.
    expect([0, parts.length], `act ${number}`).toContain(there);
    expect(fed.filter((id) => id === `${number}`).length).toBeLessThanOrEqual(1);
    const kind = kindOf(number);
    const wanted = { plain: 'done', refused: 'no', faulty: 'store_conflict' }[kind];
    const told = outcomes.get(number);
    if (kind !== 'plain') expect(there, `act ${number}`).toBe(0);
    if (told === undefined || told === 'store_outcome_unknown') continue;
    // Told of any other fault, its caller rests assured that nothing of it holds.
    expect(there, `act ${number} told ${told}`).toBe(told === 'done' ? parts.length : 0);
    if (told === 'done' || told === 'no') expect(told).toBe(wanted);
    if (told === 'no') expect(records).toContain(`${number} refused`);
  }
}
