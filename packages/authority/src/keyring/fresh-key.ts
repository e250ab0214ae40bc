/** New key pairs: their private half is readable only until it is sealed, a few lines later. */
import type { KeyObject } from 'node:crypto';
import { type Clock, CustodyFault, type TenantId } from '@mintmark/core';
import { generateEncryptionKey, generateSigningKey } from '@mintmark/tokens';
import { sealContext } from '../custody/contexts.ts';
import type { Sealer } from '../custody/sealer.ts';
import { type KeyPairAlgorithm, nextGeneration, type SigningKeyRow } from './schedule.ts';

interface FreshKeyPorts {
  readonly sealer: Pick<Sealer, 'seal'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/**
 * Makes a key pair and the row that holds it, sealed.
 *
 * @param input.rows every row of the tenant, as read
 * @throws CustodyFault `custody_unsupported` for HS256, and those of the sealer
 */
export async function freshKeyRow(
  ports: FreshKeyPorts,
  input: {
    readonly tenant: TenantId;
    readonly algorithm: KeyPairAlgorithm;
    readonly rows: readonly SigningKeyRow[];
    readonly status: 'published' | 'active';
    readonly activateAt: number;
  },
): Promise<SigningKeyRow> {
  const { tenant, algorithm, rows, status, activateAt } = input;
  if (algorithm === 'HS256') {
    throw new CustodyFault('custody_unsupported', 'HS256 has no key pair', {
      hint: 'choose an asymmetric algorithm, such as ES256',
    });
  }
  const generated =
    algorithm === 'ECDH-ES'
      ? await generateEncryptionKey(algorithm)
      : await generateSigningKey(algorithm);
  return {
    tenant,
    kid: generated.kid,
    algorithm,
    generation: nextGeneration(rows, algorithm),
    publicJwk: generated.publicJwk,
    sealedPrivate: await sealPrivate(ports, tenant, generated),
    status,
    createdAt: ports.clock.nowMs(),
    activateAt,
    retireAt: null,
    version: 1,
  };
}

async function sealPrivate(
  ports: FreshKeyPorts,
  tenant: TenantId,
  { privateKey, kid }: { readonly privateKey: KeyObject; readonly kid: string },
): Promise<Uint8Array> {
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
  try {
    return await ports.sealer.seal(tenant, sealContext.signingKey(kid), pkcs8);
  } finally {
    pkcs8.fill(0);
  }
}
