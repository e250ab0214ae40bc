/** The rows of a feed step, but for the position, which the store fills in. */
import { limits } from '@mintmark/core';
import type { FeedStep } from './act.ts';
import { columnOf, encodeCell, shapeOf } from './cells.ts';

export interface FeedRowDraft {
  /** JSON object without `position`. */
  readonly entry: string;
  readonly targetKind: string | null;
  readonly targetId: string | null;
  readonly expiresAtSeconds: number;
}

/**
 * Entries of keys, signing keys and routes stay for a day: a node further behind takes a snapshot,
 * which is built from their own tables.
 */
export function feedRowsOf(step: FeedStep): FeedRowDraft[] {
  const feed = shapeOf('feed');
  const cell = (name: string, value: unknown) => encodeCell(feed, columnOf(feed, name), value);
  cell('tenant', step.tenant);
  cell('at', step.at);
  return step.entries.map((draft) => {
    const target = draft.type === 'revocation' ? draft.target : { kind: null, id: null };
    const aDayLater = Math.floor(step.at / 1000) + limits.accessTokenTtlSecondsMax;
    return {
      entry: JSON.stringify(draft),
      targetKind: cell('targetKind', target.kind) as string | null,
      targetId: cell('targetId', target.id) as string | null,
      expiresAtSeconds: draft.type === 'revocation' ? draft.expiresAt : aDayLater,
    };
  });
}

/** Puts the position in front. A draft always has a `type`, so it is never `{}`. */
export function withPosition(entry: string, position: number): string {
  return `{"position":${position},${entry.slice(1)}`;
}
