/**
 * Searching the trail by object, action, actor and time. Records that wait for the sequencer are
 * part of every answer, marked so: what was acknowledged a moment ago must be found.
 */
import { type AuditObject, limits, type TenantId } from '@mintmark/core';
import { objectColumn } from './leaf.ts';
import {
  type AuditItem,
  compareAge,
  isAbout,
  itemOfLog,
  itemOfWaiting,
  type LogRow,
  type Moment,
  type Pause,
  pageOfObject,
  type TrailStore,
  waitingRows,
} from './trail.ts';

/** Where the next page begins. By time, or by index where an object was asked for. */
export type AuditCursor =
  | { readonly by: 'time'; readonly at: number; readonly id: string }
  | { readonly by: 'index'; readonly index: number };

export interface AuditQuery {
  readonly tenant: TenantId;
  /** Records of this object, and those that name it as related. */
  readonly object?: AuditObject;
  readonly action?: string;
  readonly actor?: { readonly kind: string; readonly id: string };
  /** Unix milliseconds, inclusive. */
  readonly from?: number;
  readonly to?: number;
  /** 1–`limits.pageItemsMax` */
  readonly limit: number;
  readonly after?: AuditCursor;
}

export interface AuditPage {
  /** Newest first. */
  readonly items: readonly AuditItem[];
  /** Undefined on the last page. A page may be short and still have a next one. */
  readonly next: AuditCursor | undefined;
}

/**
 * One page. Looks at no more than `limits.auditScanRowsMax` records for it, a few between two
 * pauses. With `object`, the
 * first page holds all waiting records beside its `limit`.
 */
export function searchAudit(
  store: TrailStore,
  query: AuditQuery,
  pause: Pause,
): Promise<AuditPage> {
  const search = query.object === undefined ? searchByTime : searchByObject;
  return search(store, query, pause);
}

async function searchByTime(
  store: TrailStore,
  query: AuditQuery,
  pause: Pause,
): Promise<AuditPage> {
  const { tenant, limit, to, after } = query;
  const cursor = after?.by === 'time' ? after : undefined;
  const waiting = (await waitingRows(store, tenant, pause)).map(itemOfWaiting);
  const { items: logged, scannedTo } = await scanLog(store, query, { cursor, pause });
  const ids = new Set(logged.map((item) => item.id));
  const all = [
    ...logged,
    ...waiting.filter((item) => {
      if (ids.has(item.id) || !fits(query, item)) return false;
      if (to !== undefined && item.at > to) return false;
      if (cursor !== undefined && compareAge(item, cursor) >= 0) return false;
      // Older than what the scan reached: it belongs to a later page.
      return scannedTo === undefined || compareAge(item, scannedTo) >= 0;
    }),
  ].sort((a, b) => compareAge(b, a));
  const items = all.slice(0, limit);
  const last = all.length > limit ? items.at(-1) : scannedTo;
  const next = last === undefined ? undefined : { by: 'time' as const, at: last.at, id: last.id };
  return { items, next };
}

/** @returns `scannedTo` undefined where nothing older is left to look at */
async function scanLog(
  store: TrailStore,
  query: AuditQuery,
  { cursor, pause }: { readonly cursor: Moment | undefined; readonly pause: Pause },
): Promise<{ readonly items: AuditItem[]; readonly scannedTo: Moment | undefined }> {
  const { tenant, limit, to, from } = query;
  const items: AuditItem[] = [];
  const pageRows = pageRowsOf(query);
  let last = cursor;
  for (let scanned = 0; scanned < limits.auditScanRowsMax; scanned += pageRows) {
    const rows: readonly LogRow[] = await store.auditLog.list({
      where: { tenant, ...(to === undefined ? {} : { at: { is: '<=', value: to } }) },
      orderBy: ['tenant', 'at', 'id', 'index'],
      descending: true,
      // No index is below 0, so this stands behind the record itself.
      ...(last === undefined ? {} : { after: [tenant, last.at, last.id, 0] }),
      limit: pageRows,
    });
    for (const row of rows) {
      if (from !== undefined && row.at < from) return { items, scannedTo: undefined };
      last = { at: row.at, id: row.id };
      const item = itemOfLog(row);
      if (fits(query, item)) items.push(item);
      if (items.length === limit) return { items, scannedTo: last };
    }
    if (rows.length < pageRows) return { items, scannedTo: undefined };
    await pause();
  }
  return { items, scannedTo: last };
}

/** Where every record fits, no more are read than are shown. */
function pageRowsOf({ action, actor, limit }: AuditQuery): number {
  return action === undefined && actor === undefined ? limit : limits.longReadRows;
}

async function searchByObject(
  store: TrailStore,
  query: AuditQuery,
  pause: Pause,
): Promise<AuditPage> {
  const { tenant, limit } = query;
  const column = objectColumn(query.object as AuditObject);
  const cursor = query.after?.by === 'index' ? query.after.index : undefined;
  const waiting = cursor === undefined ? await waitingRows(store, tenant, pause) : [];
  const pageRows = pageRowsOf(query);
  let before = cursor;
  const items: AuditItem[] = [];
  for (let scanned = 0; scanned < limits.auditScanRowsMax; scanned += pageRows) {
    const rows = await pageOfObject(store, { tenant, column, before, pageRows });
    for (const row of rows) {
      before = row.index;
      const item = itemOfLog(row);
      if (fits(query, item)) items.push(item);
      if (items.length === limit) break;
    }
    if (items.length === limit) break;
    if (rows.length < pageRows) {
      before = undefined;
      break;
    }
    await pause();
  }
  const ids = new Set(items.map((item) => item.id));
  const first = waiting
    .filter((row) => isAbout(row, column) && !ids.has(row.id))
    .map(itemOfWaiting)
    .filter((item) => fits(query, item))
    .sort((a, b) => compareAge(b, a));
  const next = before === undefined ? undefined : { by: 'index' as const, index: before };
  return { items: [...first, ...items], next };
}

function fits(query: AuditQuery, item: AuditItem): boolean {
  const { action, actor, from, to } = query;
  if (action !== undefined && item.leaf?.action !== action) return false;
  if (actor !== undefined) {
    const by = item.leaf?.actor;
    if (by?.kind !== actor.kind || by.id !== actor.id) return false;
  }
  return (from === undefined || item.at >= from) && (to === undefined || item.at <= to);
}
