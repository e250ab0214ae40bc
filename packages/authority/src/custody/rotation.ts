/**
 * Rotation while serving: a new root key, data keys wrapped again under it, records sealed again
 * under new data keys. Every step is bounded, may fail at any point and is run again until nothing
 * is left; nothing is destroyed before nothing names it.
 */
import { type AuditEvent, type Clock, CustodyFault, limits, type TenantId } from '@mintmark/core';
import { sealedKeyId } from '@mintmark/tokens';
import type { Recorder } from '../audit/record.ts';
import type { Act } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { sealContext } from './contexts.ts';
import type { Custody } from './custody.ts';
import type { Sealer } from './sealer.ts';
import { rewrapKey, type WrappedKeyRow } from './wrapped-keys.ts';

/**
 * Makes a new root key current and wraps everything under it. Custody is no part of the store's
 * transaction, so two records stand around the rotation: one without the other tells of a crash
 * between them, after which `rewrapAll` goes on.
 *
 * @throws AuditFault, StoreFault or CustodyFault; where it cannot be recorded, nothing is rotated
 */
export async function rotateRootKey(
  ports: RewrapPorts & {
    readonly custody: Pick<Custody, 'rotate'>;
    readonly recorder: Recorder;
  },
  event: Pick<AuditEvent, 'tenant' | 'at' | 'actor' | 'why' | 'personal' | 'requestId'>,
): Promise<{ readonly keyId: string; readonly rewrapped: number }> {
  const { custody, store, recorder } = ports;
  const about = { ...event, action: 'custody.rotate', object: custodyObject } as const;
  await store.acts.run({
    steps: [],
    audit: await recorder.record({ ...about, result: 'started' }),
  });
  const keyId = await custody.rotate();
  const rewrapped = await rewrapAll(ports);
  const detail = { key: keyId, rewrapped };
  await store.acts.run({
    steps: [],
    audit: await recorder.record({ ...about, result: 'done', detail }),
  });
  return { keyId, rewrapped };
}

const custodyObject = { kind: 'installation', id: 'custody' } as const;

interface RewrapPorts {
  readonly custody: Pick<Custody, 'describe' | 'wrap' | 'unwrap'>;
  readonly store: Pick<Store, 'custodyKeys' | 'acts'>;
}

/**
 * Wraps every data key and pepper that an older root key wrapped under the current one. Safe to run
 * in several processes, and again after a fault.
 *
 * @returns how many were wrapped again
 * @throws CustodyFault or StoreFault; what was done stays done
 */
export async function rewrapAll(ports: RewrapPorts): Promise<number> {
  const { currentKey } = await ports.custody.describe();
  let rewrapped = 0;
  let after: readonly string[] | undefined;
  for (;;) {
    const rows: readonly WrappedKeyRow[] = await ports.store.custodyKeys.list({
      limit: limits.rotationRowsMax,
      ...(after === undefined ? {} : { after }),
    });
    for (const row of rows) {
      if (row.wrappedBy !== currentKey && (await rewrapKey(ports, row))) rewrapped += 1;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < limits.rotationRowsMax) return rewrapped;
    after = [last.tenant, last.id];
  }
}

/**
 * Destroys a root key that wraps nothing any more.
 *
 * @throws CustodyFault `custody_refused` where a row still names it, where it is current, or where
 *   it was replaced so lately that a process may still be storing what it wrapped
 */
export async function destroyRootKey(
  ports: {
    readonly custody: Pick<Custody, 'describe' | 'destroy'>;
    readonly store: Pick<Store, 'custodyKeys'>;
    readonly clock: Pick<Clock, 'nowMs'>;
  },
  keyId: string,
): Promise<void> {
  const { keys, currentKey } = await ports.custody.describe();
  const own = keys.find((key) => key.id === keyId);
  if (own === undefined) {
    throw new CustodyFault('custody_unknown_key', `custody has no key ${keyId}`);
  }
  const replacedAt = Math.min(
    ...keys.filter((key) => key.createdAt >= own.createdAt && key !== own).map((k) => k.createdAt),
  );
  if (keyId === currentKey || ports.clock.nowMs() - replacedAt < limits.rootKeyKeptMs) {
    throw new CustodyFault('custody_refused', `${keyId} is current, or was until a moment ago`, {
      hint: `rotate, then wait ${limits.rootKeyKeptMs / 60_000} minutes`,
    });
  }
  const named = await ports.store.custodyKeys.count({ wrappedBy: keyId });
  if (named > 0) {
    throw new CustodyFault('custody_refused', `${named} keys are still wrapped by ${keyId}`, {
      hint: 'a running authority wraps them again within two minutes; then try again',
    });
  }
  await ports.custody.destroy(keyId);
}

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
 * @returns how many were sealed again, and the next cursor
 * @throws CustodyFault or StoreFault; what was done stays done
 */
export async function resealRecords(
  ports: ResealPorts,
  tenant: TenantId,
  cursor: ResealCursor = { table: 'signingKeys', after: undefined },
): Promise<{ readonly resealed: number; readonly next: ResealCursor | undefined }> {
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
  let resealed = 0;
  for (const record of records) {
    // Emptied when the key was retired, or never there.
    if (record.sealed === null || record.sealed.length === 0) continue;
    if (sealedKeyId(record.sealed) === keyId) continue;
    if (await reseal(ports, tenant, { ...record, sealed: record.sealed })) resealed += 1;
  }
  const last = records.at(-1);
  if (last !== undefined && records.length === limits.rotationRowsMax) {
    return { resealed, next: { table: cursor.table, after: [tenant, last.id] } };
  }
  const next = cursor.table === 'signingKeys' ? 'keys' : undefined;
  return { resealed, next: next === undefined ? undefined : { table: next, after: undefined } };
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
