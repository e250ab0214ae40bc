/** What a client learns of the person, where it asked for `openid`. */
import { ok, type Result } from '@mintmark/core';
import type { Client } from '../clients/client.ts';
import { type RecipientRefusal, recipientOf } from '../clients/recipient.ts';
import { subjectFor } from '../clients/subject-for.ts';
import type { IdTokenDraft } from '../issuance/id-token.ts';
import type { Step } from '../store/act.ts';
import type { Additions } from './consult-hook.ts';
import type { GrantDeps, Judgement } from './grant.ts';
import { personClaims } from './person-claims.ts';

/**
 * The ID token that is due. The claims of its scopes are for the userinfo endpoint, where there is
 * an access token to ask with (OpenID Connect Core §5.4); those asked for by name are in it.
 *
 * @returns undefined where `openid` was not granted; refusal: no_encryption_key
 * @throws StoreFault, CustodyFault
 */
export async function idTokenDue(
  deps: Pick<GrantDeps, 'users' | 'pairwiseKey' | 'clientKeys'>,
  client: Client,
  due: { readonly judgement: Judgement; readonly additions: Additions },
): Promise<Result<IdTokenDraft | undefined, RecipientRefusal>> {
  const { additions } = due;
  const { terms, nonce = null, subject } = due.judgement;
  if (terms === undefined || !additions.scopes.includes('openid')) return ok(undefined);
  const recipient = await recipientOf(deps.clientKeys, client, 'idToken');
  if (!recipient.ok) return recipient;
  const names = Object.keys(terms.claims?.id_token ?? {});
  const scopes = due.judgement.isIdTokenAlone === true ? additions.scopes : [];
  const isAsked = names.length + scopes.length > 0;
  const user = isAsked ? await deps.users.get(client.tenant, subject) : undefined;
  return ok({
    tenant: client.tenant,
    clientId: client.clientId,
    subject: subjectFor(deps.pairwiseKey, client, subject),
    algorithm: client.idTokenAlgorithm,
    ttlSeconds: client.idTokenTtlSeconds,
    terms,
    nonce,
    person: {
      ...(user === undefined ? {} : personClaims(user.claims, { scopes, names })),
      ...additions.idToken,
    },
    recipient: recipient.value,
  });
}

/**
 * Keeps what was asked of the userinfo endpoint by name, for as long as any access token of the
 * family may ask it. Most requests ask for nothing that way, and keep nothing.
 */
export function userinfoWishes(client: Client, judgement: Judgement, now: number): readonly Step[] {
  const { terms, basis } = judgement;
  const names = Object.keys(terms?.claims?.userinfo ?? {});
  if (basis?.family === undefined || names.length === 0 || judgement.refresh !== undefined)
    return [];
  const { tenant } = client;
  const refreshSeconds = client.grantTypes.includes('refresh_token')
    ? client.refreshTokenTtlSeconds
    : 0;
  const expiresAtSeconds = now + refreshSeconds + client.accessTokenTtlSeconds;
  const row = { tenant, family: basis.family, names, expiresAtSeconds };
  return [{ do: 'put', table: 'userinfoWishes', row }];
}
