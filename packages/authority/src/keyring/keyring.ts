/** The tenant's signing keys: one for each algorithm, made at first use. */
import { createPrivateKey } from 'node:crypto';
import type { Clock, JwsAlgorithm, Signer, SigningKeyId, TenantId } from '@mintmark/core';
import {
  type AsymmetricAlgorithm,
  createKeySet,
  generateSigningKey,
  importVerificationKey,
  type KeySet,
  localSigner,
} from '@mintmark/tokens';
import type { Recorder } from '../audit/record.ts';
import { sealContext } from '../custody/contexts.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export interface Keyring {
  signer(tenant: TenantId, algorithm: JwsAlgorithm): Promise<Signer>;
  jwks(tenant: TenantId): Promise<readonly Readonly<Record<string, unknown>>[]>;
  verificationKeys(tenant: TenantId): Promise<KeySet>;
  tick(): Promise<void>;
}

export interface KeyringDeps {
  readonly store: Pick<Store, 'signingKeys' | 'acts'>;
  readonly sealer: Sealer;
  readonly recorder: Recorder;
  readonly clock: Clock;
}

export async function createKeyring(deps: KeyringDeps): Promise<Keyring> {
  const signers = new Map<string, Promise<Signer>>();
  let keySet: KeySet | undefined;

  async function load(tenant: TenantId, algorithm: JwsAlgorithm): Promise<Signer> {
    const known = (await rowsOf(deps, tenant)).find((row) => row.algorithm === algorithm);
    const row = known ?? (await make(deps, tenant, algorithm));
    keySet = undefined;
    const context = sealContext.signingKey(row.kid);
    const pkcs8 = await deps.sealer.open(tenant, context, row.sealedPrivate);
    const privateKey = createPrivateKey({ key: Buffer.from(pkcs8), type: 'pkcs8', format: 'der' });
    return localSigner({ privateKey, algorithm, kid: row.kid as SigningKeyId });
  }

  return {
    signer(tenant, algorithm) {
      const name = `${tenant} ${algorithm}`;
      const known = signers.get(name) ?? load(tenant, algorithm);
      signers.set(name, known);
      return known;
    },
    async jwks(tenant) {
      return (await rowsOf(deps, tenant)).map((row) => row.publicJwk);
    },
    async verificationKeys(tenant) {
      keySet ??= keySetOf(await rowsOf(deps, tenant));
      return keySet;
    },
    tick: async () => undefined,
  };
}

function rowsOf(deps: KeyringDeps, tenant: TenantId): Promise<readonly Row<'signingKeys'>[]> {
  return deps.store.signingKeys.list({ where: { tenant }, limit: 100 });
}

function keySetOf(rows: readonly Row<'signingKeys'>[]): KeySet {
  const keys = rows.flatMap((row) => {
    const algorithms = [row.algorithm as JwsAlgorithm];
    const key = importVerificationKey(row.publicJwk as never, { algorithms });
    return key.ok ? [key.value] : [];
  });
  const set = createKeySet({ keys, epoch: keys.map((key) => key.kid).join() });
  if (!set.ok) throw new Error(set.refusal.reason);
  return set.value;
}

async function make(
  deps: KeyringDeps,
  tenant: TenantId,
  algorithm: JwsAlgorithm,
): Promise<Row<'signingKeys'>> {
  const generated = await generateSigningKey(algorithm as AsymmetricAlgorithm);
  const { privateKey, publicJwk, kid } = generated;
  const now = deps.clock.nowMs();
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const row: Row<'signingKeys'> = {
    tenant,
    kid,
    algorithm,
    generation: 1,
    publicJwk,
    sealedPrivate: await deps.sealer.seal(tenant, sealContext.signingKey(kid), pkcs8),
    status: 'active',
    createdAt: now,
    activateAt: now,
    retireAt: null,
    version: 1,
  };
  const entry = { type: 'signing_key', kid, jwk: publicJwk, status: 'trusted' } as const;
  await deps.store.acts.run({
    steps: [
      { do: 'insert', table: 'signingKeys', row, refused: 'taken' },
      { do: 'feed', tenant, at: now, entries: [entry] },
    ],
    audit: await deps.recorder.record({
      tenant,
      action: 'signing_key.create',
      at: now,
      actor: { kind: 'system', id: 'keyring' },
      object: { kind: 'signing_key', id: kid },
      result: 'done',
    }),
  });
  return row;
}
