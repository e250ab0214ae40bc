/** The audit records that a store holds: waiting for the sequencer, or in the log already. */
import type { AuditRecord } from '../act.ts';
import type { Store } from '../store.ts';

export async function recordsOf(store: Store, tenant: string): Promise<readonly AuditRecord[]> {
  const query = { where: { tenant }, limit: 10_000 } as const;
  const waiting = await store.auditPending.list(query);
  const entered = await store.auditLog.list(query);
  return [
    ...waiting,
    ...entered.map(({ index: _index, chain: _chain, ...record }): AuditRecord => record),
  ];
}

export async function recordOf(
  store: Store,
  record: AuditRecord,
): Promise<AuditRecord | undefined> {
  return (await recordsOf(store, record.tenant)).find(({ id }) => id === record.id);
}
