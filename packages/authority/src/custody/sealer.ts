/**
 * Seals records under the data key of their tenant. Neighbours: custody below, which wraps the data
 * keys; everybody who stores a secret above. What must never happen: a data key used more often
 * than random nonces allow, or a sealed record whose key is gone.
 *
 * Uses are reserved in the row a block at a time before the first of them happens, so a crash
 * counts too many and never too few, in however many processes. A retired data key is kept for as
 * long as anything may be sealed under it: for ever, where audit records name it.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { CustodyFault, limits, type Result, type TenantId } from '@mintmark/core';
import { openRecord, sealedKeyId, sealRecord } from '@mintmark/tokens';
import {
  addWrappedKey,
  listWrappedKeys,
  lostRaces,
  type Overtaken,
  type RecordRotation,
  racesMax,
  unwrapKey,
  type WrappedKeyPorts,
  type WrappedKeyRow,
} from './wrapped-keys.ts';

export interface Sealer {
  /**
   * @param context the record's identity within its tenant; needed again to open it
   * @throws CustodyFault or StoreFault; nothing was sealed
   */
  seal(tenant: TenantId, context: string, plaintext: Uint8Array): Promise<Uint8Array>;
  /** @throws CustodyFault `custody_tampered`, `custody_unknown_key`, and those of custody */
  open(tenant: TenantId, context: string, sealed: Uint8Array): Promise<Uint8Array>;
  /** Id of the data key that seals for the tenant now. Makes the first one. */
  currentKeyId(tenant: TenantId): Promise<string>;
  /**
   * Makes a new data key current. What older ones sealed still opens. Other processes follow within
   * `limits.custodyViewMs`.
   *
   * @returns its id; refusal: overtaken
   */
  rotateDataKeys(
    tenant: TenantId,
    record: RecordRotation | null,
  ): Promise<Result<string, Overtaken>>;
}

export interface SealerPorts extends WrappedKeyPorts {
  readonly clock: WrappedKeyPorts['clock'] & { monotonicMs(): number };
  /** Smaller ones in tests. */
  readonly uses?: { readonly block: number; readonly max: number };
}

interface CurrentKey {
  readonly id: string;
  readonly key: KeyObject;
  /** Reserved in the row and not used yet. */
  usesLeft: number;
  /** Monotonic time of the last look at the store. */
  seenAtMs: number;
}

export function createSealer(ports: SealerPorts): Sealer {
  const { entropy, clock } = ports;
  const held = createHeldKeys(ports);
  const current = new Map<string, CurrentKey>();
  const loading = new Map<string, Promise<CurrentKey>>();

  function isUsable(key: CurrentKey | undefined): key is CurrentKey {
    if (key === undefined || key.usesLeft <= 0) return false;
    return clock.monotonicMs() - key.seenAtMs < limits.custodyViewMs;
  }

  /** Many that wait for the same key share one look. */
  function look(tenant: TenantId): Promise<CurrentKey> {
    let work = loading.get(tenant);
    if (work === undefined) {
      work = loadCurrent(ports, { held, tenant, known: current.get(tenant) })
        .then((found) => keep(tenant, found))
        .finally(() => loading.delete(tenant));
      loading.set(tenant, work);
    }
    return work;
  }

  function keep(tenant: TenantId, found: CurrentKey): CurrentKey {
    current.delete(tenant);
    current.set(tenant, found);
    // What is left of a forgotten key's block stays counted as used.
    if (current.size > limits.dataKeysHeldMax) current.delete(current.keys().next().value!);
    return found;
  }

  return {
    async seal(tenant, context, plaintext) {
      let using = current.get(tenant);
      // Checked after each wait: others that waited may have used up the whole block.
      while (!isUsable(using)) using = await look(tenant);
      using.usesLeft -= 1;
      const { key, id: keyId } = using;
      return sealRecord({ key, keyId, entropy, context: bound(tenant, context), plaintext });
    },
    async open(tenant, context, sealed) {
      const keyId = sealedKeyId(sealed);
      if (keyId === undefined) throw tampered(context);
      const key = held.known(tenant, keyId) ?? (await held.load(tenant, keyId));
      const opened = openRecord({ key, context: bound(tenant, context), sealed });
      if (!opened.ok) throw tampered(context);
      return opened.value;
    },
    async currentKeyId(tenant) {
      const known = current.get(tenant);
      return isUsable(known) ? known.id : (await look(tenant)).id;
    },
    async rotateDataKeys(tenant, record) {
      const [newest] = await listWrappedKeys(ports.store, tenant, 'data');
      const input = { tenant, purpose: 'data', newest, uses: 0, record } as const;
      const added = await addWrappedKey(ports, input);
      current.delete(tenant);
      return added;
    },
  };
}

