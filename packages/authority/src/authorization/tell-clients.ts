/**
 * Back-channel logout (OpenID Connect Back-Channel Logout 1.0): clients hear of a session's end by
 * a signed token. Who is to be told stands in the store, so that a crash loses nobody; each try is
 * claimed before it is made, so that of several processes one makes it; a client that cannot be
 * reached is tried again, ever later, and given up in the end, on record.
 */
import {
  base64urlEncode,
  type ClientId,
  type Clock,
  type Entropy,
  limits,
  NetworkFault,
  nowSeconds,
  type TenantId,
} from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';
import type { Recorder } from '../audit/record.ts';
import type { Client } from '../clients/client.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { RequestingClient } from './requesting-client.ts';
import { signClaims } from './sign-claims.ts';

export interface TellDeps {
  readonly store: Pick<Store, 'sessionClients' | 'acts'>;
  readonly findClient: (tenant: TenantId, clientId: string) => Promise<Client | undefined>;
  readonly subjectSeenBy: (client: RequestingClient, subject: string) => string;
  readonly keyring: Pick<Keyring, 'signer'>;
  readonly outbound: Pick<GuardedClient, 'send'>;
  readonly recorder: Recorder;
  readonly issuerOf: (tenant: TenantId) => string;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

type Due = Row<'sessionClients'>;

/** Tells every client whose time has come. @returns how many tries were made */
export async function tellClients(deps: TellDeps): Promise<number> {
  const due = await deps.store.sessionClients.list({
    where: { nextAttemptAt: { is: '<=', value: deps.clock.nowMs() } },
    orderBy: ['nextAttemptAt'],
    limit: limits.logoutsAtOnce,
  });
  await Promise.all(due.map((row) => tell(deps, row)));
  return due.length;
}

async function tell(deps: TellDeps, row: Due): Promise<void> {
  if (!(await claim(deps, row))) return;
  const client = await deps.findClient(row.tenant as TenantId, row.clientId);
  // A client that is gone, or does not want to hear any more, needs no telling.
  const uri = client?.status === 'active' ? client.backchannelLogoutUri : undefined;
  if (client === undefined || uri === undefined) return forget(deps, row, null);
  if (await deliver(deps, { uri, token: await logoutToken(deps, client, row) })) {
    return forget(deps, row, null);
  }
  if (row.attempts + 1 >= limits.logoutAttemptsMax) return giveUp(deps, row);
}

/** Counts the try before it is made; the next one is due later each time. */
async function claim(deps: TellDeps, row: Due): Promise<boolean> {
  const { tenant, session, clientId, attempts } = row;
  const pauseMs = limits.logoutRetryMs * 2 ** attempts;
  const { outcome } = await deps.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'sessionClients',
        where: { tenant, session, clientId, attempts },
        set: { attempts: attempts + 1, nextAttemptAt: deps.clock.nowMs() + pauseMs },
        refused: 'claimed',
      },
    ],
    audit: null,
  });
  return outcome === 'done';
}

/** §2.4: never a `nonce`, so that it is no ID token; it says of whom and of which session. */
async function logoutToken(deps: TellDeps, client: Client, row: Due): Promise<string> {
  const tenant = row.tenant as TenantId;
  const now = nowSeconds(deps.clock);
  const claims = {
    iss: deps.issuerOf(tenant),
    sub: deps.subjectSeenBy(client, row.subject),
    aud: client.clientId,
    iat: now,
    exp: now + limits.logoutTokenSeconds,
    jti: base64urlEncode(deps.entropy.bytes(16)),
    sid: row.session,
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  };
  const algorithm = client.idTokenAlgorithm;
  return signClaims(deps.keyring, { tenant, algorithm, typ: 'logout+jwt', claims });
}

/** §2.8: 200 or 204. Whatever else came back, or nothing, is worth another try. */
async function deliver(
  { outbound }: Pick<TellDeps, 'outbound'>,
  { uri, token }: { readonly uri: string; readonly token: string },
): Promise<boolean> {
  try {
    const answer = await outbound.send({
      url: uri,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `logout_token=${token}`,
      bytesMax: limits.protocolBodyBytesMax,
    });
    return answer.ok && (answer.value.status === 200 || answer.value.status === 204);
  } catch (fault) {
    if (fault instanceof NetworkFault) return false;
    throw fault;
  }
}

async function giveUp(deps: TellDeps, row: Due): Promise<void> {
  const tenant = row.tenant as TenantId;
  const record = await deps.recorder.record({
    tenant,
    action: 'session.notify',
    at: deps.clock.nowMs(),
    actor: { kind: 'system', id: 'sessions' },
    object: { kind: 'session', id: row.session },
    related: { kind: 'client', id: row.clientId as ClientId },
    result: 'client_not_reached',
  });
  await forget(deps, row, record);
}

async function forget(
  deps: TellDeps,
  { tenant, session, clientId }: Due,
  audit: Awaited<ReturnType<Recorder['record']>> | null,
): Promise<void> {
  const where = { tenant, session, clientId };
  await deps.store.acts.run({
    steps: [{ do: 'delete', table: 'sessionClients', where }],
    audit,
  });
}
