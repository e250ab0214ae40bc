/** The memory store as the model: the same acts must have the same outcomes and leave the same. */
import { StoreFault, type TenantId } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import type { Act } from '../act.ts';
import { openMemoryStore } from '../memory/memory-store.ts';
import type { Store } from '../store.ts';
import type { TableName } from '../tables.ts';
import { randomAct, randomTables, seededDice } from './random-act.ts';
import { recordsOf } from './records.ts';
import { freshTenant } from './rows.ts';

/** How many acts differ in more than their values. */
const shapes = 300;

export function describeModel(store: () => Store, input: { acts: number; seed: number }): void {
  const { acts, seed } = input;
  describe('the model', () => {
    it(`${acts} random acts (seed ${seed}) end as in memory`, { timeout: 300_000 }, async () => {
      const dice = seededDice(seed);
      const model = openMemoryStore();
      const counts = new Map<string, number>();
      let tenant = freshTenant();
      for (let number = 0; number < acts; number++) {
        // Few rows in many tenants meet more often than many rows in one.
        if (number % 500 === 499) {
          await expectSameRows(store(), model, tenant);
          tenant = freshTenant();
        }
        // Shapes come again, with other values: PostgreSQL makes a function for each.
        const shape = seededDice(seed + (number % shapes));
        const act = randomAct({ shape, dice, tenant, number });
        const [wanted, got] = [await outcomeOf(model, act), await outcomeOf(store(), act)];
        expect(got, `act ${number}: ${JSON.stringify(act)}`).toEqual(wanted);
        counts.set(wanted.outcome, (counts.get(wanted.outcome) ?? 0) + 1);
      }
      await expectSameRows(store(), model, tenant);
      // A generator that went astray would prove nothing.
      for (const outcome of ['done', 'r0', 'r1', 'r2', 'store_conflict']) {
        expect(counts.get(outcome), outcome).toBeGreaterThan(acts / 200);
      }
    });
  });
}

async function outcomeOf(store: Store, act: Act) {
  try {
    return await store.acts.run(act);
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    return { outcome: error.code, position: undefined };
  }
}

async function expectSameRows(store: Store, model: Store, tenant: TenantId): Promise<void> {
  for (const name of randomTables) {
    const rows = await rowsOf(store, name, tenant);
    expect(rows, name).toEqual(await rowsOf(model, name, tenant));
  }
}

async function rowsOf(store: Store, name: TableName, tenant: TenantId): Promise<unknown> {
  if (name === 'auditPending') {
    const records = await recordsOf(store, tenant);
    return [...records].sort((a, b) => (a.id < b.id ? -1 : 1));
  }
  return await store[name].list({ where: { tenant } as object, limit: 10_000 });
}
