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
export interface KeyReader extends Pick<TableReader<'keys'>, 'get'> {
  /**
   * To be called before a key is refused whose secret was not proven, with what `get` said of it:
   * whoever is refused has paid for one reading of a row and one of none, so that the time of the
   * answer does not say whether there is such a key.
   */
  readonly level?: (tenant: string, row: KeyRow | undefined) => Promise<void>;
}

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
  /** Whether the row that `get` gave last was read for it. */
  const wasRead = new WeakMap<KeyRow, boolean>();
  let decoy: KeyRow | undefined;
  let changes = 0;
  return {
    async get(...key) {
      const name = key.join('\n');
      const startedMs = clock.monotonicMs();
      const known = rows.get(name);
      if (known !== undefined && startedMs < known.untilMs) {
        wasRead.set(known.row, false);
        return known.row;
      }
      const before = changes;
      const row = await keys.get(...key);
      if (row !== undefined) {
        wasRead.set(row, true);
        decoy = row;
      }
      if (before === changes) remember(name, row, startedMs + limits.keyRowCacheMs);
      return row;
    },
    async level(tenant, row) {
      // No id of ours has this character.
      const owed = row === undefined ? decoy : row;
      if (row !== undefined) await keys.get(tenant, `${row.id.slice(0, -1)}~`);
      if (owed !== undefined && (row === undefined || wasRead.get(row) === false)) {
        await keys.get(owed.tenant, owed.id);
      }
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
