/** One tenant's signing keys as a process holds them: what signs, what verifies. */
import { createPrivateKey, hash, type KeyObject } from 'node:crypto';
import {
  type Clock,
  type JsonValue,
  type JwsAlgorithm,
  limits,
  type Signer,
  type TenantId,
} from '@mintmark/core';
import {
  type DecryptionKey,
  jwsAlgorithms,
  type KeySet,
  localSigner,
  parseKeySet,
} from '@mintmark/tokens';
import { sealContext } from '../custody/contexts.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { Store } from '../store/store.ts';
import {
  isForEncryption,
  isTrusted,
  kidOf,
  type SigningKeyRow,
  signingRow,
  tenantOf,
} from './schedule.ts';

export interface KeyView {
  readonly rows: readonly SigningKeyRow[];
  /** Newest first; public members only. */
  readonly jwks: readonly Readonly<Record<string, unknown>>[];
  readonly keySet: KeySet;
  /** Signers that were unsealed, by algorithm. */
  readonly signers: Map<JwsAlgorithm, Signer>;
  /** Keys that were unsealed to decrypt with, by name. */
  readonly decryption: Map<string, KeyObject>;
  /** Monotonic time at which the store was asked. */
  readonly seenAtMs: number;
}

/** A tenant has two or three live keys an algorithm, and a dozen retired ones a year. */
const rowsMax = 10_000;

/** All that the tenant ever had. */
export function readSigningKeys(
  store: Pick<Store, 'signingKeys'>,
  tenant: TenantId,
): Promise<readonly SigningKeyRow[]> {
  return store.signingKeys.list({ where: { tenant }, limit: rowsMax });
}

export interface KeyViews {
  /** Young enough to sign by. Calls at the same time share one read. */
  current(tenant: TenantId): Promise<KeyView>;
  /** Whether the tenant's keys are in memory. */
  isHeld(tenant: TenantId): boolean;
  /** The view, where nothing need be awaited. */
  fresh(tenant: TenantId): KeyView | undefined;
  /** Reads the store now: what was changed before the call is in it. */
  renew(tenant: TenantId): Promise<KeyView>;
}

export function createKeyViews(ports: {
  readonly store: Pick<Store, 'signingKeys'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}): KeyViews {
  const views = new Map<TenantId, KeyView & { readonly read: number }>();
  const reading = new Map<TenantId, Promise<KeyView>>();
  let reads = 0;

  function fresh(tenant: TenantId): KeyView | undefined {
    const view = views.get(tenant);
    if (view === undefined) return undefined;
    return ports.clock.monotonicMs() - view.seenAtMs < limits.keyringViewMs ? view : undefined;
  }

  async function renew(tenant: TenantId): Promise<KeyView> {
    const read = ++reads;
    const seenAtMs = ports.clock.monotonicMs();
    const rows = await readSigningKeys(ports.store, tenant);
    const before = views.get(tenant);
    // A slow read must not bring back what a later one has seen gone.
    if (before !== undefined && before.read > read) return before;
    const view = { ...viewOf(rows, seenAtMs, before), read };
    views.delete(tenant);
    views.set(tenant, view);
    // The least lately read ones leave first.
    for (const oldest of views.keys()) {
      if (views.size <= limits.tenantsHeldMax) break;
      views.delete(oldest);
    }
    return view;
  }

  return {
    isHeld: (tenant) => views.has(tenant),
    fresh,
    renew,
    async current(tenant) {
      const view = fresh(tenant);
      if (view !== undefined) return view;
      let work = reading.get(tenant);
      if (work === undefined) {
        work = renew(tenant).finally(() => reading.delete(tenant));
        reading.set(tenant, work);
      }
      return work;
    },
  };
}

/**
 * @param before the view so far; where nothing changed, its key set and signers go on
 */
function viewOf(
  rows: readonly SigningKeyRow[],
  seenAtMs: number,
  before: KeyView | undefined,
): KeyView {
  const stamp = (row: SigningKeyRow): string => `${row.kid}:${row.version}`;
  const same = before?.rows.map(stamp).join() === rows.map(stamp).join();
  if (before !== undefined && same) return { ...before, seenAtMs };
  const trusted = rows.filter(isTrusted).sort((a, b) => b.createdAt - a.createdAt);
  const jwks = trusted.map((row) => row.publicJwk);
  const signers = signersKept(rows, before);
  const open = [...(before?.decryption ?? [])];
  const decryption = new Map(open.filter(([kid]) => trusted.some((row) => row.kid === kid)));
  return { rows, jwks, keySet: keySetOf(jwks), signers, decryption, seenAtMs };
}

export type SignatureNote = (key: SigningKeyRow) => void;

/** The unsealed signer of the algorithm; undefined where no key signs. */
export async function signerOf(
  ports: {
    readonly sealer: Pick<Sealer, 'open'>;
    /** Told of each signature. */
    readonly signed: SignatureNote | undefined;
  },
  view: KeyView,
  algorithm: JwsAlgorithm,
): Promise<Signer | undefined> {
  const known = view.signers.get(algorithm);
  if (known !== undefined) return known;
  const row = signingRow(view.rows, algorithm);
  if (row === undefined) return undefined;
  const privateKey = await unseal(ports.sealer, row);
  const own = localSigner({ privateKey, algorithm, kid: kidOf(row) });
  const signer: Signer = {
    ...{ kid: own.kid, algorithm },
    sign(input) {
      ports.signed?.(row);
      return own.sign(input);
    },
  };
  view.signers.set(algorithm, signer);
  return signer;
}

/** What may have been encrypted to: every key in the set, those that are to end among them. */
export async function decryptionKeysOf(
  sealer: Pick<Sealer, 'open'>,
  view: KeyView,
): Promise<readonly DecryptionKey[]> {
  const rows = view.rows.filter((row) => isForEncryption(row) && isTrusted(row));
  return Promise.all(
    rows.map(async (row) => {
      const privateKey = view.decryption.get(row.kid) ?? (await unseal(sealer, row));
      view.decryption.set(row.kid, privateKey);
      return { kid: row.kid, privateKey };
    }),
  );
}

/** The private key is readable only between these two lines. */
async function unseal(sealer: Pick<Sealer, 'open'>, row: SigningKeyRow): Promise<KeyObject> {
  const tenant: TenantId = tenantOf(row);
  const pkcs8 = await sealer.open(tenant, sealContext.signingKey(row.kid), row.sealedPrivate);
  try {
    return createPrivateKey({
      key: Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.length),
      format: 'der',
      type: 'pkcs8',
    });
  } finally {
    pkcs8.fill(0);
  }
}

function signersKept(
  rows: readonly SigningKeyRow[],
  before: KeyView | undefined,
): Map<JwsAlgorithm, Signer> {
  const kept = new Map<JwsAlgorithm, Signer>();
  for (const [algorithm, signer] of before?.signers ?? []) {
    if (signingRow(rows, algorithm)?.kid === signer.kid) kept.set(algorithm, signer);
  }
  return kept;
}

/** The epoch follows from the keys, so that every process gives the same set the same one. */
function keySetOf(jwks: readonly Readonly<Record<string, unknown>>[]): KeySet {
  const kids = jwks.map((jwk) => String(jwk['kid'])).sort();
  const epoch = hash('sha256', kids.join(), 'base64url');
  const keys = { keys: jwks as readonly JsonValue[] };
  const parsed = parseKeySet(keys, { algorithms: jwsAlgorithms, epoch });
  // Every key was read by this parser when it was made.
  if (!parsed.ok) throw new Error(`stored signing keys: ${parsed.refusal.reason}`);
  return parsed.value.keySet;
}
