/**
 * What is kept of a key's secret: a peppered hash to compare with, and for enforcement points the
 * SHA-256 verifier, sealed. Neither lets a reader of the database call anything. What must never
 * happen: the verifier readable at rest, or a secret anywhere but in the answer that made it.
 */
import { base64urlEncode, type TenantId } from '@mintmark/core';
import { derivationKeyOf, hashSecret, secretVerifier } from '@mintmark/tokens';
import { sealContext } from '../custody/contexts.ts';
import type { Row } from '../store/tables.ts';

/** The installation's peppers, unwrapped into memory (`custody/peppers.ts`). */
export interface KeyPeppers {
  current(): { readonly version: string; readonly key: Uint8Array };
  find(version: string): Promise<Uint8Array | undefined>;
}

/** Seals under the tenant's data key, bound to a context (`custody/sealer.ts`). */
export interface VerifierSealer {
  seal(tenant: TenantId, context: string, plaintext: Uint8Array): Promise<Uint8Array>;
  open(tenant: TenantId, context: string, sealed: Uint8Array): Promise<Uint8Array>;
}

/** The columns of a key's row that depend on its secret. */
export type SecretColumns = Pick<
  Row<'keys'>,
  'hashScheme' | 'hash' | 'pepperVersion' | 'sealedVerifier' | 'derivationKey'
>;

/**
 * @param input.secret the secret part of our own keys; of imported ones whatever their hash covered
 * @throws CustodyFault where the verifier cannot be sealed
 */
export async function secretColumns(
  ports: { readonly peppers: KeyPeppers; readonly sealer: Pick<VerifierSealer, 'seal'> },
  input: { readonly tenant: TenantId; readonly id: string; readonly secret: string },
): Promise<SecretColumns> {
  const { tenant, id, secret } = input;
  const verifier = secretVerifier(secret);
  return {
    ...pepperedColumns(ports.peppers, input),
    sealedVerifier: await ports.sealer.seal(tenant, sealContext.keyVerifier(id), verifier),
    derivationKey: derivationKeyOf({ keyId: id, secret }),
  };
}

/**
 * The same without a verifier, for keys that no enforcement point ever judges, and without what
 * sub-keys are verified by.
 */
export function pepperedColumns(
  peppers: KeyPeppers,
  input: { readonly tenant: TenantId; readonly id: string; readonly secret: string },
): SecretColumns {
  const { version, key } = peppers.current();
  return {
    hashScheme: 'pepper',
    hash: hashSecret({ pepper: key, ...input }),
    pepperVersion: version,
    sealedVerifier: null,
    derivationKey: null,
  };
}

/**
 * Opens a row's verifier for the feed.
 *
 * @returns base64url, or undefined where the row has none: an import that was not used yet
 * @throws CustodyFault
 */
export async function openVerifier(
  sealer: Pick<VerifierSealer, 'open'>,
  row: Row<'keys'>,
): Promise<string | undefined> {
  if (row.sealedVerifier === null) return undefined;
  const { tenant, id, sealedVerifier } = row;
  const context = sealContext.keyVerifier(id);
  return base64urlEncode(await sealer.open(tenant as TenantId, context, sealedVerifier));
}
