/**
 * Client authentication (RFC 6749 §2.3): by secret, by an assertion that the client signed, by its
 * TLS certificate, or not at all where it is public. The method is the client's own, whatever a
 * request presents. Of the secret methods a wrong secret, an unknown and a disabled client give one
 * answer in one time. What must never happen: a grant judged before the client is known.
 */
import { hash } from 'node:crypto';
import {
  type ClientId,
  type Clock,
  type Entropy,
  err,
  nowSeconds,
  ok,
  type PeerCertificate,
  type Result,
  type TenantId,
} from '@mintmark/core';
import {
  assertionKeyId,
  type ClientAssertionRefusal,
  verifyClientAssertion,
} from '@mintmark/tokens';
import type { Peppers } from '../custody/peppers.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { isOfKey, isOfSubject } from './certificate.ts';
import type { Client } from './client.ts';
import type { ClientKeys } from './client-keys.ts';
import { acceptedAlgorithms, type ClientAuthMethod, clientAuthMethods } from './client-rules.ts';
import type { FindClient } from './document-client.ts';
import { type ImportedSecretDeps, isImported, proveImported } from './imported-secret.ts';
import { createSecretJudge, type KeptSecrets, type SecretJudge } from './judge-secret.ts';
import { registrationSecretId } from './registry.ts';
import { singleUseStep } from './single-use.ts';

/** The methods that are verified here; a client is registered with one of them. */
export function verifiedAuthMethods(options: {
  /** Whether connections are asked for certificates at all. */
  readonly clientCertificates: boolean;
}): readonly ClientAuthMethod[] {
  const byCertificate: readonly ClientAuthMethod[] = [
    'tls_client_auth',
    'self_signed_tls_client_auth',
  ];
  return clientAuthMethods.filter(
    (method) => options.clientCertificates || !byCertificate.includes(method),
  );
}

/** What a request presented, already parsed out of its header or form. */
export type PresentedClient =
  | {
      readonly method: 'client_secret_basic' | 'client_secret_post';
      readonly clientId: ClientId;
      readonly secret: string;
    }
  | {
      readonly method: 'private_key_jwt';
      readonly clientId: ClientId;
      readonly assertion: string;
    }
  /** A name alone; the TLS connection may say more. */
  | {
      readonly method: 'none';
      readonly clientId: ClientId;
      readonly certificate: PeerCertificate | undefined;
    };

/** A client that has shown who it is. */
export interface AuthenticatedClient {
  readonly client: Client;
  /**
   * Belong into the act that the request leads to: they refuse it with `assertion_used` where
   * the client's assertion was used before. Where there is no act, `spend` runs them by themselves.
   */
  readonly once: readonly Step[];
}

/** For the operator; outside all of them are `invalid_client`. */
export type ClientAuthRefusal =
  | { readonly reason: 'unknown_client' }
  | { readonly reason: 'client_disabled' }
  | { readonly reason: 'wrong_method'; readonly expected: ClientAuthMethod }
  | { readonly reason: 'wrong_secret' }
  /** It was the client's until its overlap was over. */
  | { readonly reason: 'secret_ended' }
  | { readonly reason: 'assertion_refused'; readonly detail: ClientAssertionRefusal['reason'] }
  | { readonly reason: 'keys_unavailable' }
  /** It came as another system's slow hash, and too many of those wait. */
  | { readonly reason: 'secret_busy' }
  | { readonly reason: 'certificate_missing' }
  | { readonly reason: 'certificate_refused' };

export interface ClientAuthenticator {
  /** @throws StoreFault */
  authenticate(
    tenant: TenantId,
    presented: PresentedClient,
  ): Promise<Result<AuthenticatedClient, ClientAuthRefusal>>;
  /**
   * Runs the steps where there is no act that they could be part of.
   *
   * @returns what was used before, if anything was
   * @throws StoreFault
   */
  spend(once: readonly Step[]): Promise<'spent' | 'assertion_used' | 'proof_used'>;
  /** Told of a change that was just committed: what was kept of the client is void. */
  forget(tenant: TenantId, clientId: ClientId): void;
  /** The client as it is in the store now, and in every later answer of `authenticate`. */
  reload(tenant: TenantId, clientId: ClientId): Promise<Client | undefined>;
}

export interface AuthenticatorDeps extends Omit<ImportedSecretDeps, 'store'> {
  readonly store: Pick<Store, 'clientSecrets' | 'acts'>;
  readonly findClient: FindClient;
  readonly peppers: Peppers;
  readonly clientKeys: ClientKeys;
  readonly issuerOf: (tenant: TenantId) => string;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Told of each secret that was proven, live or ended. Cheap, and never fails. */
  readonly secretShown?: (shown: {
    readonly tenant: TenantId;
    readonly clientId: ClientId;
    readonly secretId: string;
    readonly kind: 'live' | 'overlap' | 'ended';
  }) => void;
}

