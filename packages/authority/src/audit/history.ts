/** The whole life of one credential, as a reader asks for it. */
import { type AuditObject, limits, type TenantId } from '@mintmark/core';
import { type AuditLeaf, objectColumn } from './leaf.ts';
import { openPersonal, type PersonalSealer } from './record.ts';
import {
  type AuditItem,
  compareAge,
  isAbout,
  itemOfLog,
  itemOfWaiting,
  type LogRow,
  type Pause,
  pageOfObject,
  type TrailStore,
  waitingRows,
} from './trail.ts';

/**
 * The whole life of one object, oldest first: its records, those that name it, and the same for
 * every object of its kind that it was rotated from or into.
 *
 * @returns `complete` is false where the bounds on objects or records cut it
 */
export async function auditHistory(
  store: TrailStore,
  tenant: TenantId,
  object: AuditObject,
  pause: Pause,
): Promise<{ readonly items: readonly AuditItem[]; readonly complete: boolean }> {
  const found = new Map<string, AuditItem>();
  const ids = new Set([object.id]);
  let complete = true;
  // The waiting ones first: read after the log, one could have moved there unseen.
  const waiting = await waitingRows(store, tenant, pause);
  for (const id of ids) {
    const column = objectColumn({ kind: object.kind, id });
    const rows = await rowsOfObject(store, { tenant, column, pause });
    complete &&= rows.length < limits.auditHistoryRecordsMax;
    const items = [
      ...rows.map(itemOfLog),
      ...waiting.filter((row) => isAbout(row, column)).map(itemOfWaiting),
    ];
    for (const item of items) {
      // A record that moved into the log between the two reads stands in both.
      if (found.get(item.id)?.index === undefined) found.set(item.id, item);
      for (const other of successors(item.leaf, object.kind)) {
        if (ids.size < limits.auditHistoryObjectsMax) ids.add(other);
        else complete &&= ids.has(other);
      }
    }
  }
  // By time: within one second, places in the log are given by chance.
  const items = [...found.values()].sort(compareAge);
  return { items: items.slice(0, limits.auditHistoryRecordsMax), complete };
}

/** Adds the personal data that can be opened. */
export async function withPersonal(
  store: TrailStore,
  sealer: Pick<PersonalSealer, 'open'>,
  input: { readonly tenant: TenantId; readonly items: readonly AuditItem[] },
): Promise<readonly AuditItem[]> {
  const { tenant, items } = input;
  return Promise.all(
    items.map(async (item) => {
      const row =
        item.index === undefined
          ? await store.auditPending.get(item.id)
          : await store.auditLog.get(item.index);
      if (row?.personal == null) return item;
      const { id, personal } = row;
      const opened = await openPersonal(sealer, { tenant, id, personal });
      return opened === undefined ? item : { ...item, personal: opened };
    }),
  );
}

async function rowsOfObject(
  store: TrailStore,
  { tenant, column, pause }: { tenant: string; column: string; pause: Pause },
): Promise<readonly LogRow[]> {
  const rows: LogRow[] = [];
  let before: number | undefined;
  while (rows.length < limits.auditHistoryRecordsMax) {
    const pageRows = limits.longReadRows;
    const page = await pageOfObject(store, { tenant, column, before, pageRows });
    rows.push(...page);
    before = page.at(-1)?.index;
    if (page.length < pageRows) break;
    await pause();
  }
  return rows;
}

/** Of the same kind on both sides, so a rotation: from one to the other. */
function successors(leaf: AuditLeaf | undefined, kind: string): readonly string[] {
  if (leaf?.related?.kind !== kind || leaf.object.kind !== kind) return [];
  return [leaf.object.id, leaf.related.id];
}
