/**
 * Takes over the keys of another system by their hashes: nobody has to be given a new key. Each row
 * is an act of its own, so that every key has its own history, and a page that broke off is simply
 * sent again: what is there already is reported as unchanged.
 */
import { limits, type UnixMs } from '@mintmark/core';
import { eventBy, type Requester } from '../audit/requester.ts';
import { undecidedKeyColumns } from '../store/key-tables.ts';
import type { Store } from '../store/store.ts';
import { hasBudgets, insertsOf, type KeySettings, placedColumns } from './create-key.ts';
import { type ImportFormat, idOfDigest } from './import-format.ts';
import { fingerprintOf, type ImportedHash, parseImportedHash } from './imported-hash.ts';
import { budgetRows } from './key-budget.ts';
import { type KeyPorts, type KeyRow, keyEvent, keyFeedStep } from './key-change.ts';

export type ImportPorts = Pick<KeyPorts, 'recorder' | 'clock' | 'prefix'> & {
  readonly store: Pick<Store, 'keys' | 'importFormats' | 'acts'>;
};

/** How the keys of one import are spelled. */
export interface FormatDeclaration {
  readonly prefix: string;
  /** Between look-up id and secret; empty where keys carry no id. */
  readonly separator: string;
  readonly hashed: 'key' | 'secret';
}

export interface ImportRow {
  /** The look-up id; absent where the format has no separator. */
  readonly id?: string | undefined;
  readonly hash: string;
  readonly settings: KeySettings;
}

export type RowConflict =
  | 'malformed_hash'
  | 'hash_too_costly'
  /** The format has a separator, so the key needs its look-up id; or the reverse. */
  | 'id_missing'
  | 'id_not_allowed'
  | 'malformed_id'
  /** Without an id in the key, only a hash that can be computed again leads to its row. */
  | 'scheme_needs_id'
  /** Another key has this id, or the same key came with another hash. */
  | 'id_taken'
  | 'repeated_in_page';

export interface ImportReport {
  readonly imported: number;
  readonly unchanged: number;
  readonly conflicts: readonly {
    /** Place in the page, from 0. */
    readonly index: number;
    readonly id: string | undefined;
    readonly reason: RowConflict;
  }[];
}

export type ImportRefusal = {
  readonly reason: 'prefix_is_ours' | 'prefix_missing' | 'too_many_formats';
};

/**
 * Imports one page of at most `limits.importKeysMax` rows.
 *
 * @returns what became of each row; a refusal where the format cannot be used at all
 * @throws StoreFault; rows before it may be in, and sending the page again is safe
 */
export async function importKeys(
  ports: ImportPorts,
  input: {
    readonly requester: Requester;
    readonly format: FormatDeclaration;
    readonly rows: readonly ImportRow[];
  },
): Promise<ImportReport | ImportRefusal> {
  const { requester, rows } = input;
  const now = ports.clock.nowMs();
  const format = await declareFormat(ports, { requester, declared: input.format, now });
  if ('reason' in format) return format;
  const seen = new Set<string>();
  const planned = rows.map((row) => plan(row, { format, requester, now, seen }));
  const results = await eachBounded(planned, async (one, index) =>
    typeof one === 'object'
      ? importOne(ports, requester, { row: one, budgets: rows[index]?.settings.budgets })
      : one,
  );
  const conflicts = results.flatMap((reason, index) =>
    reason === 'imported' || reason === 'unchanged' ? [] : [{ index, id: rows[index]?.id, reason }],
  );
  return {
    imported: results.filter((result) => result === 'imported').length,
    unchanged: results.filter((result) => result === 'unchanged').length,
    conflicts,
  };
}

/** Finds the declared format, or adds it. Of two that add it at once, one row remains. */
async function declareFormat(
  ports: ImportPorts,
  input: {
    readonly requester: Requester;
    readonly declared: FormatDeclaration;
    readonly now: UnixMs;
  },
): Promise<ImportFormat | ImportRefusal> {
  const { declared, now } = input;
  const { tenant } = input.requester;
  const { prefix, separator, hashed } = declared;
  if (isOurs(prefix, ports.prefix)) return { reason: 'prefix_is_ours' };
  // With neither prefix nor hash to find it by, every text would be somebody's key.
  if (prefix === '' && separator !== '') return { reason: 'prefix_missing' };
  // The id is the declaration itself: the same one is the same row, on any node.
  const id = `${prefix} ${separator} ${hashed}`;
  const known = await ports.store.importFormats.get(tenant, id);
  if (known !== undefined) return known;
  const count = await ports.store.importFormats.count({ tenant });
  if (count >= limits.importFormatsMax) return { reason: 'too_many_formats' };
  const row: ImportFormat = { tenant, id, prefix, separator, hashed, createdAt: now };
  await ports.store.acts.run({
    steps: [
      { do: 'insert', table: 'importFormats', row, refused: 'known' },
      { do: 'feed', tenant, at: now, entries: [{ type: 'import_prefix', prefix }] },
    ],
    audit: await ports.recorder.record(
      eventBy(input.requester, {
        action: 'key.import_format',
        at: now,
        object: { kind: 'tenant', id: tenant },
        detail: { prefix, separator, hashed },
      }),
    ),
  });
  return row;
}

