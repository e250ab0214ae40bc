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
 * every object of its kind that it was rotated from or into. Of a token also what ended it with all
 * that it belongs to.
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
  if (object.kind === 'token') {
    const ends = await endsOfToken(store, { tenant, items: [...found.values()], waiting, pause });
    complete &&= ends.complete;
    for (const item of ends.items) found.set(item.id, item);
  }
  // By time: within one second, places in the log are given by chance.
  const items = [...found.values()].sort(compareAge);
  return { items: items.slice(0, limits.auditHistoryRecordsMax), complete };
}

/** Acts on what a token belongs to that end it, in whole or for the tokens of one moment. */
const endings = new Set([
  'revocation.create',
  'revocation.undo',
  'signing_key.retire',
  'client.delete',
  'user.delete',
  'user.password_set',
  'tenant.delete',
]);
/** They end it where they disable. */
const disablings = new Set(['client.update', 'user.update', 'tenant.update']);

/**
 * A token ends with its family, its client, its user, its tenant and the key that signed it, by one
 * record about that: those that were made while it lived belong to its life.
 */
async function endsOfToken(
  store: TrailStore,
  of: {
    readonly tenant: TenantId;
    readonly items: readonly AuditItem[];
    readonly waiting: Awaited<ReturnType<typeof waitingRows>>;
    readonly pause: Pause;
  },
): Promise<{ readonly items: readonly AuditItem[]; readonly complete: boolean }> {
  const { tenant, waiting, pause } = of;
  const issue = of.items.find(({ leaf }) => leaf?.action === 'token.issue');
  const detail = issue?.leaf?.detail;
  if (issue === undefined || detail === undefined) return { items: [], complete: true };
  const until = Number(detail['expires_at']) * 1000;
  const family = issue.leaf?.related;
  const columns = [
    `client:${detail['client']}`,
    `user:${detail['subject']}`,
    `tenant:${tenant}`,
    ...(detail['kid'] === undefined ? [] : [`signing_key:${detail['kid']}`]),
    ...(family === undefined ? [] : [`revocation:family:${family.id}`, `family:${family.id}`]),
  ];
  const items: AuditItem[] = [];
  let complete = true;
  for (const column of columns) {
    const pageRows = limits.longReadRows;
    const rows = await pageOfObject(store, { tenant, column, before: undefined, pageRows });
    complete &&= rows.length < pageRows || (rows.at(-1)?.at ?? 0) < issue.at;
    const about = waiting.filter((row) => isAbout(row, column)).map(itemOfWaiting);
    const all = [...rows.map(itemOfLog), ...about];
    items.push(...all.filter((item) => isEnding(item) && item.at >= issue.at && item.at <= until));
    if (rows.length === pageRows) await pause();
  }
  return { items, complete };
}

function isEnding({ leaf }: AuditItem): boolean {
  if (leaf === undefined || leaf.result !== 'done') return false;
  const disables = disablings.has(leaf.action) && leaf.detail?.['status'] === 'disabled';
  return disables || endings.has(leaf.action);
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
