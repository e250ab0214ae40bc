/**
 * Rows of keys as verification reads them, remembered for a moment: a key in use is presented many
 * times a second. A change made by this process is seen by the next verification; one that another
 * process made, within `limits.keyRowCacheMs`. Everything else (expiry, address, scopes) is judged
 * each time. What must never happen: a row remembered that was read before a change and arrived
 * after it.
 */
import { type Clock, limits } from '@mintmark/core';
import type { Act, Step } from '../store/act.ts';
import type { TableReader } from '../store/store.ts';
import type { KeyRow } from './key-change.ts';

/** What verification needs of the table. */
export type KeyReader = Pick<TableReader<'keys'>, 'get'>;

export interface KeyCache extends KeyReader {
  /** To be called when an act has ended, whatever its outcome. */
  forget(act: Act): void;
}

interface Remembered {
  readonly row: KeyRow;
  readonly untilMs: number;
}

/** Unknown ids are not remembered: strangers could make up any number of them. */
export function createKeyCache(keys: KeyReader, clock: Pick<Clock, 'monotonicMs'>): KeyCache {
  const rows = new Map<string, Remembered>();
  let changes = 0;
  return {
    async get(...key) {
      const name = key.join('\n');
      const startedMs = clock.monotonicMs();
      const known = rows.get(name);
      if (known !== undefined && startedMs < known.untilMs) return known.row;
      const before = changes;
      const row = await keys.get(...key);
      if (before === changes) remember(name, row, startedMs + limits.keyRowCacheMs);
      return row;
    },
    forget(act) {
      const ways = [act, ...Object.values(act.otherwise ?? {})];
      if (!ways.some(({ steps }) => steps.some(writesKeys))) return;
      changes++;
      rows.clear();
    },
  };

  function remember(name: string, row: KeyRow | undefined, untilMs: number): void {
    rows.delete(name);
    if (row === undefined) return;
    const oldest = rows.keys().next();
    if (rows.size >= limits.keyRowsCachedMax && oldest.done !== true) rows.delete(oldest.value);
    rows.set(name, { row, untilMs });
  }
}

function writesKeys(step: Step): boolean {
  return step.do !== 'feed' && step.table === 'keys' && step.do !== 'require';
}
