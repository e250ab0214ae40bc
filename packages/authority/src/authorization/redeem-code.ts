/**
 * Tokens for a client whose authorization answer is the tokens themselves (OpenID Connect Core
 * §3.2). Between the act that gave the code and the one that redeems it a crash leaves a code that
 * nobody has.
 */
import { err, ok, type Result } from '@mintmark/core';
import type { GrantDeps } from '../grants/grant.ts';
import { redeemAtOnce } from '../grants/run-grant.ts';
import type { FrontChannelTokens } from './authorization-response.ts';
import type { Completion } from './complete.ts';

/** Why the answer holds no tokens. */
export interface RedeemRefusal {
  readonly reason: 'access_denied' | 'tokens_refused';
}

/**
 * @param completion of a request that asks for tokens
 * @returns refusals: access_denied where policies or the operator's hook said no, tokens_refused
 *   where something else stands against them since the person agreed
 * @throws StoreFault, CustodyFault
 */
export async function redeemCode(
  deps: GrantDeps,
  { tenant, client: { clientId }, asked, visitor }: Completion,
  code: string,
): Promise<Result<FrontChannelTokens, RedeemRefusal>> {
  const { redirectUri, responseType = 'id_token' } = asked.request;
  const issued = await redeemAtOnce(deps, {
    ...{ tenant, clientId, code, redirectUri, responseType },
    address: visitor.address,
  });
  if (!issued.ok) {
    const { reason } = issued.refusal;
    const isDenied = reason === 'policy_denied' || reason === 'hook_refused';
    return err({ reason: isDenied ? 'access_denied' : 'tokens_refused' });
  }
  const { text: accessToken, idToken, issuedAt, expiresAt, scopes } = issued.value;
  if (idToken === undefined) return err({ reason: 'tokens_refused' });
  return ok({ idToken, accessToken, expiresInSeconds: expiresAt - issuedAt, scopes });
}
