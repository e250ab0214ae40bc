/** The trail's rows as both the search and the history read them. */
import { limits } from '@mintmark/core';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { type AuditLeaf, parseLeaf } from './leaf.ts';
import type { OpenedPersonal } from './record.ts';

export interface AuditItem {
  /** Place in the log; undefined while the record waits for the sequencer. */
  readonly index: number | undefined;
  readonly at: number;
  /** Undefined where the stored bytes are no leaf; `verifyAudit` tells. */
  readonly leaf: AuditLeaf | undefined;
  readonly id: string;
  readonly personal?: OpenedPersonal;
}

export interface Moment {
  readonly at: number;
  readonly id: string;
}

export type TrailStore = Pick<Store, 'auditLog' | 'auditPending'>;
export type LogRow = Row<'auditLog'>;
export type WaitingRow = Row<'auditPending'>;

/** Newest first: the records of the object and those that name it, each found by its own index. */
export async function pageOfObject(
  store: TrailStore,
  input: {
    readonly tenant: string;
    readonly column: string;
    readonly before: number | undefined;
    readonly pageRows: number;
  },
): Promise<readonly LogRow[]> {
  const { tenant, column, before, pageRows } = input;
  const page = (by: 'object' | 'related') =>
    store.auditLog.list({
      where: { tenant, [by]: column },
      orderBy: ['tenant', by, 'index'],
      descending: true,
      ...(before === undefined ? {} : { after: [tenant, column, before] }),
      limit: pageRows,
    });
  const [own, related] = [await page('object'), await page('related')];
  const rows = new Map([...own, ...related].map((row) => [row.index, row]));
  return [...rows.values()].sort((a, b) => b.index - a.index).slice(0, pageRows);
}

/** Lets others have their turn between two parts of a long reading. */
export type Pause = () => Promise<void>;

/** Newest first: where the sequencer is far behind, these are the ones that a reader misses. */
export async function waitingRows(
  store: TrailStore,
  tenant: string,
  pause: Pause,
): Promise<readonly WaitingRow[]> {
  const rows: WaitingRow[] = [];
  let after: readonly string[] | undefined;
  while (rows.length < limits.auditScanRowsMax) {
    const page: readonly WaitingRow[] = await store.auditPending.list({
      where: { tenant },
      descending: true,
      limit: limits.longReadRows,
      ...(after === undefined ? {} : { after }),
    });
    rows.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < limits.longReadRows) break;
    after = [last.id];
    await pause();
  }
  return rows;
}

export function isAbout(row: WaitingRow, column: string): boolean {
  return row.object === column || row.related === column;
}

export function itemOfLog(row: LogRow): AuditItem {
  return { index: row.index, at: row.at, id: row.id, leaf: parseLeaf(row.leaf) };
}

export function itemOfWaiting(row: WaitingRow): AuditItem {
  return { index: undefined, at: row.at, id: row.id, leaf: parseLeaf(row.leaf) };
}

/** Ids are ASCII, so that this order is the stores' order too. */
export function compareAge(a: Moment, b: Moment): number {
  if (a.at !== b.at) return a.at - b.at;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
