/** Asks the policies about the tokens that are about to be made, for every grant alike. */
import { err, ok, type Result, type TokenBinding } from '@mintmark/core';
import type { Due } from './consult-hook.ts';
import type { GrantDeps, TokenRefusal, TokenRequest } from './grant.ts';

/**
 * It comes before the operator's hook, which may take scopes away and give none: what is judged is
 * the most that will be issued.
 *
 * @returns name of the decision, where one was made; refusal: policy_denied
 * @throws StoreFault
 */
export async function askPolicies(
  { judgeIssuance }: Pick<GrantDeps, 'judgeIssuance'>,
  due: Due & { readonly binding: TokenBinding | undefined },
  { address }: Pick<TokenRequest, 'address'>,
): Promise<Result<string | undefined, TokenRefusal>> {
  const { client, judgement, grant, scopes, audience, format, ttlSeconds } = due;
  const { terms, signIn = terms, actor, vouchedBy: assertionIssuer } = judgement;
  const judged = await judgeIssuance({
    ...{ tenant: client.tenant, clientId: client.clientId, subject: judgement.subject },
    ...{ grant, scopes, audience, format, ttlSeconds, assertionIssuer, address },
    clientAuthentication: client.authMethod,
    binding: due.binding ?? judgement.binding,
    ...{ acr: signIn?.acr, amr: terms?.amr, authTimeSeconds: signIn?.authTimeSeconds },
    actor: actor && String(actor['sub']),
  });
  const { verdict, decision } = judged;
  return verdict === 'deny' ? err({ reason: 'policy_denied', decision }) : ok(decision);
}
