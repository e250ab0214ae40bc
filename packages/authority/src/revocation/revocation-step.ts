/** The one feed step that every revocation is made of. */
import {
  limits,
  type RevocationTarget,
  type TenantId,
  type UnixMs,
  type UnixSeconds,
} from '@mintmark/core';
import type { FeedDraft, FeedStep } from '../store/act.ts';

/** What was disabled together with a revocation, and the version that it then had. */
export interface Undo {
  readonly enables: 'client' | 'user';
  readonly version: number;
}

/** The end of the year 9999: API keys may live for ever, and so does what ends them. */
const forever = 253_402_300_799 as UnixSeconds;

/**
 * @param input.at unix milliseconds
 * @param input.before only what was issued before this moment ends
 * @param input.tokensEndAt unix seconds at which the last token of the target has ended; by default
 *   the longest life that any token has. The entry lasts longer by the skew: a node whose clock is
 *   behind still takes the token
 * @param input.holder who asked for the end of its own token; see `HolderBudget`
 * @param input.keepsKeys tokens alone end, and none of the API keys that the user owns
 * @param input.entries other feed entries of the same act, behind the revocation
 */
export function revocationStep(input: {
  readonly tenant: TenantId;
  readonly id: string;
  readonly target: RevocationTarget;
  readonly reason: string;
  readonly actor: string;
  readonly at: number;
  readonly before?: UnixSeconds | undefined;
  readonly tokensEndAt?: UnixSeconds | undefined;
  readonly holder?: string | undefined;
  readonly keepsKeys?: boolean;
  readonly entries?: readonly FeedDraft[];
  readonly sealedNote?: string | null;
  /** What was disabled with it: see `undo.ts`. */
  readonly undo?: Undo | undefined;
}): FeedStep {
  const { tenant, id, target, reason, actor, at, before, holder } = input;
  const keysBefore =
    endsKeys(target) && input.keepsKeys !== true
      ? ((before === undefined ? at : before * 1000) as UnixMs)
      : undefined;
  // However long ago `before` was: refresh tokens of then may be used now.
  const longest = Math.ceil(at / 1000) + limits.accessTokenTtlSecondsMax;
  const tokensEndAt = (input.tokensEndAt ?? longest) + limits.clockSkewSeconds;
  const entry: FeedDraft = {
    type: 'revocation',
    target,
    expiresAt: keysBefore === undefined ? (tokensEndAt as UnixSeconds) : forever,
    ...(before === undefined ? {} : { before }),
    ...(keysBefore === undefined ? {} : { keysBefore }),
    ...(holder === undefined ? {} : { holder }),
  };
  return {
    do: 'feed',
    tenant,
    at,
    entries: [entry, ...(input.entries ?? [])],
    revocation: {
      ...{ tenant, id, targetKind: target.kind, targetId: target.id, reason, actor, at },
      beforeSeconds: before ?? null,
      sealedNote: input.sealedNote ?? null,
      undo: input.undo === undefined ? null : JSON.stringify(input.undo),
    },
  };
}

/** Whether API keys end with the target: those that the user owns, all of the tenant. */
export function endsKeys(target: RevocationTarget): boolean {
  return target.kind === 'user' || target.kind === 'tenant';
}
