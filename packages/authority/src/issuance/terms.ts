import type { JsonObject } from '@mintmark/core';

/** What a person agreed to, and how they were known then: what everything issued on it rests on. */
export interface GrantTerms {
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  readonly sessionId: string | null;
  readonly authTimeSeconds: number;
  readonly acr: string | null;
  readonly amr: readonly string[];
  /** The parsed `claims` parameter (OpenID Connect Core §5.5). */
  readonly claims: { readonly userinfo?: object; readonly id_token?: object } | null;
  /** Thumbprint of the DPoP key that it is bound to (RFC 9449 §10). */
  readonly dpopJkt: string | null;
  /** `authorization_details` (RFC 9396), at least one where there are any. */
  readonly details?: readonly JsonObject[] | undefined;
}

/** How and when a person signed in. */
export type SignInTerms = Pick<GrantTerms, 'acr' | 'authTimeSeconds'>;

/** The terms alone, of something that has them beside its own. */
export function termsOf(one: GrantTerms): GrantTerms {
  const { scopes, audience, sessionId, authTimeSeconds, acr, amr, claims, dpopJkt } = one;
  const { details } = one;
  const terms = { scopes, audience, sessionId, authTimeSeconds, acr, amr, claims, dpopJkt };
  return details === undefined ? terms : { ...terms, details };
}
