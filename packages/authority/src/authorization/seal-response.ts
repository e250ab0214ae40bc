/** Authorization responses as JWTs (JARM §2.1, §2.2): signed, and encrypted where that is asked. */
import type { ClientId, Entropy, JsonObject, JwsAlgorithm, TenantId } from '@mintmark/core';
import { encryptJwt } from '@mintmark/tokens';
import type { ClientKeys } from '../clients/client-keys.ts';
import type { FindClient } from '../clients/document-client.ts';
import { recipientOf } from '../clients/recipient.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { signClaims } from './sign-claims.ts';

/**
 * @returns undefined where the client has no key to encrypt to, or is gone
 * @throws CustodyFault, StoreFault
 */
export async function sealResponse(
  deps: {
    readonly keyring: Pick<Keyring, 'signer'>;
    readonly clientKeys: Pick<ClientKeys, 'encryptionKey'>;
    readonly findClient: FindClient;
    readonly entropy: Entropy;
  },
  { tenant, clientId }: { readonly tenant: TenantId; readonly clientId: ClientId },
  { algorithm, claims }: { readonly algorithm: JwsAlgorithm; readonly claims: JsonObject },
): Promise<string | undefined> {
  const client = await deps.findClient(tenant, clientId);
  if (client === undefined) return undefined;
  const recipient = await recipientOf(deps.clientKeys, client, 'authorizationResponse');
  if (!recipient.ok) return undefined;
  // No type (JARM §2.1): without `sub` nobody takes it for an ID token.
  const jwt = await signClaims(deps.keyring, { tenant, algorithm, typ: undefined, claims });
  return recipient.value === undefined ? jwt : encryptJwt(deps.entropy, recipient.value, jwt);
}
