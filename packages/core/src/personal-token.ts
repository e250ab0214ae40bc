/**
 * Personal access tokens: what one may do at a moment. A token never holds more than its user does,
 * nor more than the policy of its organisation lets any: all three are judged at each use, by the
 * authority and by every gateway alike, so that what is taken from a user is gone from every token.
 */
import type { UnixMs, UnixSeconds } from './clock.ts';

/** What an organisation lets such tokens be. */
export interface PatPolicy {
  /** Longest life, counted from the making; also of tokens that were made before it was set. */
  readonly maxLifeSeconds: number;
  /** Scopes that a token may have; null: all that its user has. */
  readonly allowedScopes: readonly string[] | null;
  /** Whether a token is refused until an administrator has approved it. */
  readonly requiresApproval: boolean;
  /** Roles of which a user must have one to make a token; null: everybody may. */
  readonly makers: readonly string[] | null;
}

/** What holds where nobody has said anything. */
export const defaultPatPolicy: PatPolicy = {
  maxLifeSeconds: 366 * 86_400,
  allowedScopes: null,
  requiresApproval: false,
  makers: null,
};

/** What stands of such a token beside what every key has. */
export interface PatTerms {
  /** Resources that it may be used at; null: all. */
  readonly audience: readonly string[] | null;
  readonly approved: boolean;
}

export interface PatNow {
  /** Its own, as far as its user and the policy have them too. */
  readonly scopes: readonly string[];
  readonly expiresAt: UnixSeconds;
  readonly awaitsApproval: boolean;
}

/** @param token.createdAt absent: as if made long ago, so that it has ended */
export function judgePat(
  token: {
    readonly scopes: readonly string[];
    readonly terms: PatTerms;
    readonly createdAt: UnixMs | undefined;
    readonly expiresAt: UnixSeconds | undefined;
  },
  by: { readonly rights: ReadonlySet<string>; readonly policy: PatPolicy },
): PatNow {
  const { rights, policy } = by;
  const allowed = policy.allowedScopes;
  const end = Math.floor((token.createdAt ?? 0) / 1000) + policy.maxLifeSeconds;
  return {
    scopes: token.scopes.filter(
      (scope) => rights.has(scope) && (allowed === null || allowed.includes(scope)),
    ),
    expiresAt: Math.min(token.expiresAt ?? end, end) as UnixSeconds,
    awaitsApproval: policy.requiresApproval && !token.terms.approved,
  };
}
