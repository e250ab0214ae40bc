/** Changes of a key's counters: set anew with an edit of the key, or raised by a payment. */
import { err, limits, ok, type Result, StoreFault, type TenantId } from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import type { Alongside, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import {
  type Budget,
  type BudgetSetting,
  budgetNames,
  budgetRows,
  budgetsOf,
  rowsOf,
  taking,
} from './key-budget.ts';
import {
  isApiKey,
  type KeyPorts,
  type KeyRow,
  keyEvent,
  type StoppedByStep,
} from './key-change.ts';

/** By name; absent: as it is; null: not counted any more. */
export type BudgetPatch = {
  readonly [N in (typeof budgetNames)[number]]?: BudgetSetting | null | undefined;
};

/**
 * The steps that bring counters to what an edit says, and the key's `budget` afterwards. Its steps
 * hold because the act that they are part of holds the key's version.
 *
 * @throws StoreFault
 */
export async function budgetEdit(
  store: Pick<Store, 'keyBudgets'>,
  row: KeyRow,
  patch: BudgetPatch,
  now: number,
): Promise<{ readonly steps: readonly Step[]; readonly budget: string | null }> {
  const { tenant, budget } = row;
  const id = budget ?? row.id;
  const found = await store.keyBudgets.list({
    where: { tenant: tenant as TenantId, id },
    limit: budgetNames.length,
  });
  // Left over from before the last one was taken away: they count again only where they are set.
  const known = budget === null ? [] : found.map(({ name }) => name);
  const after = budgetNames.filter((name) =>
    patch[name] === undefined ? known.includes(name) : patch[name] !== null,
  );
  // A predecessor in its overlap may still spend from what its successor no longer counts.
  if (after.length === 0) return { steps: [], budget: null };
  const wanted = Object.fromEntries(
    Object.entries(patch).map(([name, setting]) => [name, setting ?? undefined]),
  );
  const puts = budgetRows({ tenant, id }, wanted, now).map(
    (one) => ({ do: 'put', table: 'keyBudgets', row: one }) as const,
  );
  const gone = budgetNames.filter((name) => !after.includes(name));
  const deletes = gone.map(
    (name) => ({ do: 'delete', table: 'keyBudgets', where: { tenant, id, name } }) as const,
  );
  return { steps: [...puts, ...deletes], budget: id };
}

export type TopUpRefusal =
  | { readonly reason: 'not_found' }
  | { readonly reason: 'owner_not_allowed'; readonly owner: string }
  | { readonly reason: 'revoked' }
  /** The key has no such counter. */
  | { readonly reason: 'not_counted'; readonly name: string }
  | StoppedByStep;

/**
 * Adds to what is left, whatever is spent at the same moment.
 *
 * @param input.add how much, by counter; at least one
 * @returns what is left
 * @throws StoreFault also where the counters never stand still
 */
export async function topUpKey(
  ports: Pick<KeyPorts, 'recorder' | 'clock'> & {
    readonly store: Pick<Store, 'keys' | 'keyBudgets' | 'acts'>;
    readonly storeNowMs: () => Promise<number>;
  },
  input: {
    readonly requester: Requester;
    readonly id: string;
    readonly mayNameOwner: (owner: string) => boolean;
    readonly add: Readonly<Partial<Record<(typeof budgetNames)[number], number | undefined>>>;
    readonly alongside?: Alongside<KeyRow>;
  },
): Promise<Result<{ row: KeyRow; budgets: readonly Budget[] }, TopUpRefusal>> {
  const { requester, add } = input;
  const row = await ports.store.keys.get(requester.tenant, input.id);
  if (!isApiKey(row)) return err({ reason: 'not_found' });
  const { owner } = row;
  if (!input.mayNameOwner(owner)) return err({ reason: 'owner_not_allowed', owner });
  if (row.status === 'revoked') return err({ reason: 'revoked' });
  const amounts = budgetNames.flatMap((name) => {
    const amount = add[name];
    return amount === undefined ? [] : [{ name, amount }];
  });
  for (let attempt = 0; attempt < limits.spendAttemptsMax; attempt++) {
    const rows = await rowsOf(ports.store, row);
    const missing = amounts.find(({ name }) => rows.every((one) => one.name !== name));
    if (missing !== undefined) return err({ reason: 'not_counted', name: missing.name });
    const now = await ports.storeNowMs();
    // A refill that is due raises to its amount, and what is paid comes on top of it.
    const added = rows.flatMap((one) => {
      const amount = add[one.name];
      return amount === undefined ? [] : [taking(one, -amount, now)];
    });
    const { outcome } = await ports.store.acts.run({
      steps: [...added, ...(input.alongside?.(row) ?? [])],
      audit: await ports.recorder.record(
        keyEvent(requester, row, {
          action: 'key.top_up',
          at: ports.clock.nowMs(),
          detail: Object.fromEntries(amounts.map(({ name, amount }) => [name, amount])),
        }),
      ),
    });
    if (outcome === 'done') return ok({ row, budgets: await budgetsOf(ports, row) });
    if (outcome !== 'changed') return err({ reason: 'refused_by_step', step: outcome });
  }
  throw new StoreFault('store_conflict', 'the counters of a key changed again and again');
}
