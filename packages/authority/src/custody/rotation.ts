/**
 * What a rotation leaves to do: data keys wrapped again under a new root key, records sealed again
 * under new data keys. Every step is bounded, may fail at any point and is run again until nothing
 * is left.
 */
import { base64urlEncode, CustodyFault, limits, type TenantId } from '@mintmark/core';
import { sealedKeyId } from '@mintmark/tokens';
import type { Act } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { sealContext } from './contexts.ts';
import type { Custody } from './custody.ts';
import type { Sealer } from './sealer.ts';
import { rewrapKey, type WrappedKeyRow } from './wrapped-keys.ts';

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
  const tally = { changed: 0, damaged: [] as CustodyFault[] };
  // One after the other: custody may be far away, and may bound how often it is asked.
  for (const row of rows) await tallied(tally, () => rewrapKey(ports, row));
  const last = rows.length < limits.rotationRowsMax ? undefined : rows.at(-1);
  return { ...tally, next: last === undefined ? undefined : [last.tenant, last.id] };
}

/** Does one row's change; that it does not open is counted, and any other fault thrown. */
async function tallied(
  tally: { changed: number; readonly damaged: CustodyFault[] },
  change: () => Promise<boolean>,
): Promise<void> {
  try {
    if (await change()) tally.changed += 1;
  } catch (fault) {
    if (!(fault instanceof CustodyFault && unopenable.has(fault.code))) throw fault;
    tally.damaged.push(fault);
  }
}

const unopenable = new Set(['custody_tampered', 'custody_unknown_key']);

/** Every table with sealed records, but for the audit trail, in the order of a pass. */
const sealedTables = [
  'signingKeys',
  'keys',
  'keyTexts',
  'users',
  'userTotp',
  'backchannelRequests',
  'revocations',
  'rotationRuns',
  'threatFeeds',
  'upstreamCredentials',
] as const;
type SealedTable = (typeof sealedTables)[number];

/** Where a pass over a tenant's records goes on. */
export interface ResealCursor {
  readonly table: SealedTable;
  readonly after: readonly [tenant: string, id: string] | undefined;
}

export interface ResealPorts {
  readonly sealer: Pick<Sealer, 'seal' | 'open' | 'currentKeyId'>;
  readonly store: Pick<Store, Exclude<SealedTable, 'keyTexts'> | 'acts'>;
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
  const records = await recordsOf(ports.store, cursor.table, query);
  const tally = { changed: 0, damaged: [] as CustodyFault[] };
  // All at once, so that the store may commit them together.
  const work = records.map(({ sealed, ...record }) => {
    // Emptied when the key was retired, or never there.
    if (sealed === null || sealed.length === 0 || sealedKeyId(sealed) === keyId) return undefined;
    return tallied(tally, () => reseal(ports, tenant, { ...record, sealed }));
  });
  await allDone(work);
  const last = records.at(-1);
  if (last !== undefined && records.length === limits.rotationRowsMax) {
    return { ...tally, next: { table: cursor.table, after: [tenant, last.id] } };
  }
  const next = sealedTables[sealedTables.indexOf(cursor.table) + 1];
  return { ...tally, next: next && { table: next, after: undefined } };
}

/** Resolves when none is under way any more. @throws the first fault among them */
async function allDone(work: readonly (Promise<void> | undefined)[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work)) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
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

async function recordsOf(
  store: ResealPorts['store'],
  table: SealedTable,
  query: {
    readonly where: { readonly tenant: string };
    readonly limit: number;
    readonly after?: readonly string[];
  },
): Promise<readonly SealedColumn[]> {
  switch (table) {
    case 'signingKeys':
      return (await store.signingKeys.list(query)).map(signingKeyRecord);
    case 'keys':
      return (await store.keys.list(query)).map(keyRecord);
    case 'keyTexts':
      return (await store.keys.list(query)).map(keyTextRecord);
    case 'users':
      return (await store.users.list(query)).map(userRecord);
    case 'userTotp':
      return (await store.userTotp.list(query)).map(totpRecord);
    case 'backchannelRequests':
      return (await store.backchannelRequests.list(query)).map(pingRecord);
    case 'revocations':
      return (await store.revocations.list(query)).map(noteRecord);
    case 'rotationRuns':
      return (await store.rotationRuns.list(query)).map(rotatedRecord);
    case 'threatFeeds':
      return (await store.threatFeeds.list(query)).map(feedRecord);
    case 'upstreamCredentials':
      return (await store.upstreamCredentials.list(query)).map(credentialRecord);
  }
}

