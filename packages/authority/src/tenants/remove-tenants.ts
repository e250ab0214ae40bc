/**
 * The rows of deleted tenants, taken away a bounded number at a time: from the deletion on nothing
 * of them is served, so nobody waits for this. What stays is the name, which is never given again,
 * and what proves the past: audit records with the data keys that open what is personal in them,
 * and the feed. Any process may do it, and again after a fault: what is left stands in the rows.
 */
import { type Clock, limits } from '@mintmark/core';
import type { Step } from '../store/act.ts';
import type { Store, TableReader } from '../store/store.ts';
import { type TableName, tables } from '../store/tables.ts';

export interface TenantRemover {
  /** One bounded step; cheap where there is nothing to do. @throws StoreFault */
  step(): Promise<void>;
}

const kept: ReadonlySet<string> = new Set<TableName>([
  ...(['installation', 'tenants', 'feedHead', 'feed', 'revocations', 'custodyKeys'] as const),
  ...(['auditPending', 'auditLog', 'auditHead'] as const),
]);

/** Whatever else a tenant has rows in; those in partitions go with their partition. */
const removed = (Object.keys(tables) as TableName[]).filter(
  (name) => !kept.has(name) && !('partition' in tables[name]),
);

/** A deleted tenant of which nothing is left has no name for people either. */
const nothingLeft = '';

export function createTenantRemover(deps: {
  readonly store: Store;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}): TenantRemover {
  const { store, clock } = deps;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let tenant: string | undefined;

  async function next(): Promise<string | undefined> {
    if (clock.monotonicMs() - lookedAtMs < limits.custodyUpkeepMs) return undefined;
    const name = { is: '!=', value: nothingLeft } as const;
    const [found] = await store.tenants.list({ where: { status: 'deleted', name }, limit: 1 });
    if (found === undefined) lookedAtMs = clock.monotonicMs();
    return found?.tenant;
  }

  return {
    async step() {
      tenant ??= await next();
      if (tenant === undefined) return;
      for (const table of removed) {
        if (await removeSome(store, table, tenant)) return;
      }
      const where = { tenant, status: 'deleted' } as const;
      const set = { name: nothingLeft };
      await store.acts.run({
        steps: [{ do: 'update', table: 'tenants', where, set }],
        audit: null,
      });
      tenant = undefined;
    },
  };
}

/** @returns whether there was anything */
async function removeSome(store: Store, table: TableName, tenant: string): Promise<boolean> {
  const reader: Pick<TableReader<'keys'>, 'list'> = store[table] as never;
  const rows: readonly Readonly<Record<string, unknown>>[] = await reader.list({
    where: { tenant },
    limit: limits.pageItemsMax,
  });
  if (rows.length === 0) return false;
  const keys = rows.map((row) => tables[table].key.map((column) => row[column] as string));
  const step = { do: 'deleteMany', table, keys } as Step;
  await store.acts.run({ steps: [step], audit: null });
  return true;
}
