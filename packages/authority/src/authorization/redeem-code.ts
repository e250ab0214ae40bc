/**
 * Tokens for a client whose authorization answer is the tokens themselves (OpenID Connect Core
 * §3.2). Between the act that gave the code and the one that redeems it a crash leaves a code that
 * nobody has.
 */
import type { GrantDeps } from '../grants/grant.ts';
import { redeemAtOnce } from '../grants/run-grant.ts';
import type { FrontChannelTokens } from './authorization-response.ts';
import type { Completion } from './complete.ts';

/**
 * @param completion of a request that asks for tokens
 * @returns undefined where something stands against them since the person agreed
 * @throws StoreFault, CustodyFault
 */
export async function redeemCode(
  deps: GrantDeps,
  { tenant, client: { clientId }, asked, visitor }: Completion,
  code: string,
): Promise<FrontChannelTokens | undefined> {
  const { redirectUri, responseType = 'id_token' } = asked.request;
  const issued = await redeemAtOnce(deps, {
    ...{ tenant, clientId, code, redirectUri, responseType },
    address: visitor.address,
  });
  if (!issued.ok || issued.value.idToken === undefined) return undefined;
  const { text: accessToken, idToken, issuedAt, expiresAt, scopes } = issued.value;
  return { idToken, accessToken, expiresInSeconds: expiresAt - issuedAt, scopes };
}
