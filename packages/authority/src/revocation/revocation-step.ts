/** The one feed step that every revocation is made of. */
import { limits, type RevocationTarget, type TenantId, type UnixSeconds } from '@mintmark/core';
import type { FeedDraft, FeedStep } from '../store/act.ts';

/**
 * @param input.at unix milliseconds
 * @param input.tokensEndAt unix seconds at which the last token of the target has ended; by default
 *   the longest life that any token has. The entry lasts longer by the skew: a node whose clock is
 *   behind still takes the token
 * @param input.entries other feed entries of the same act, behind the revocation
 */
export function revocationStep(input: {
  readonly tenant: TenantId;
  readonly id: string;
  readonly target: RevocationTarget;
  readonly reason: string;
  readonly actor: string;
  readonly at: number;
  readonly tokensEndAt?: UnixSeconds | undefined;
  readonly entries?: readonly FeedDraft[];
}): FeedStep {
  const { tenant, id, target, reason, actor, at } = input;
  const longest = Math.ceil(at / 1000) + limits.accessTokenTtlSecondsMax;
  const expiresAt = ((input.tokensEndAt ?? longest) + limits.clockSkewSeconds) as UnixSeconds;
  return {
    do: 'feed',
    tenant,
    at,
    entries: [{ type: 'revocation', target, expiresAt }, ...(input.entries ?? [])],
    revocation: { tenant, id, targetKind: target.kind, targetId: target.id, reason, actor, at },
  };
}
