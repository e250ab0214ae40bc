/** The rows of a feed step, but for the position, which the store fills in. */
import { limits } from '@mintmark/core';
import type { FeedStep } from './act.ts';

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
  return step.entries.map((draft) => {
    const entry = JSON.stringify(draft);
    if (draft.type !== 'revocation') {
      const expiresAtSeconds = Math.floor(step.at / 1000) + limits.accessTokenTtlSecondsMax;
      return { entry, targetKind: null, targetId: null, expiresAtSeconds };
    }
    const { kind, id } = draft.target;
    return { entry, targetKind: kind, targetId: id, expiresAtSeconds: draft.expiresAt };
  });
}

/** Puts the position in front. A draft always has a `type`, so it is never `{}`. */
export function withPosition(entry: string, position: number): string {
  return `{"position":${position},${entry.slice(1)}`;
}