interface Entry {
  readonly client: Client;
  readonly secrets: KeptSecrets;
  readonly readAtMonotonicMs: number;
}

/** Clients kept in memory; a view is used for success only while this young. */
const entriesMax = 10_000;
const entryAgeMsMax = 1_000;

/**
 * Clients are kept in memory for a second. That is safe for minting, because the minting act
 * requires the version that was judged; elsewhere a change made by another process is seen within
 * that second, one of this process at once. A refusal always looks at the store once more.
 */
export function createClientAuthenticator(deps: AuthenticatorDeps): ClientAuthenticator {
  const entries = new Map<string, Entry>();
  const secretJudge = createSecretJudge(deps);
  /** Read last: what an unknown client is refused after as much work as. */
  let decoy: { readonly tenant: TenantId; readonly clientId: ClientId } | undefined;
  /** Counts `forget`: what was read before the last one may be older than the change. */
  let changes = 0;

  async function read(tenant: TenantId, clientId: ClientId): Promise<Entry | undefined> {
    const key = `${tenant}\n${clientId}`;
    const readAtMonotonicMs = deps.clock.monotonicMs();
    const readAtChange = changes;
    const client = await deps.findClient(tenant, clientId);
    entries.delete(key);
    if (client === undefined) return undefined;
    decoy = { tenant, clientId };
    const rows = await readSecrets(deps, tenant, clientId);
    const entry = {
      client,
      secrets: { rows, proven: undefined },
      readAtMonotonicMs,
    };
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
        const verdict = await judge(deps, secretJudge, { tenant, entry: kept, presented });
        if (verdict.ok) return verdict;
        // A secret that is still hashed elsewhere's way is looked at once, below.
      } else if ('secret' in presented) {
        // As often as where a client is known and its secret is wrong.
        secretJudge({ tenant, kept: undefined, presented });
      }
      const entry = await read(tenant, presented.clientId);
      const verdict =
        (await provenImport(deps, { tenant, entry, presented })) ??
        (await judge(deps, secretJudge, { tenant, entry, presented }));
      if (!verdict.ok && 'secret' in presented)
        await level(deps, tenant, entry === undefined ? decoy : 'known');
      return verdict;
    },
    async spend(once) {
      if (once.length === 0) return 'spent';
      const { outcome } = await deps.store.acts.run({ steps: once, audit: null });
      if (outcome === 'assertion_used') return 'assertion_used';
      return outcome === 'proof_used' ? 'proof_used' : 'spent';
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

/**
 * Whoever is refused has paid for one look at a client that there is and one at a client that there
 * is not, so that the time of the answer does not say which of the two was meant.
 *
 * @param other a client to look at where there is none of the name
 */
async function level(
  deps: Pick<AuthenticatorDeps, 'findClient' | 'store' | 'peppers'>,
  tenant: TenantId,
  other: { readonly tenant: TenantId; readonly clientId: ClientId } | 'known' | undefined,
): Promise<void> {
  if (other === 'known') await deps.findClient(tenant, nobody);
  else if (other !== undefined) {
    await deps.findClient(other.tenant, other.clientId);
    await readSecrets(deps, other.tenant, other.clientId);
  }
}

/** No client is called so: it is looked for where one more look is owed. */
const nobody = '~' as ClientId;

async function readSecrets(
  deps: Pick<AuthenticatorDeps, 'store' | 'peppers'>,
  tenant: TenantId,
  clientId: ClientId,
): Promise<KeptSecrets['rows']> {
  const kept = await deps.store.clientSecrets.list({ where: { tenant, clientId }, limit: 10 });
  const rows = kept.filter(({ id }) => id !== registrationSecretId);
  // What another process hashed with a pepper that it has just made is judged by it here too.
  for (const row of rows) if (!isImported(row)) await deps.peppers.find(row.pepperVersion);
  return rows;
}

type Verdict = Result<AuthenticatedClient, ClientAuthRefusal>;

function judge(
  deps: AuthenticatorDeps,
  secretJudge: SecretJudge,
  input: {
    readonly tenant: TenantId;
    readonly entry: Entry | undefined;
    readonly presented: PresentedClient;
  },
): Verdict | Promise<Verdict> {
  const { tenant, entry, presented } = input;
  const { method } = presented;
  if (method === 'client_secret_basic' || method === 'client_secret_post') {
    const shown = secretJudge({ tenant, kept: entry?.secrets, presented });
    if (entry === undefined) return err({ reason: 'unknown_client' });
    if (shown.kind === 'wrong') return err({ reason: 'wrong_secret' });
    const { id: secretId, kind } = shown;
    const { clientId } = presented;
    deps.secretShown?.({ tenant, clientId, secretId, kind });
    if (kind === 'ended') return err({ reason: 'secret_ended' });
  }
  if (entry === undefined) return err({ reason: 'unknown_client' });
  const { client } = entry;
  if (client.status !== 'active') return err({ reason: 'client_disabled' });
  if (method === 'none' && client.authMethod !== 'none') {
    return judgeCertificate(deps, client, presented.certificate);
  }
  // RFC 7591 §2: a client uses the one method that it is registered with.
  if (client.authMethod !== method) {
    return err({ reason: 'wrong_method', expected: client.authMethod });
  }
  return method === 'private_key_jwt'
    ? judgeAssertion(deps, client, presented.assertion)
    : ok({ client, once: [] });
}

/**
 * Where a secret came as a hash, whoever presents it is judged in the slow queue, and the client
 * is then read and judged like any other.
 *
 * @returns undefined where there is nothing to say beyond the usual judgement
 */
async function provenImport(
  deps: AuthenticatorDeps,
  input: {
    readonly tenant: TenantId;
    readonly entry: Entry | undefined;
    readonly presented: PresentedClient;
  },
): Promise<Verdict | undefined> {
  const { tenant, entry, presented } = input;
  if (entry === undefined || !('secret' in presented)) return undefined;
  const { rows } = entry.secrets;
  if (!rows.some(isImported)) return undefined;
  const { clientId, secret } = presented;
  const found = await proveImported(deps, { tenant, clientId, rows, secret });
  if (found === 'busy') return err({ reason: 'secret_busy' });
  if (found === undefined) return undefined;
  entry.secrets.proven = {
    digest: hash('sha256', secret, 'buffer'),
    until: found.expiresAt ?? Number.POSITIVE_INFINITY,
    id: found.id,
  };
  return undefined;
}

/** RFC 8705 §2: beside the name there is nothing but the connection's certificate. */
async function judgeCertificate(
  deps: AuthenticatorDeps,
  client: Client,
  certificate: PeerCertificate | undefined,
): Promise<Verdict> {
  const { authMethod } = client;
  if (authMethod !== 'tls_client_auth' && authMethod !== 'self_signed_tls_client_auth') {
    return err({ reason: 'wrong_method', expected: authMethod });
  }
  if (certificate === undefined) return err({ reason: 'certificate_missing' });
  if (authMethod === 'tls_client_auth') {
    const isOwn = isOfSubject(certificate, client);
    return isOwn ? ok({ client, once: [] }) : err({ reason: 'certificate_refused' });
  }
  const keys = await deps.clientKeys.find(client, undefined);
  if (keys === undefined) return err({ reason: 'keys_unavailable' });
  return isOfKey(certificate, keys)
    ? ok({ client, once: [] })
    : err({ reason: 'certificate_refused' });
}

async function judgeAssertion(
  deps: AuthenticatorDeps,
  client: Client,
  assertion: string,
): Promise<Verdict> {
  const { tenant, clientId, authSigningAlgorithm } = client;
  const keys = await deps.clientKeys.find(client, assertionKeyId(assertion));
  if (keys === undefined) return err({ reason: 'keys_unavailable' });
  const verified = verifyClientAssertion(assertion, {
    clientId,
    audiences: audiencesOf(deps.issuerOf(tenant)),
    strictAudience: client.securityProfile === 'fapi2' || client.assertionAudience === 'issuer',
    keys,
    algorithms:
      authSigningAlgorithm === undefined ? acceptedAlgorithms(client) : [authSigningAlgorithm],
    now: nowSeconds(deps.clock),
  });
  if (!verified.ok) return err({ reason: 'assertion_refused', detail: verified.refusal.reason });
  const { jti, expiresAt } = verified.value;
  const use = { tenant, kind: 'assertion', of: clientId, id: jti, endsAt: expiresAt } as const;
  return ok({ client, once: [singleUseStep(use)] });
}

/** The issuer, then its endpoints at which clients authenticate. */
function audiencesOf(issuer: string): readonly string[] {
  const endpoints = [
    'token',
    'par',
    'introspect',
    'revoke',
    'device_authorization',
    'bc-authorize',
  ];
  return [issuer, ...endpoints.map((name) => `${issuer}/oauth2/${name}`)];
}
