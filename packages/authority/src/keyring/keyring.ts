/**
 * The signing keys of all tenants. Neighbours: issuance asks for a signer, the key set endpoint and
 * introspection for what verifies, the authority's tick drives the schedule, the management API
 * asks for rotations. What must never happen: a token that a verifier with a fresh enough key set
 * cannot verify, a key trusted after an emergency, or a change without its audit record.
 *
 * Any number of processes may run this over one store. Each change is one act that only holds on
 * the rows it was decided on, so a crash between two changes leaves a state that the next tick, of
 * whatever process, goes on from.
 */
import {
  type Clock,
  CustodyFault,
  defaultTenant,
  err,
  type JwsAlgorithm,
  limits,
  ok,
  type Result,
  type Signer,
  type SigningKeyId,
  type TenantId,
  type UnixMs,
} from '@mintmark/core';
import type { DecryptionKey, KeySet } from '@mintmark/tokens';
import type { Sealer } from '../custody/sealer.ts';
import type { Alongside } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import {
  activateKey,
  addKey,
  bySchedule,
  distrustKey,
  type KeyActOutcome,
  type KeyActPorts,
  type KeyChangeBy,
  retireKey,
} from './key-acts.ts';
import {
  createKeyViews,
  decryptionKeysOf,
  type KeyViews,
  readSigningKeys,
  type SignatureNote,
  signerOf,
} from './key-view.ts';
import {
  activationOf,
  dueChanges,
  isTrusted,
  type KeyChange,
  type KeyPairAlgorithm,
  type KeyringSettings,
  keptAlgorithms,
  kidOf,
  type SigningKeyRow,
  signingRow,
} from './schedule.ts';

export interface Keyring {
  /**
   * The key that signs now, made at once where the algorithm has none. Cached; a change made by
   * another process is followed within `limits.keyringViewMs`.
   *
   * @throws CustodyFault `custody_unsupported` for HS256; those of the sealer; StoreFault
   */
  signer(tenant: TenantId, algorithm: JwsAlgorithm): Promise<Signer>;
  /** Public keys to publish, newest first (RFC 7517 §5); the first ones are made now. */
  jwks(tenant: TenantId): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** The same keys, to verify with. */
  verificationKeys(tenant: TenantId): Promise<KeySet>;
  /** Ours, for what was encrypted to us; empty where nobody may. */
  decryptionKeys(tenant: TenantId): Promise<readonly DecryptionKey[]>;
  /** Reads the store now: keys that another process replaced before the call sign no more. */
  renew(tenant: TenantId): Promise<void>;
  /** Every key that the tenant ever had. */
  list(tenant: TenantId): Promise<readonly SigningKeyRow[]>;
  /**
   * Makes the changes that are due, in the first tenant and in the next few of the others: a round
   * costs the same however many there are. @throws the first fault, after all of them
   */
  tick(): Promise<void>;
  /** Publishes the next key now. Where one is published already, that is the answer. */
  rotate(
    input: { readonly tenant: TenantId; readonly algorithm: KeyPairAlgorithm } & KeyChangeBy,
  ): Promise<{ readonly kid: SigningKeyId; readonly activateAt: UnixMs }>;
  /**
   * Distrusts a key at once, everywhere, with all tokens that it signed; where it was the one that
   * signs, a new one takes its place in the same act.
   */
  emergency(
    input: {
      readonly tenant: TenantId;
      readonly kid: string;
      readonly alongside?: Alongside<{ readonly revocation: string }>;
    } & KeyChangeBy,
  ): Promise<Result<Emergency, EmergencyRefusal>>;
}

export interface Emergency {
  /** The key that signs from now on, where the distrusted one did. */
  readonly replacement: SigningKeyId | undefined;
  readonly revocation: string;
}

export type EmergencyRefusal = {
  readonly reason: 'key_not_found' | 'key_not_trusted' | 'refused_by_step';
};