/** Tenant names hold no slash, so no two records have the same text. */
function bound(tenant: TenantId, context: string): string {
  return `${tenant}/${context}`;
}

function tampered(context: string): CustodyFault {
  return new CustodyFault('custody_tampered', `the sealed record ${context} does not open`, {
    hint: 'it was changed, or moved here from another record',
  });
}

/** Finds the newest data key, makes one where it is spent or there is none, and reserves uses. */
async function loadCurrent(
  ports: SealerPorts,
  input: {
    readonly held: HeldKeys;
    readonly tenant: TenantId;
    readonly known: CurrentKey | undefined;
  },
): Promise<CurrentKey> {
  const { held, tenant, known } = input;
  const uses = ports.uses ?? { block: limits.dataKeyUsesBlock, max: limits.dataKeyUsesMax };
  for (let race = 0; race < racesMax; race++) {
    const seenAtMs = ports.clock.monotonicMs();
    const [newest] = await listWrappedKeys(ports.store, tenant, 'data');
    if (newest !== undefined && newest.id === known?.id && known.usesLeft > 0) {
      known.seenAtMs = seenAtMs;
      return known;
    }
    if (newest === undefined || newest.uses + uses.block > uses.max) {
      await addWrappedKey(ports, { tenant, purpose: 'data', newest, uses: 0, record: null });
      continue;
    }
    // Unwrapped first: a block reserved for a key that does not open would be wasted.
    const key = held.known(tenant, newest.id) ?? (await held.take(newest));
    if (!(await reserve(ports, newest, uses))) continue;
    return { id: newest.id, key, usesLeft: uses.block, seenAtMs };
  }
  throw lostRaces(tenant);
}

/** Compares and adds in one step, so that two processes never count the same block. */
async function reserve(
  ports: Pick<SealerPorts, 'store'>,
  { tenant, id }: WrappedKeyRow,
  uses: { readonly block: number; readonly max: number },
): Promise<boolean> {
  const { outcome } = await ports.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'custodyKeys',
        where: { tenant, id, uses: { is: '<=', value: uses.max - uses.block } },
        set: { uses: { add: uses.block } },
        refused: 'spent',
      },
    ],
    audit: null,
  });
  return outcome === 'done';
}

interface HeldKeys {
  known(tenant: string, id: string): KeyObject | undefined;
  load(tenant: string, id: string): Promise<KeyObject>;
  take(row: WrappedKeyRow): Promise<KeyObject>;
}

/** Unwrapped data keys, the least lately loaded forgotten first. */
function createHeldKeys(ports: Pick<SealerPorts, 'custody' | 'store'>): HeldKeys {
  const keys = new Map<string, KeyObject>();
  const loading = new Map<string, Promise<KeyObject>>();
  const nameOf = (tenant: string, id: string): string => `${tenant}/${id}`;

  async function unwrapRow(row: WrappedKeyRow): Promise<KeyObject> {
    const bytes = await unwrapKey(ports.custody, row);
    const key = createSecretKey(bytes);
    bytes.fill(0);
    keys.set(nameOf(row.tenant, row.id), key);
    if (keys.size > limits.dataKeysHeldMax) keys.delete(keys.keys().next().value!);
    return key;
  }

  async function find(tenant: string, id: string): Promise<KeyObject> {
    const row = await ports.store.custodyKeys.get(tenant, id);
    if (row?.purpose === 'data') return unwrapRow(row);
    throw new CustodyFault('custody_unknown_key', `tenant ${tenant} has no data key ${id}`, {
      hint: 'the database is older than the record, or the key was destroyed',
    });
  }

  return {
    known: (tenant, id) => keys.get(nameOf(tenant, id)),
    take: unwrapRow,
    load(tenant, id) {
      const name = nameOf(tenant, id);
      let work = loading.get(name);
      if (work === undefined) {
        work = find(tenant, id).finally(() => loading.delete(name));
        loading.set(name, work);
      }
      return work;
    },
  };
}
