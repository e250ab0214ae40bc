/**
 * Tokens out of the authorization endpoint itself (OpenID Connect Core §3.2), for clients that are
 * registered for it. The code that the person's agreement gave is redeemed on the spot, by the same
 * judgement and in the same act as at the token endpoint, so that consent, family, limits and
 * records are those of every other token. No refresh token comes of it (RFC 6749 §4.2.2).
 */
import { authorizationCode } from './authorization-code.ts';
import type { Grant } from './grant.ts';

export const implicit: Grant = {
  type: 'implicit',
  takesScope: false,
  async judge(deps, request, client) {
    const judged = await authorizationCode.judge(deps, request, client);
    if (!judged.ok) return judged;
    const isIdTokenAlone = request.parameter('response_type') === 'id_token';
    return { ok: true, value: { ...judged.value, isIdTokenAlone } };
  },
};