export interface KeyringPorts extends KeyActPorts {
  readonly store: Pick<Store, 'signingKeys' | 'tenants' | 'acts'>;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly clock: Clock;
  readonly settings: KeyringSettings;
  /** Told of each signature. */
  readonly signed?: SignatureNote;
}

/** After this many lost races something is wrong. */
const racesMax = 8;

/**
 * Opens the keyring and makes the first keys, so that the key set is never published empty.
 *
 * @throws StoreFault or CustodyFault
 */
export async function createKeyring(ports: KeyringPorts): Promise<Keyring> {
  const { settings, sealer, signed } = ports;
  const views = createKeyViews(ports);

  const nextTenants = takeTurns(ports.store);

  async function tick(): Promise<void> {
    let failed: unknown;
    for (const tenant of new Set([defaultTenant, ...(await nextTenants())])) {
      // One tenant's fault must not keep the others' keys from changing.
      await tend(ports, views, tenant).catch((fault) => {
        failed ??= fault;
      });
    }
    if (failed !== undefined) throw failed;
  }

  const firstKeys = new Map<string, Promise<unknown>>();

  /** Making a key pair may take seconds: of many first requests, one makes it. */
  function createFirst(tenant: TenantId, algorithm: KeyPairAlgorithm): Promise<unknown> {
    const name = `${tenant}/${algorithm}`;
    let work = firstKeys.get(name);
    if (work === undefined) {
      work = makeFirst(ports, views, { tenant, algorithm }).finally(() => firstKeys.delete(name));
      firstKeys.set(name, work);
    }
    return work;
  }

  await tick();
  return {
    async signer(tenant, algorithm) {
      const known = views.fresh(tenant)?.signers.get(algorithm);
      if (known !== undefined) return known;
      for (let race = 0; race < racesMax; race++) {
        const signer = await signerOf({ sealer, signed }, await views.current(tenant), algorithm);
        if (signer !== undefined) return signer;
        await createFirst(tenant, algorithm);
      }
      throw lostRaces(tenant);
    },
    async jwks(tenant) {
      const { jwks } = await views.current(tenant);
      if (jwks.length > 0) return jwks;
      await Promise.all(keptAlgorithms(settings).map((one) => createFirst(tenant, one)));
      return (await views.current(tenant)).jwks;
    },
    verificationKeys: async (tenant) => (await views.current(tenant)).keySet,
    decryptionKeys: async (tenant) => decryptionKeysOf(sealer, await views.current(tenant)),
    async renew(tenant) {
      await views.renew(tenant);
    },
    list: async (tenant) => (await views.renew(tenant)).rows,
    tick,
    rotate: (input) => rotate(ports, views, input),
    emergency: (input) => emergency(ports, views, input),
  };
}

async function tend(ports: KeyringPorts, views: KeyViews, tenant: TenantId): Promise<void> {
  // What nobody uses is not taken into memory for its schedule's sake.
  const rows = views.isHeld(tenant)
    ? (await views.renew(tenant)).rows
    : await readSigningKeys(ports.store, tenant);
  // Keys of a tenant are made when they are first asked for; those of the first one, at the start.
  if (rows.length === 0 && tenant !== defaultTenant) return;
  const changes = dueChanges(rows, ports.settings, ports.clock.nowMs());
  for (const change of changes) await make(ports, { change, rows, tenant, by: bySchedule });
  if (changes.length > 0 && views.isHeld(tenant)) await views.renew(tenant);
}

/** @returns gives the next few active tenants each time, in a circle */
function takeTurns(store: Pick<Store, 'tenants'>): () => Promise<readonly TenantId[]> {
  let last: string | undefined;
  return async () => {
    const after = last === undefined ? {} : { after: [last] };
    const limit = limits.tenantsTendedAtOnce;
    const rows = await store.tenants.list({ ...after, limit });
    last = rows.length < limit ? undefined : rows.at(-1)?.tenant;
    return rows.flatMap(({ tenant, status }) => (status === 'active' ? [tenant as TenantId] : []));
  };
}