function signingKeyRecord({
  tenant,
  kid,
  version,
  sealedPrivate,
}: Row<'signingKeys'>): SealedColumn {
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

function keyRecord({ tenant, id, version, sealedVerifier }: Row<'keys'>): SealedColumn {
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

/** Another column of the same rows: a pass of its own. */
function keyTextRecord({ tenant, id, version, sealedSecret }: Row<'keys'>): SealedColumn {
  return {
    id,
    context: sealContext.keyText(id),
    sealed: sealedSecret,
    update: (sealed) => ({
      do: 'update',
      table: 'keys',
      where: { tenant, id, version },
      set: { sealedSecret: sealed },
      refused: 'changed',
    }),
  };
}

function userRecord({ tenant, id, version, sealedClaims }: Row<'users'>): SealedColumn {
  return {
    id,
    context: sealContext.userClaims(id),
    sealed: sealedClaims,
    update: (sealed) => ({
      do: 'update',
      table: 'users',
      where: { tenant, id, version },
      set: { sealedClaims: sealed },
      refused: 'changed',
    }),
  };
}

function totpRecord({ tenant, userId, version, sealedSecret }: Row<'userTotp'>): SealedColumn {
  return {
    id: userId,
    context: sealContext.totpSecret(userId),
    sealed: sealedSecret,
    update: (sealed) => ({
      do: 'update',
      table: 'userTotp',
      where: { tenant, userId, version },
      set: { sealedSecret: sealed },
      refused: 'changed',
    }),
  };
}

function pingRecord(row: Row<'backchannelRequests'>): SealedColumn {
  const { tenant, id, status, attempts, nextAttemptAt, sealedPing } = row;
  return {
    id,
    context: sealContext.ping(id),
    sealed: sealedPing,
    update: (sealed) => ({
      do: 'update',
      table: 'backchannelRequests',
      // Whatever takes the sealed record away changes one of these, so that none comes back.
      where: { tenant, id, status, attempts, nextAttemptAt },
      set: { sealedPing: sealed },
      refused: 'changed',
    }),
  };
}

function noteRecord({ tenant, id, sealedNote }: Row<'revocations'>): SealedColumn {
  return {
    id,
    context: sealContext.revocationNote(id),
    sealed: sealedNote === null ? null : Buffer.from(sealedNote, 'base64url'),
    update: (sealed) => ({
      do: 'update',
      table: 'revocations',
      where: { tenant, id },
      set: { sealedNote: base64urlEncode(sealed) },
      refused: 'changed',
    }),
  };
}

function rotatedRecord({ tenant, id, version, sealedSecret }: Row<'rotationRuns'>): SealedColumn {
  return {
    id,
    context: sealContext.rotatedSecret(id),
    sealed: sealedSecret,
    update: (sealed) => ({
      do: 'update',
      table: 'rotationRuns',
      where: { tenant, id, version },
      set: { sealedSecret: sealed },
      refused: 'changed',
    }),
  };
}

function feedRecord({ tenant, name, version, sealedSecret }: Row<'threatFeeds'>): SealedColumn {
  return {
    id: name,
    context: sealContext.threatFeedSecret(name),
    sealed: sealedSecret,
    update: (sealed) => ({
      do: 'update',
      table: 'threatFeeds',
      where: { tenant, name, version },
      set: { sealedSecret: sealed },
      refused: 'changed',
    }),
  };
}

function credentialRecord(row: Row<'upstreamCredentials'>): SealedColumn {
  const { tenant, name, version, sealedSecret } = row;
  return {
    id: name,
    context: sealContext.upstreamCredential(name),
    sealed: sealedSecret,
    update: (sealed) => ({
      do: 'update',
      table: 'upstreamCredentials',
      where: { tenant, name, version },
      set: { sealedSecret: sealed },
      refused: 'changed',
    }),
  };
}
