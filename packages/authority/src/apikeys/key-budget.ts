/**
 * What a key may still spend: uses, of which each verification takes one, and credits, of which it
 * takes its cost. A use takes all that it costs or nothing, in one act whose conditions are the
 * counters themselves: of any number of callers on any number of nodes, exactly as many are let
 * through as there is left. Refills are due by the store's clock. What must never happen: a counter
 * below zero, a denial that takes something, or two refills of one moment.
 */
import { err, limits, ok, type Result, StoreFault, type TenantId } from '@mintmark/core';
import type { Step } from '../store/act.ts';
import type { Refill } from '../store/key-tables.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { KeyRow } from './key-change.ts';
import { nextRefill } from './refill.ts';

export type BudgetRow = Row<'keyBudgets'>;
type BudgetName = BudgetRow['name'];

export interface BudgetSetting {
  readonly remaining: number;
  readonly refill?: Refill | undefined;
}

/** By name; absent: not counted. */
export type BudgetSettings = { readonly [N in BudgetName]?: BudgetSetting | undefined };

/** In the order in which they are judged. */
export const budgetNames = ['uses', 'credits'] as const satisfies readonly BudgetName[];

export interface SpendPorts {
  readonly store: Pick<Store, 'keyBudgets' | 'acts'>;
  /** Milliseconds by the clock that all nodes share. @throws StoreFault */
  readonly storeNowMs: () => Promise<number>;
}

/** What is left, as of a moment just after the spending; a due refill counts. */
export interface Budget {
  readonly name: BudgetName;
  readonly left: number;
  readonly refillAt: number | null;
  readonly refill: Refill | null;
}

export interface SpendRefusal {
  readonly reason: 'uses_spent' | 'credits_spent';
  readonly budgets: readonly Budget[];
  /** When there will be more, in milliseconds from now; undefined: never by itself. */
  readonly retryMs: number | undefined;
}

/** Counters of a new key. */
export function budgetRows(
  { tenant, id }: { readonly tenant: string; readonly id: string },
  settings: BudgetSettings,
  now: number,
): readonly BudgetRow[] {
  return budgetNames.flatMap((name) => {
    const setting = settings[name];
    if (setting === undefined) return [];
    const { remaining: left, refill } = setting;
    const refillAt = refill === undefined ? null : nextRefill(refill, now);
    return [{ tenant, id, name, left, refill: refill ?? null, refillAt }];
  });
}

/** What is left of a key's counters now; empty where it has none. @throws StoreFault */
export async function budgetsOf(
  { store, storeNowMs }: Omit<SpendPorts, 'store'> & { readonly store: Pick<Store, 'keyBudgets'> },
  key: Pick<KeyRow, 'tenant' | 'budget'>,
): Promise<readonly Budget[]> {
  const rows = await rowsOf(store, key);
  if (rows.length === 0) return [];
  const now = await storeNowMs();
  return rows.map((row) => shown(row, now));
}

/**
 * Takes the cost of one use: one of the uses, and `cost` credits. A cost of 0 takes nothing.
 *
 * @returns what is left; refusals take nothing
 * @throws StoreFault where nobody can tell whether it was taken, or the counters never stand still
 */
export async function spend(
  ports: SpendPorts,
  key: Pick<KeyRow, 'tenant' | 'budget'>,
  cost: number,
): Promise<Result<readonly Budget[], SpendRefusal>> {
  if (key.budget === null) return ok([]);
  for (let attempt = 0; attempt < limits.spendAttemptsMax; attempt++) {
    const rows = await rowsOf(ports.store, key);
    // Nobody takes the last counter from a key that is counted: without one it is not free.
    if (rows.length === 0) throw new StoreFault('store_corrupt', 'a key lacks its counters');
    const now = await ports.storeNowMs();
    const short = rows.find((row) => shown(row, now).left < costOf(row, cost));
    if (short !== undefined) return err(refusalOf(rows, short, now));
    if (cost === 0) return ok(rows.map((row) => shown(row, now)));
    const { outcome } = await ports.store.acts.run({
      steps: rows.map((row) => taking(row, costOf(row, cost), now)),
      // No record: a use is an event, counted like those of gateways. The counter is the owner's
      // own, and what changes it by hand is recorded.
      audit: null,
    });
    // Reading again could fail, and deny a use that is paid.
    if (outcome === 'done') return ok(rows.map((row) => without(row, costOf(row, cost), now)));
  }
  throw new StoreFault('store_conflict', 'the counters of a key changed again and again');
}

/** The counters of a key, in the order in which they are judged. @throws StoreFault */
export async function rowsOf(
  store: Pick<Store, 'keyBudgets'>,
  { tenant, budget }: Pick<KeyRow, 'tenant' | 'budget'>,
): Promise<readonly BudgetRow[]> {
  if (budget === null) return [];
  const rows = await store.keyBudgets.list({
    where: { tenant: tenant as TenantId, id: budget },
    limit: budgetNames.length,
  });
  return budgetNames.flatMap((name) => rows.filter((row) => row.name === name));
}

function costOf({ name }: BudgetRow, cost: number): number {
  return name === 'uses' ? Math.min(cost, 1) : cost;
}

function isDue({ refillAt }: BudgetRow, now: number): boolean {
  return refillAt !== null && refillAt <= now;
}

/** A refill raises to its amount and never takes away. */
function shown(row: BudgetRow, now: number): Budget {
  const { name, left, refill, refillAt } = row;
  if (refill === null || !isDue(row, now)) return { name, left, refillAt, refill };
  const raised = Math.max(left, refill.amount);
  return { name, left: raised, refillAt: nextRefill(refill, now), refill };
}

function without(row: BudgetRow, amount: number, now: number): Budget {
  const before = shown(row, now);
  return { ...before, left: before.left - amount };
}

/** A due refill comes first, in the same step; an amount below zero adds. Refuses as `changed`. */
export function taking(row: BudgetRow, amount: number, now: number): Step {
  const { tenant, id, name, left, refillAt } = row;
  const where = { tenant, id, name, refillAt };
  const after = shown(row, now);
  if (after.refillAt === refillAt) {
    return {
      do: 'update',
      table: 'keyBudgets',
      // Whoever was quicker may have taken from it: only that it suffices is the condition.
      where: { ...where, left: { is: '>=', value: amount } },
      set: { left: { add: -amount } },
      refused: 'changed',
    };
  }
  return {
    do: 'update',
    table: 'keyBudgets',
    // The one that refills is the one for whom nothing has changed since it looked.
    where: { ...where, left },
    set: { left: after.left - amount, refillAt: after.refillAt },
    refused: 'changed',
  };
}

function refusalOf(rows: readonly BudgetRow[], short: BudgetRow, now: number): SpendRefusal {
  const budgets = rows.map((row) => shown(row, now));
  const { refillAt } = shown(short, now);
  return {
    reason: short.name === 'uses' ? 'uses_spent' : 'credits_spent',
    budgets,
    retryMs: refillAt === null ? undefined : refillAt - now,
  };
}