/** The beginning of our own keys, or of every JWT: gateways would ask about each of those. */
function isOurs(prefix: string, ours: string): boolean {
  const isJwt = prefix.startsWith('eyJ') || (prefix !== '' && 'eyJ'.startsWith(prefix));
  return isJwt || prefix.startsWith(`${ours}_`);
}

/** `.` and `..` would be lost on the way as segments of a path. */
const idPattern = /^(?!\.{1,2}$)[A-Za-z0-9._~-]{1,128}$/;
/** Literal segments below `/v1/keys/`; a test holds them to the routes. */
export const reservedIds: ReadonlySet<string> = new Set(['verify', 'import', 'bulk']);

function plan(
  row: ImportRow,
  context: {
    readonly format: ImportFormat;
    readonly requester: Requester;
    readonly now: UnixMs;
    readonly seen: Set<string>;
  },
): KeyRow | RowConflict {
  const { format, requester, now, seen } = context;
  const hash = parseImportedHash(row.hash);
  if (!hash.ok) return hash.refusal.reason;
  const id = idOf(row, format, hash.value);
  if (!id.ok) return id.reason;
  if (seen.has(id.id)) return 'repeated_in_page';
  seen.add(id.id);
  return keyRow(row.settings, { id: id.id, hash: hash.value, format, requester, now });
}

function idOf(
  row: ImportRow,
  format: ImportFormat,
  hash: ImportedHash,
):
  | { readonly ok: true; readonly id: string }
  | { readonly ok: false; readonly reason: RowConflict } {
  if (format.separator === '') {
    if (row.id !== undefined) return { ok: false, reason: 'id_not_allowed' };
    if (hash.scheme !== 'sha256') return { ok: false, reason: 'scheme_needs_id' };
    return { ok: true, id: idOfDigest(hash.bytes) };
  }
  if (row.id === undefined) return { ok: false, reason: 'id_missing' };
  const usable =
    idPattern.test(row.id) && !row.id.includes(format.separator) && !reservedIds.has(row.id);
  return usable ? { ok: true, id: row.id } : { ok: false, reason: 'malformed_id' };
}

function keyRow(
  settings: KeySettings,
  context: {
    readonly id: string;
    readonly hash: ImportedHash;
    readonly format: ImportFormat;
    readonly requester: Requester;
    readonly now: UnixMs;
  },
): KeyRow {
  const { id, hash, format, requester, now } = context;
  return {
    tenant: requester.tenant,
    id,
    kind: 'key',
    name: settings.name,
    status: 'active',
    hashScheme: hash.scheme,
    hash: hash.bytes,
    pepperVersion: null,
    sealedVerifier: null,
    derivationKey: null,
    owner: settings.owner,
    scopes: settings.scopes,
    environment: settings.environment ?? null,
    plan: settings.plan ?? null,
    allowedAddresses: settings.allowedAddresses ?? null,
    metadata: settings.metadata ?? {},
    createdAt: now,
    updatedAt: now,
    notBefore: settings.notBefore ?? null,
    expiresAt: settings.expiresAt ?? null,
    predecessor: null,
    successor: null,
    importFormat: format.id,
    importFingerprint: fingerprintOf(hash),
    version: 1,
    ...undecidedKeyColumns,
    ...placedColumns(settings),
    budget: hasBudgets(settings.budgets) ? id : null,
  };
}

async function importOne(
  ports: ImportPorts,
  requester: Requester,
  {
    row,
    budgets = {},
  }: { readonly row: KeyRow; readonly budgets: KeySettings['budgets'] | undefined },
): Promise<'imported' | 'unchanged' | 'id_taken'> {
  const known = await ports.store.keys.get(row.tenant, row.id);
  if (known !== undefined) return compare(known, row);
  const { outcome } = await ports.store.acts.run({
    steps: [
      { do: 'insert', table: 'keys', row, refused: 'id_taken' },
      ...insertsOf(budgetRows(row, budgets, row.createdAt)),
      keyFeedStep(row.tenant, [row], row.createdAt),
    ],
    audit: await ports.recorder.record(
      keyEvent(requester, row, {
        action: 'key.import',
        at: row.createdAt as UnixMs,
        detail: { scopes: row.scopes, scheme: row.hashScheme },
        personal: { owner: row.owner },
      }),
    ),
  });
  if (outcome === 'done') return 'imported';
  // Somebody imported the same page at the same time: what is there now decides.
  const winner = await ports.store.keys.get(row.tenant, row.id);
  return winner === undefined ? 'id_taken' : compare(winner, row);
}

/** The same key stays as it is, whatever was done to it since it came. */
function compare(known: KeyRow, row: KeyRow): 'unchanged' | 'id_taken' {
  if (known.importFormat !== row.importFormat || known.importFingerprint === null)
    return 'id_taken';
  return Buffer.compare(known.importFingerprint, row.importFingerprint as Uint8Array) === 0
    ? 'unchanged'
    : 'id_taken';
}

/** Runs over all, a bounded number at a time; results in the order of the input. */
async function eachBounded<T, R>(
  all: readonly T[],
  run: (one: T, index: number) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = new Array(all.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < all.length) {
      const index = next++;
      results[index] = await run(all[index] as T, index);
    }
  };
  const workers = Math.min(limits.importActsInFlight, all.length);
  await Promise.all(Array.from({ length: workers }, worker));
  return results;
}
