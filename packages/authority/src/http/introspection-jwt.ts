/**
 * Introspection answers as JWTs (RFC 9701): what a resource server keeps as proof of what it was
 * told, and what nobody on the way can read where it asks for encryption. What must never happen:
 * such an answer taken for a token. So it has a type of its own, and neither `sub` nor `exp` beside
 * `token_introspection` (§8.1).
 */
import { type JsonObject, nowSeconds, ok, type Result } from '@mintmark/core';
import { encryptJwt } from '@mintmark/tokens';
import { signClaims } from '../authorization/sign-claims.ts';
import type { Client } from '../clients/client.ts';
import { type RecipientRefusal, recipientOf } from '../clients/recipient.ts';
import type { UserinfoDeps } from '../grants/userinfo.ts';

export const introspectionJwtType = 'application/token-introspection+jwt';

/**
 * Whether the answer is to be a JWT: the request says so (§4), or the client is registered for
 * answers that only it can read.
 */
export function wantsIntrospectionJwt(
  accept: string | undefined,
  { introspectionKeyEncryption }: Pick<Client, 'introspectionKeyEncryption'>,
): boolean {
  if (introspectionKeyEncryption !== undefined) return true;
  const ranges = (accept ?? '').toLowerCase().split(',');
  return ranges.some((range) => {
    const [type, ...parameters] = range.split(';').map((part) => part.trim());
    return type === introspectionJwtType && !parameters.some((one) => /^q=0(?:\.0*)?$/.test(one));
  });
}

/**
 * @param client the resource server that asks; the audience (§5)
 * @returns refusal: no_encryption_key
 * @throws CustodyFault, StoreFault
 */
export async function introspectionJwt(
  deps: Pick<UserinfoDeps, 'keyring' | 'clientKeys' | 'entropy' | 'clock' | 'issuerOf'>,
  client: Client,
  answer: JsonObject,
): Promise<Result<string, RecipientRefusal>> {
  const { tenant, clientId } = client;
  const recipient = await recipientOf(deps.clientKeys, client, 'introspection');
  if (!recipient.ok) return recipient;
  const jwt = await signClaims(deps.keyring, {
    tenant,
    // §6: what is left out.
    algorithm: client.introspectionAlgorithm ?? 'RS256',
    typ: 'token-introspection+jwt',
    claims: {
      iss: deps.issuerOf(tenant),
      aud: clientId,
      iat: nowSeconds(deps.clock),
      token_introspection: answer,
    },
  });
  return ok(recipient.value === undefined ? jwt : encryptJwt(deps.entropy, recipient.value, jwt));
}
