/**
 * Rotation while serving: a new root key, data keys wrapped again under it, records sealed again
 * under new data keys. Every step is bounded, may fail at any point and is run again until nothing
 * is left; nothing is destroyed before nothing names it.
 */
import {
  type Clock,
  CustodyFault,
  err,
  limits,
  ok,
  type Result,
  type TenantId,
} from '@mintmark/core';
import { sealedKeyId } from '@mintmark/tokens';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Act } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { sealContext } from './contexts.ts';
import type { Custody } from './custody.ts';
import type { Sealer } from './sealer.ts';
import { rewrapKey, type WrappedKeyRow } from './wrapped-keys.ts';

/** The object of every record about custody. */
export const custodyObject = { kind: 'installation', id: 'custody' } as const;

interface RootKeyPorts {
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/**
 * Makes a new root key current. What the old one wrapped is wrapped again by the upkeep. Custody is
 * no part of the store's transaction, so two records stand around the rotation: the first without
 * the second tells of a crash or a fault between them, and the key may have been made or not.
 *
 * @returns its id; refusal: too_many_keys
 * @throws AuditFault, StoreFault or CustodyFault; where it cannot be recorded, nothing is rotated
 */
export async function rotateRootKey(
  ports: RootKeyPorts & {
    readonly custody: Pick<Custody, 'describe' | 'rotate'>;
    readonly store: Pick<Store, 'acts'>;
  },
  input: { readonly requester: Requester; readonly reason: string },
): Promise<Result<string, { readonly reason: 'too_many_keys' }>> {
  const { custody } = ports;
  if ((await custody.describe()).keys.length > limits.replacedKeysMax) {
    return err({ reason: 'too_many_keys' });
  }
  const about = { action: 'custody.rotate', why: input.reason } as const;
  await record(ports, input.requester, { ...about, result: 'started', detail: { what: 'root' } });
  const key = await custody.rotate();
  await record(ports, input.requester, { ...about, detail: { what: 'root', key } });
  return ok(key);
}

export type DestroyRefusal =
  | { readonly reason: 'key_not_found' }
  | { readonly reason: 'key_current' }
  /** A process may still be storing what it wrapped. */
  | { readonly reason: 'key_replaced_lately'; readonly until: number }
  | { readonly reason: 'key_named'; readonly wraps: number };

/**
 * Destroys a root key that wraps nothing any more; recorded before and after, as a rotation is.
 *
 * @throws AuditFault, StoreFault or CustodyFault; where it cannot be recorded, nothing is destroyed
 */
export async function destroyRootKey(
  ports: RootKeyPorts & {
    readonly custody: Pick<Custody, 'describe' | 'destroy'>;
    readonly store: Pick<Store, 'custodyKeys' | 'acts'>;
  },
  input: { readonly requester: Requester; readonly keyId: string },
): Promise<Result<undefined, DestroyRefusal>> {
  const { keyId, requester } = input;
  const { keys, currentKey } = await ports.custody.describe();
  const own = keys.find((key) => key.id === keyId);
  if (own === undefined) return err({ reason: 'key_not_found' });
  if (keyId === currentKey) return err({ reason: 'key_current' });
  const later = keys.filter((key) => key !== own && key.createdAt >= own.createdAt);
  // None is later where the clock was set back: then its own time is the best guess.
  const replacedAt = Math.min(...(later.length === 0 ? [own] : later).map((key) => key.createdAt));
  const until = replacedAt + limits.replacedKeyUsedMs;
  if (ports.clock.nowMs() < until) return err({ reason: 'key_replaced_lately', until });
  const wraps = await ports.store.custodyKeys.count({ wrappedBy: keyId });
  if (wraps > 0) return err({ reason: 'key_named', wraps });
  const about = { action: 'custody.destroy', detail: { what: 'root', key: keyId } } as const;
  await record(ports, requester, { ...about, result: 'started' });
  await ports.custody.destroy(keyId);
  await record(ports, requester, about);
  return ok(undefined);
}

async function record(
  ports: RootKeyPorts & { readonly store: Pick<Store, 'acts'> },
  requester: Requester,
  event: Omit<Parameters<typeof eventBy>[1], 'at' | 'object'>,
): Promise<void> {
  const at = ports.clock.nowMs();
  const audit = await ports.recorder.record(
    eventBy(requester, { ...event, at, object: custodyObject }),
  );
  await ports.store.acts.run({ steps: [], audit });
}

/** What a bounded step did. */
interface StepDone<Cursor> {
  readonly changed: number;
  /** Where the next step goes on; undefined at the end. */
  readonly next: Cursor | undefined;
  /** Of rows that do not open. They are left as they are, and keep nobody else's from opening. */
  readonly damaged: readonly CustodyFault[];
}

/** Where a pass over all wrapped keys goes on. */
export type RewrapCursor = readonly [tenant: string, id: string];

/**
 * One bounded step of wrapping every data key and pepper under the current root key. Safe to run in
 * several processes, and again after a fault.
 *
 * @throws CustodyFault or StoreFault; what was done stays done
 */
export async function rewrapKeys(
  ports: {
    readonly custody: Pick<Custody, 'describe' | 'wrap' | 'unwrap'>;
    readonly store: Pick<Store, 'custodyKeys' | 'acts'>;
  },
  after?: RewrapCursor,
): Promise<StepDone<RewrapCursor>> {
  const { currentKey } = await ports.custody.describe();
  const rows: readonly WrappedKeyRow[] = await ports.store.custodyKeys.list({
    where: { wrappedBy: { is: '!=', value: currentKey } },
    limit: limits.rotationRowsMax,
    ...(after === undefined ? {} : { after }),
  });
  // One after the other: custody may be far away, and may bound how often it is asked.
  const { changed, damaged } = await eachInTurn(rows, (row) => rewrapKey(ports, row));
  const last = rows.length < limits.rotationRowsMax ? undefined : rows.at(-1);
  return { changed, damaged, next: last === undefined ? undefined : [last.tenant, last.id] };
}

async function eachInTurn<R>(
  rows: readonly R[],
  change: (row: R) => Promise<boolean>,
): Promise<Pick<StepDone<never>, 'changed' | 'damaged'>> {
  const damaged: CustodyFault[] = [];
  let changed = 0;
  for (const row of rows) {
    try {
      if (await change(row)) changed += 1;
    } catch (fault) {
      if (!(fault instanceof CustodyFault && unopenable.has(fault.code))) throw fault;
      damaged.push(fault);
    }
  }
  return { changed, damaged };
}

const unopenable = new Set(['custody_tampered', 'custody_unknown_key']);

/** Where a pass over a tenant's records goes on. */
export type ResealCursor =
  | { readonly table: 'signingKeys'; readonly after: readonly [string, string] | undefined }
  | { readonly table: 'keys'; readonly after: readonly [string, string] | undefined };

interface ResealPorts {
  readonly sealer: Pick<Sealer, 'seal' | 'open' | 'currentKeyId'>;
  readonly store: Pick<Store, 'signingKeys' | 'keys' | 'acts'>;
}

/**
 * One bounded step of sealing a tenant's records under its current data key. Begin without a cursor
 * and go on until there is none. The row's version stays: for its owner nothing changed.
 *
 * @throws CustodyFault or StoreFault; what was done stays done
 */
export async function resealRecords(
  ports: ResealPorts,
  tenant: TenantId,
  cursor: ResealCursor = { table: 'signingKeys', after: undefined },
): Promise<StepDone<ResealCursor>> {
  const keyId = await ports.sealer.currentKeyId(tenant);
  const query = {
    where: { tenant },
    limit: limits.rotationRowsMax,
    ...(cursor.after === undefined ? {} : { after: cursor.after }),
  };
  const records =
    cursor.table === 'signingKeys'
      ? (await ports.store.signingKeys.list(query)).map(signingKeyRecord)
      : (await ports.store.keys.list(query)).map(keyRecord);
  const { changed, damaged } = await eachInTurn(records, async (record) => {
    // Emptied when the key was retired, or never there.
    if (record.sealed === null || record.sealed.length === 0) return false;
    if (sealedKeyId(record.sealed) === keyId) return false;
    return reseal(ports, tenant, { ...record, sealed: record.sealed });
  });
  const last = records.at(-1);
  if (last !== undefined && records.length === limits.rotationRowsMax) {
    return { changed, damaged, next: { table: cursor.table, after: [tenant, last.id] } };
  }
  const next = cursor.table === 'signingKeys' ? 'keys' : undefined;
  return { changed, damaged, next: next && { table: next, after: undefined } };
}

interface SealedColumn {
  readonly id: string;
  readonly context: string;
  readonly sealed: Uint8Array | null;
  /** The update that stores it again, refused where the row was changed meanwhile. */
  readonly update: (sealed: Uint8Array) => Act['steps'][number];
}

async function reseal(
  ports: ResealPorts,
  tenant: TenantId,
  record: SealedColumn & { readonly sealed: Uint8Array },
): Promise<boolean> {
  const { sealer, store } = ports;
  const plaintext = await sealer.open(tenant, record.context, record.sealed);
  const sealed = await sealer
    .seal(tenant, record.context, plaintext)
    .finally(() => plaintext.fill(0));
  const { outcome } = await store.acts.run({ steps: [record.update(sealed)], audit: null });
  return outcome === 'done';
}

type SigningKeyRow = NonNullable<Awaited<ReturnType<Store['signingKeys']['get']>>>;
type KeyRow = NonNullable<Awaited<ReturnType<Store['keys']['get']>>>;

function signingKeyRecord({ tenant, kid, version, sealedPrivate }: SigningKeyRow): SealedColumn {
  return {
    id: kid,
    context: sealContext.signingKey(kid),
    sealed: sealedPrivate,
    update: (sealed) => ({
      do: 'update',
      table: 'signingKeys',
      where: { tenant, kid, version },
      set: { sealedPrivate: sealed },
      refused: 'changed',
    }),
  };
}

function keyRecord({ tenant, id, version, sealedVerifier }: KeyRow): SealedColumn {
  return {
    id,
    context: sealContext.keyVerifier(id),
    sealed: sealedVerifier,
    update: (sealed) => ({
      do: 'update',
      table: 'keys',
      where: { tenant, id, version },
      set: { sealedVerifier: sealed },
      refused: 'changed',
    }),
  };
}
