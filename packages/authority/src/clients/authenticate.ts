/**
 * Client authentication by secret (RFC 6749 §2.3.1), and the place where other methods plug in. A
 * wrong secret, an unknown and a disabled client give one answer in one time. What must never
 * happen: a grant judged before the client is known.
 */
import { hash } from 'node:crypto';
import {
  type ClientId,
  type Clock,
  type Entropy,
  equalConstantTime,
  err,
  ok,
  type Result,
  type TenantId,
} from '@mintmark/core';
import { hashSecret } from '@mintmark/tokens';
import type { Peppers } from '../custody/peppers.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { type Client, clientOf } from './client.ts';
import type { ClientAuthMethod } from './client-rules.ts';

/** What a request presented, already parsed out of its header or form. */
export interface PresentedSecret {
  readonly method: ClientAuthMethod;
  readonly clientId: ClientId;
  readonly secret: string;
}

/** For the operator; outside all of them are `invalid_client`. */
export type ClientAuthRefusal =
  | { readonly reason: 'unknown_client' }
  | { readonly reason: 'client_disabled' }
  | { readonly reason: 'wrong_method'; readonly expected: ClientAuthMethod }
  | { readonly reason: 'wrong_secret' };

export interface ClientAuthenticator {
  /** @throws StoreFault */
  authenticate(
    tenant: TenantId,
    presented: PresentedSecret,
  ): Promise<Result<Client, ClientAuthRefusal>>;
  /** Told of a change that was just committed: what was kept of the client is void. */
  forget(tenant: TenantId, clientId: ClientId): void;
  /** The client as it is in the store now, and in every later answer of `authenticate`. */
  reload(tenant: TenantId, clientId: ClientId): Promise<Client | undefined>;
}

interface Entry {
  readonly client: Client;
  readonly secrets: readonly Row<'clientSecrets'>[];
  readonly readAtMonotonicMs: number;
  /**
   * SHA-256 of the secret that was proven last, and until when it holds (unix milliseconds). It
   * spares a busy client the HMAC, and lives no longer than the entry.
   */
  proven: { readonly digest: Uint8Array; readonly until: number } | undefined;
}

/** Clients kept in memory; a view is used for success only while this young. */
const entriesMax = 10_000;
const entryAgeMsMax = 1_000;

/**
 * Clients are kept in memory for a second. That is safe for minting, because the minting act
 * requires the version that was judged; elsewhere a change made by another process is seen within
 * that second, one of this process at once. A refusal always looks at the store once more.
 */
export function createClientAuthenticator(deps: {
  readonly store: Pick<Store, 'clients' | 'clientSecrets'>;
  readonly peppers: Peppers;
  readonly clock: Clock;
  readonly entropy: Entropy;
}): ClientAuthenticator {
  const entries = new Map<string, Entry>();
  const decoy = deps.entropy.bytes(32);
  /** Counts `forget`: what was read before the last one may be older than the change. */
  let changes = 0;

  async function read(tenant: TenantId, clientId: ClientId): Promise<Entry | undefined> {
    const key = `${tenant}\n${clientId}`;
    const readAtMonotonicMs = deps.clock.monotonicMs();
    const readAtChange = changes;
    const row = await deps.store.clients.get(tenant, clientId);
    entries.delete(key);
    if (row === undefined) return undefined;
    const secrets = await deps.store.clientSecrets.list({ where: { tenant, clientId }, limit: 10 });
    // What another process hashed with a pepper that it has just made is judged by it here too.
    for (const { pepperVersion } of secrets) await deps.peppers.find(pepperVersion);
    const entry = { client: clientOf(row), secrets, readAtMonotonicMs, proven: undefined };
    if (readAtChange !== changes) return entry;
    const oldest = entries.keys().next();
    if (entries.size >= entriesMax && oldest.done !== true) entries.delete(oldest.value);
    entries.set(key, entry);
    return entry;
  }

  return {
    async authenticate(tenant, presented) {
      const kept = entries.get(`${tenant}\n${presented.clientId}`);
      const age = kept === undefined ? 0 : deps.clock.monotonicMs() - kept.readAtMonotonicMs;
      if (kept !== undefined && age <= entryAgeMsMax) {
        const verdict = judge(deps, { tenant, entry: kept, presented, decoy });
        if (verdict.ok) return verdict;
      }
      const entry = await read(tenant, presented.clientId);
      return judge(deps, { tenant, entry, presented, decoy });
    },
    forget(tenant, clientId) {
      changes++;
      entries.delete(`${tenant}\n${clientId}`);
    },
    async reload(tenant, clientId) {
      return (await read(tenant, clientId))?.client;
    },
  };
}

interface JudgeInput {
  readonly tenant: TenantId;
  readonly entry: Entry | undefined;
  readonly presented: PresentedSecret;
  readonly decoy: Uint8Array;
}

function judge(
  deps: { readonly peppers: Peppers; readonly clock: Clock },
  input: JudgeInput,
): Result<Client, ClientAuthRefusal> {
  const { entry, presented } = input;
  const now = deps.clock.nowMs();
  const digest = hash('sha256', presented.secret, 'buffer');
  const { proven } = entry ?? {};
  const isProven =
    proven !== undefined && now < proven.until && equalConstantTime(proven.digest, digest);
  const until = isProven ? proven.until : provenUntil(deps, input, now);
  if (entry === undefined) return err({ reason: 'unknown_client' });
  if (until === undefined) return err({ reason: 'wrong_secret' });
  entry.proven = { digest, until };
  const { client } = entry;
  if (client.status !== 'active') return err({ reason: 'client_disabled' });
  // RFC 7591 §2: a client uses the one method that it is registered with.
  if (client.authMethod !== presented.method) {
    return err({ reason: 'wrong_method', expected: client.authMethod });
  }
  return ok(client);
}

/** Until when the presented secret is one of the client's; undefined where it is none of them. */
function provenUntil(
  deps: { readonly peppers: Peppers },
  { tenant, entry, presented, decoy }: JudgeInput,
  now: number,
): number | undefined {
  const live = (entry?.secrets ?? []).filter((s) => s.expiresAt === null || s.expiresAt > now);
  // An unknown client costs the same comparison, so that the answer's time tells nothing.
  const candidates =
    live.length > 0 ? live : [{ hash: decoy, pepperVersion: undefined, expiresAt: null }];
  let until: number | undefined;
  for (const { hash: kept, pepperVersion, expiresAt } of candidates) {
    const current = deps.peppers.current().key;
    const pepper = pepperVersion === undefined ? current : deps.peppers.get(pepperVersion);
    const presentedHash = hashSecret({
      pepper: pepper ?? current,
      tenant,
      id: presented.clientId,
      secret: presented.secret,
    });
    if (equalConstantTime(presentedHash, kept)) until = expiresAt ?? Number.POSITIVE_INFINITY;
  }
  return until;
}
