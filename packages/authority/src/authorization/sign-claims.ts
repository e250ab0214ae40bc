/** JWTs by the tenant's own keys that are no access tokens: logout tokens, signed responses. */
import type { JsonObject, JwsAlgorithm, TenantId } from '@mintmark/core';
import { assembleJws, jwsSigningInput } from '@mintmark/tokens';
import type { Keyring } from '../keyring/keyring.ts';

/**
 * @param input.typ undefined where the standard has none; then the claims must be such that nobody
 *   takes it for another kind of token
 * @throws CustodyFault, StoreFault
 */
export async function signClaims(
  keyring: Pick<Keyring, 'signer'>,
  input: {
    readonly tenant: TenantId;
    readonly algorithm: JwsAlgorithm;
    readonly typ: string | undefined;
    readonly claims: JsonObject;
  },
): Promise<string> {
  const { tenant, algorithm, typ, claims } = input;
  const { kid, algorithm: alg, sign } = await keyring.signer(tenant, algorithm);
  const header = { ...(typ === undefined ? {} : { typ }), alg, kid };
  const signingInput = jwsSigningInput(header, claims);
  return assembleJws(signingInput, await sign(Buffer.from(signingInput, 'latin1')));
}
