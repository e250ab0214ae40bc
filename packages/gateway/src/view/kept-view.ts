/**
 * Puts a view together from what was kept of the feed. Neighbours: `kept-feed.ts` keeps it,
 * `remote.ts` vouches for what comes after it.
 */
import {
  type FeedDelta,
  type FeedKeyPage,
  type JsonValue,
  type KeptFeed,
  parseFeedDelta,
  parseFeedKeys,
  parseFeedSnapshot,
  parseJson,
  utf8Decode,
} from '@mintmark/core';
import type { Kept } from './kept-feed.ts';
import type { StatusView } from './status-view.ts';

/** @returns undefined where a part cannot be read, or reaches less far than was proven */
export function readKept({ records, position, provenAtMs }: Kept): KeptFeed | undefined {
  const [first, ...rest] = records;
  const snapshot = first && parsed(first.body, parseFeedSnapshot);
  if (snapshot === undefined) return undefined;
  let reached = snapshot.head;
  const later: (FeedKeyPage | FeedDelta)[] = [];
  for (const { part, body } of rest) {
    const page = part === 'keys' ? parsed(body, parseFeedKeys) : undefined;
    const delta = part === 'delta' ? parsed(body, parseFeedDelta) : undefined;
    if (page !== undefined) later.push(page);
    else if (delta === undefined || delta.after > reached) return undefined;
    else {
      // It may tell again what the snapshot tells already, having come while that was on its way.
      const entries = delta.entries.slice(reached - delta.after);
      later.push({ ...delta, after: reached, entries });
      reached += entries.length;
    }
  }
  return reached < position ? undefined : { snapshot, later, provenAtMs };
}

/**
 * @param leaseFromMs monotonic milliseconds at which the authority last vouched for it, which may
 *   be before this process began
 */
export function restoreView(view: StatusView, kept: KeptFeed, leaseFromMs: number): void {
  view.applySnapshot(kept.snapshot, leaseFromMs);
  for (const one of kept.later) {
    if ('after' in one) {
      if (view.applyDelta(one, leaseFromMs) === 'gap') return;
    } else if (view.wantedKeys !== undefined) {
      view.applyKeys(one, view.wantedKeys);
    }
  }
}

function parsed<T>(
  body: Uint8Array,
  read: (value: JsonValue) => { readonly ok: true; readonly value: T } | { readonly ok: false },
): T | undefined {
  const text = utf8Decode(body);
  const json = text === undefined ? undefined : parseJson(text);
  const result = json?.ok ? read(json.value) : undefined;
  return result?.ok ? result.value : undefined;
}
