/**
 * Keys of the table `custodyKeys`: wrapped by custody, numbered within their tenant and purpose.
 * The number makes the primary key, so of two processes that add the next key one is refused.
 */
import {
  type Clock,
  CustodyFault,
  type Entropy,
  err,
  limits,
  ok,
  type Result,
} from '@mintmark/core';
import type { Act, AuditRecord, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { Custody } from './custody.ts';

export type KeyPurpose = 'data' | 'pepper';
export type WrappedKeyRow = Row<'custodyKeys'>;

export interface WrappedKeyPorts {
  readonly custody: Pick<Custody, 'wrap' | 'unwrap'>;
  readonly store: Pick<Store, 'custodyKeys' | 'acts'>;
  readonly entropy: Entropy;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/**
 * `active`: the newest. `retired`: replaced; something may still be sealed or hashed with it.
 * `archived`: a data key that only personal data of the audit trail is still sealed under.
 */
export type WrappedKeyStatus = 'active' | 'retired' | 'archived';

/** What is written with a rotation, made once the new key's id is known. */
export type RecordRotation = (keyId: string) => Promise<{
  readonly audit: AuditRecord;
  /** They refuse nothing. */
  readonly steps: readonly Step[];
}>;

/** Peppers belong to the installation; no tenant has an empty name. */
export const installationScope = '';

/** The newest keys of the purpose, newest first: every pepper, the latest data keys. */
export async function listWrappedKeys(
  store: Pick<Store, 'custodyKeys'>,
  tenant: string,
  purpose: KeyPurpose,
): Promise<readonly WrappedKeyRow[]> {
  const rows = await store.custodyKeys.list({
    where: { tenant, purpose },
    orderBy: ['tenant', 'purpose', 'createdAt'],
    descending: true,
    limit: listedMax,
  });
  // By number, not by time: the clocks of two machines may disagree, but not over so many keys.
  return [...rows].sort((a, b) => numberOf(b) - numberOf(a));
}

/** More than `limits.replacedKeysMax`, so that no pepper in use is ever left out. */
const listedMax = 2 * limits.replacedKeysMax;

/** Another process added a key at the same time; nothing was added or recorded here. */
export interface Overtaken {
  readonly reason: 'overtaken';
}

/**
 * Adds the key behind `newest`, which retires with it.
 *
 * @param input.record what is written with it; null where a key only takes the place of a spent one
 * @returns its id; refusal: overtaken, where another process added one at the same time
 */
export async function addWrappedKey(
  ports: WrappedKeyPorts,
  input: {
    readonly tenant: string;
    readonly purpose: KeyPurpose;
    readonly newest: WrappedKeyRow | undefined;
    readonly uses: number;
    readonly record: RecordRotation | null;
  },
): Promise<Result<string, Overtaken>> {
  const { tenant, purpose, newest, uses } = input;
  const id = `${purpose}-${newest === undefined ? 1 : numberOf(newest) + 1}`;
  const bytes = ports.entropy.bytes(32);
  const { by, wrapped } = await ports.custody
    .wrap(bytes, wrapContext({ tenant, purpose, id }))
    .finally(() => bytes.fill(0));
  const row: WrappedKeyRow = {
    tenant,
    id,
    purpose,
    wrappedBy: by,
    wrapped,
    status: 'active' satisfies WrappedKeyStatus,
    createdAt: ports.clock.nowMs(),
    uses,
    version: 1,
  };
  const recorded = await input.record?.(id);
  const steps: Act['steps'] = [
    { do: 'insert', table: 'custodyKeys', row, refused: 'taken' },
    ...(newest === undefined ? [] : [retire(newest)]),
    ...(recorded?.steps ?? []),
  ];
  const { outcome } = await ports.store.acts.run({ steps, audit: recorded?.audit ?? null });
  return outcome === 'done' ? ok(id) : err({ reason: 'overtaken' });
}

/**
 * @returns the key's 32 bytes, the caller's to overwrite
 * @throws CustodyFault
 */
export function unwrapKey(
  custody: Pick<Custody, 'unwrap'>,
  row: WrappedKeyRow,
): Promise<Uint8Array> {
  return custody.unwrap({ by: row.wrappedBy, wrapped: row.wrapped }, wrapContext(row));
}

/** Wraps one key again under custody's current key. @returns false where the row was changed */
export async function rewrapKey(
  ports: Pick<WrappedKeyPorts, 'custody' | 'store'>,
  row: WrappedKeyRow,
): Promise<boolean> {
  const { tenant, id, version } = row;
  const bytes = await unwrapKey(ports.custody, row);
  const { by, wrapped } = await ports.custody
    .wrap(bytes, wrapContext(row))
    .finally(() => bytes.fill(0));
  const { outcome } = await ports.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'custodyKeys',
        where: { tenant, id, version },
        set: { wrappedBy: by, wrapped, version: { add: 1 } },
        refused: 'changed',
      },
    ],
    audit: null,
  });
  return outcome === 'done';
}

/** After this many lost races something is wrong, and waiting is better than spinning. */
export const racesMax = 16;

export function lostRaces(tenant: string): CustodyFault {
  const whose = tenant === installationScope ? 'the installation' : `tenant ${tenant}`;
  return new CustodyFault('custody_busy', `the keys of ${whose} change faster than they are read`);
}

/** Binds a wrapped key to its row: moved to another tenant or purpose it does not open. */
function wrapContext(row: Pick<WrappedKeyRow, 'tenant' | 'purpose' | 'id'>): string {
  return `${row.purpose}:${row.tenant}/${row.id}`;
}

function retire({ tenant, id }: WrappedKeyRow): Act['steps'][number] {
  const status: WrappedKeyStatus = 'retired';
  return { do: 'update', table: 'custodyKeys', where: { tenant, id }, set: { status } };
}

function numberOf(row: WrappedKeyRow): number {
  return Number(row.id.slice(row.purpose.length + 1));
}
