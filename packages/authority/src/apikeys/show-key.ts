/** One key with what it did: first and last use, counts, and uses after its rotation. */
import type { TenantId } from '@mintmark/core';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { type Budget, budgetsOf } from './key-budget.ts';
import { isApiKey } from './key-change.ts';
import type { ShownKey } from './list-keys.ts';

export interface KeyWithUsage {
  readonly key: ShownKey;
  /** Undefined where it was never used. */
  readonly usage: Row<'usage'> | undefined;
  /** Uses inside the overlap: what still has to be moved to the successor. */
  readonly overlapUsage: Row<'usage'> | undefined;
  /** What it may still spend. */
  readonly budgets: readonly Budget[];
}

/** @returns undefined where the tenant has no such key */
export async function showKey(
  ports: {
    readonly store: Pick<Store, 'keys' | 'usage' | 'keyBudgets'>;
    readonly storeNowMs: () => Promise<number>;
  },
  tenant: TenantId,
  id: string,
): Promise<KeyWithUsage | undefined> {
  const { store } = ports;
  const key = await store.keys.get(tenant, id);
  if (!isApiKey(key)) return undefined;
  const usage = await store.usage.get(tenant, 'key', id);
  const overlapUsage =
    key.successor === null ? undefined : await store.usage.get(tenant, 'key_overlap', id);
  return { key, usage, overlapUsage, budgets: await budgetsOf(ports, key) };
}