async function makeFirst(
  ports: KeyActPorts,
  views: KeyViews,
  input: { readonly tenant: TenantId; readonly algorithm: KeyPairAlgorithm },
): Promise<void> {
  const { tenant, algorithm } = input;
  const { rows } = await views.renew(tenant);
  if (signingRow(rows, algorithm) !== undefined) return;
  const by = { ...bySchedule, reason: 'first use' };
  await make(ports, { change: { do: 'create', algorithm }, rows, tenant, by });
  await views.renew(tenant);
}

async function rotate(
  ports: KeyringPorts,
  views: KeyViews,
  input: Parameters<Keyring['rotate']>[0],
): ReturnType<Keyring['rotate']> {
  const { tenant, algorithm, ...by } = input;
  for (let race = 0; race < racesMax; race++) {
    const { rows } = await views.renew(tenant);
    const own = rows.filter((row) => row.algorithm === algorithm);
    const waiting = own.find((row) => row.status === 'published');
    if (waiting !== undefined) return answerOf(waiting);
    const now = ports.clock.nowMs();
    const first = signingRow(rows, algorithm) === undefined;
    const added = await addKey(ports, {
      tenant,
      algorithm,
      rows,
      status: first ? 'active' : 'published',
      activateAt: first ? now : activationOf(ports.settings, now),
      by,
    });
    if (added.outcome === 'done') {
      await views.renew(tenant);
      return answerOf(added.row);
    }
  }
  throw lostRaces(tenant);
}

function answerOf(row: SigningKeyRow): { readonly kid: SigningKeyId; readonly activateAt: UnixMs } {
  return { kid: kidOf(row), activateAt: row.activateAt as UnixMs };
}

async function emergency(
  ports: KeyringPorts,
  views: KeyViews,
  input: Parameters<Keyring['emergency']>[0],
): ReturnType<Keyring['emergency']> {
  const { tenant, kid, alongside, ...by } = input;
  for (let race = 0; race < racesMax; race++) {
    const { rows } = await views.renew(tenant);
    const key = rows.find((row) => row.kid === kid);
    if (key === undefined) return err({ reason: 'key_not_found' });
    if (!isTrusted(key)) return err({ reason: 'key_not_trusted' });
    const signs = signingRow(rows, key.algorithm as KeyPairAlgorithm);
    const replace = signs === undefined || signs.kid === kid;
    const done = await distrustKey(ports, { key, rows, replace, by, alongside });
    if (done.outcome === 'refused_by_step') return err({ reason: done.outcome });
    if (done.outcome === 'done') {
      await views.renew(tenant);
      const { replacement, revocation } = done;
      const next = replacement === undefined ? undefined : kidOf(replacement);
      return ok({ replacement: next, revocation });
    }
  }
  throw lostRaces(tenant);
}

async function make(
  ports: KeyActPorts,
  input: {
    readonly change: KeyChange;
    readonly rows: readonly SigningKeyRow[];
    readonly tenant: TenantId;
    readonly by: KeyChangeBy;
  },
): Promise<KeyActOutcome> {
  const { change, rows, tenant, by } = input;
  switch (change.do) {
    case 'create': {
      const activateAt = ports.clock.nowMs();
      const { algorithm } = change;
      const added = { tenant, algorithm, rows, status: 'active', activateAt, by } as const;
      return (await addKey(ports, added)).outcome;
    }
    case 'publish': {
      const { algorithm, activateAt } = change;
      const added = { tenant, algorithm, rows, status: 'published', activateAt, by } as const;
      return (await addKey(ports, added)).outcome;
    }
    case 'activate':
      return activateKey(ports, { ...change, by });
    case 'retire':
      return retireKey(ports, { ...change, by });
  }
}

function lostRaces(tenant: TenantId): CustodyFault {
  return new CustodyFault(
    'custody_busy',
    `the signing keys of tenant ${tenant} change faster than they are read`,
  );
}
