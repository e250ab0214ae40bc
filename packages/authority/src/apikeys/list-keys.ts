/** Lists keys, newest first; secrets and their hashes stay behind. */
import { letOthersRun, limits, type TenantId, type Timers } from '@mintmark/core';
import type { KeyRow } from './key-change.ts';
import { type FilterPorts, isMeant, isOpen, type KeyFilter } from './key-filter.ts';

/** A row as it may be shown: nothing that depends on the secret. */
export type ShownKey = Omit<KeyRow, 'hash' | 'pepperVersion' | 'sealedVerifier'>;

type Place = readonly (string | number)[];

export interface KeyQuery {
  readonly tenant: TenantId;
  readonly kind: 'key' | 'pat' | 'admin';
  readonly filter?: KeyFilter;
  readonly limit: number;
  /** The position of the last row of the page before. */
  readonly after?: Place | undefined;
}

export interface KeyPage {
  readonly rows: readonly ShownKey[];
  /** Where to go on; undefined on the last page. A page may be short and still have a next one. */
  readonly next: Place | undefined;
}

export interface ListPorts extends FilterPorts {
  readonly timers: Pick<Timers, 'after'>;
}

/**
 * One page of the keys of a kind. Only the owner has an index: where more is asked for, rows are
 * looked at a few at a time, others have their turn between, and at most `limits.keyScanRowsMax`
 * are for one page.
 */
export async function listKeys(ports: ListPorts, query: KeyQuery): Promise<KeyPage> {
  const { filter = {}, limit } = query;
  const rows: KeyRow[] = [];
  let after = query.after;
  for (let looked = 0; looked < limits.keyScanRowsMax; ) {
    // One more than asked for shows whether there is a next page.
    const count = isOpen(filter) ? limit + 1 : limits.longReadRows;
    const found = await ports.store.keys.list(readOf(query, after, count));
    looked += found.length;
    for (const row of found) {
      if (rows.length === limit) return { rows, next: placeOf(query, rows.at(-1)!) };
      if (isOpen(filter) || (await isMeant(ports, filter, row))) rows.push(row);
    }
    const last = found.at(-1);
    if (last === undefined || found.length < count) return { rows, next: undefined };
    after = placeOf(query, last);
    await letOthersRun(ports.timers);
  }
  return { rows, next: after };
}

function readOf({ tenant, kind, filter }: KeyQuery, after: Place | undefined, limit: number) {
  const owner = filter?.owner;
  return {
    where: { tenant, kind, ...(owner === undefined ? {} : { owner }) },
    orderBy: ['tenant', owner === undefined ? 'kind' : 'owner', 'createdAt', 'id'] as const,
    descending: true,
    ...(after === undefined ? {} : { after }),
    limit,
  };
}

function placeOf({ filter }: KeyQuery, row: KeyRow): Place {
  const owner = filter?.owner;
  return [row.tenant, owner === undefined ? row.kind : row.owner, row.createdAt, row.id];
}
