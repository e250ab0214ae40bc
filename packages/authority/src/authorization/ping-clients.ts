/**
 * The ping (OpenID CIBA Core §10.2): a client that wants to hear of the answer is called, with the
 * bearer token that it gave and the name of its request, and nothing of the answer. Who is to be
 * called stands in the store, so that a crash loses nobody; each try is claimed before it is made,
 * so that of several processes one makes it. What was sealed for it goes when it is over.
 */
import {
  type Clock,
  limits,
  NetworkFault,
  nowSeconds,
  type TenantId,
  utf8Decode,
} from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';
import type { Recorder } from '../audit/record.ts';
import { sealContext } from '../custody/contexts.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { RequestingClient } from './requesting-client.ts';

export interface PingDeps {
  readonly store: Pick<Store, 'backchannelRequests' | 'acts'>;
  readonly findClient: (
    tenant: TenantId,
    clientId: string,
  ) => Promise<RequestingClient | undefined>;
  readonly sealer: Pick<Sealer, 'open'>;
  readonly outbound: Pick<GuardedClient, 'send'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
}

type Due = Row<'backchannelRequests'>;
type Delivery = 'delivered' | 'client_refused' | 'client_not_reached';

/** What became of the tries, for the metrics. */
export interface PingCounts {
  delivered: number;
  failed: number;
}

/** Calls every client whose time has come. @returns how many tries were made */
export async function pingClients(deps: PingDeps, counts: PingCounts): Promise<number> {
  const due = await deps.store.backchannelRequests.list({
    where: { nextAttemptAt: { is: '<=', value: deps.clock.nowMs() } },
    orderBy: ['nextAttemptAt'],
    limit: limits.pingsAtOnce,
  });
  await Promise.all(due.map((row) => ping(deps, row, counts)));
  return due.length;
}

async function ping(deps: PingDeps, row: Due, counts: PingCounts): Promise<void> {
  if (!(await claim(deps, row))) return;
  const client = await deps.findClient(row.tenant as TenantId, row.clientId);
  const url =
    client?.status === 'active' ? client.backchannelClientNotificationEndpoint : undefined;
  const isOver = row.expiresAtSeconds <= nowSeconds(deps.clock);
  // A client that is gone, or does not want to hear any more, needs no telling.
  if (url === undefined || isOver || row.sealedPing === null) return forget(deps, row, null);
  const delivery = await deliver(deps, row, { url, sealed: row.sealedPing });
  if (delivery === 'delivered') {
    counts.delivered += 1;
    return forget(deps, row, null);
  }
  counts.failed += 1;
  const isLast = row.attempts + 1 >= limits.pingAttemptsMax;
  if (delivery === 'client_refused' || isLast) await giveUp(deps, row, delivery);
}

/** Counts the try before it is made; the next one is due later each time. */
async function claim({ store, clock }: PingDeps, row: Due): Promise<boolean> {
  const { tenant, id, attempts, nextAttemptAt } = row;
  const pauseMs = limits.pingRetryMs * 2 ** attempts + limits.outboundTimeoutMs;
  const { outcome } = await store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'backchannelRequests',
        where: { tenant, id, attempts, nextAttemptAt },
        set: { attempts: attempts + 1, nextAttemptAt: clock.nowMs() + pauseMs },
        refused: 'claimed',
      },
    ],
    audit: null,
  });
  return outcome === 'done';
}

/**
 * §10.2: 204, or 200 whose body is not looked at; a redirect is not followed. What a client refuses
 * it would refuse again, for nothing of it changes; only its absence is worth another try.
 */
async function deliver(
  { outbound, sealer }: PingDeps,
  { tenant, id }: Due,
  { url, sealed }: { readonly url: string; readonly sealed: Uint8Array },
): Promise<Delivery> {
  const plain = await sealer.open(tenant as TenantId, sealContext.ping(id), sealed);
  // Written by `authentication-requests.ts` alone.
  const { authReqId, notificationToken } = JSON.parse(utf8Decode(plain) ?? '') as {
    readonly authReqId: string;
    readonly notificationToken: string;
  };
  plain.fill(0);
  try {
    const answer = await outbound.send({
      url,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${notificationToken}`,
      },
      body: JSON.stringify({ auth_req_id: authReqId }),
      bytesMax: limits.protocolBodyBytesMax,
    });
    if (!answer.ok) return 'client_refused';
    const { status } = answer.value;
    if (status >= 200 && status < 300) return 'delivered';
    return status < 500 ? 'client_refused' : 'client_not_reached';
  } catch (fault) {
    if (fault instanceof NetworkFault) return 'client_not_reached';
    throw fault;
  }
}

async function giveUp(deps: PingDeps, row: Due, result: Delivery): Promise<void> {
  const { tenant, id, clientId } = row;
  const record = await deps.recorder.record({
    tenant: tenant as TenantId,
    action: 'authentication_request.notify',
    at: deps.clock.nowMs(),
    actor: { kind: 'system', id: 'authentication-requests' },
    object: { kind: 'authentication_request', id },
    related: { kind: 'client', id: clientId },
    result,
  });
  await forget(deps, row, record);
}

/** The answer stays for a client that polls. */
async function forget(
  { store }: PingDeps,
  { tenant, id }: Due,
  audit: Awaited<ReturnType<Recorder['record']>> | null,
): Promise<void> {
  await store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'backchannelRequests',
        where: { tenant, id },
        set: { sealedPing: null, nextAttemptAt: null },
      },
    ],
    audit,
  });
}
