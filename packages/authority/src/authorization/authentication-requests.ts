/**
 * Authentication requests by the back channel (OpenID CIBA Core): a client asks, a person answers
 * where they are, and what they agreed to is there for the client to redeem. Each change is an act.
 * What must never happen: an answer by somebody else than whom was asked, or two answers.
 */
import {
  type Clock,
  type Entropy,
  err,
  type FeedPosition,
  limits,
  nowSeconds,
  ok,
  type Result,
  type SubjectId,
  type TenantId,
  utf8,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { sealContext } from '../custody/contexts.ts';
import type { Peppers } from '../custody/peppers.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { DetailTypesReader } from '../details/types.ts';
import {
  type AuthenticationRequest,
  authenticationRequestOf,
  buildAuthReqId,
} from '../issuance/authentication-request.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { typesOf } from './asked-details.ts';
import type { Parameters } from './authorization-request.ts';
import { findHinted, type HintDeps, type HintRefusal } from './backchannel-hint.ts';
import {
  type BackchannelRefusal,
  type BackchannelRequest,
  parseBackchannelRequest,
} from './backchannel-request.ts';
import type { RequestingClient } from './requesting-client.ts';

export interface AuthenticationRequestDeps extends HintDeps {
  readonly store: Pick<Store, 'backchannelRequests' | 'sessions' | 'acts'>;
  readonly recorder: Recorder;
  readonly sealer: Pick<Sealer, 'seal'>;
  readonly peppers: Pick<Peppers, 'current'>;
  readonly detailTypes: Pick<DetailTypesReader, 'of'>;
  readonly feedHead: (tenant: TenantId) => FeedPosition;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly prefix: string;
  /** Tells the person by what other way there is, and holds up nobody. */
  readonly tellPerson: (asked: AuthenticationRequest, clientName: string) => void;
}

export interface BegunRequest {
  readonly authReqId: string;
  readonly expiresInSeconds: number;
  readonly intervalSeconds: number;
}

export type BeginRefusal =
  | BackchannelRefusal
  | HintRefusal
  /** The person has enough to answer. */
  | { readonly reason: 'too_many_waiting' }
  /** The client or the person changed meanwhile. */
  | { readonly reason: 'overtaken' };

/**
 * Takes a request of a client that has proved who it is.
 *
 * @returns what its client gets (§7.3)
 * @throws StoreFault, CustodyFault: nothing was asked of anybody
 */
export async function beginAuthenticationRequest(
  deps: AuthenticationRequestDeps,
  input: {
    readonly client: RequestingClient;
    readonly parameters: Parameters;
    readonly address: string;
  },
): Promise<Result<BegunRequest, BeginRefusal>> {
  const { client, parameters, address } = input;
  const { tenant, clientId } = client;
  const request = await parseBackchannelRequest(deps, client, parameters);
  if (!request.ok) return request;
  const subject = await findHinted(deps, client, request.value.hint);
  if (!subject.ok) return subject;
  const waiting = await waitingFor(deps, { tenant, subject: subject.value });
  if (waiting.length >= limits.authenticationRequestsPendingMax) {
    return err({ reason: 'too_many_waiting' });
  }
  const { row, text } = await buildRow(deps, {
    client,
    request: request.value,
    subject: subject.value,
  });
  const { outcome } = await deps.store.acts.run({
    steps: [
      ...request.value.once,
      ...stillThere(client, subject.value),
      { do: 'insert', table: 'backchannelRequests', row, refused: 'overtaken' },
    ],
    audit: await deps.recorder.record(
      eventBy(
        { tenant, actor: { kind: 'client', id: clientId }, address },
        {
          action: 'authentication_request.create',
          at: deps.clock.nowMs(),
          object: { kind: 'authentication_request', id: row.id },
          related: { kind: 'user', id: subject.value },
          detail: {
            client: clientId,
            subject: subject.value,
            scopes: request.value.asked.scopes,
            audience: request.value.asked.audience,
            ...typesOf(request.value.asked.details),
            hint: request.value.hint.by,
            expires_at: row.expiresAtSeconds,
          },
          ...messageOf(request.value),
        },
      ),
    ),
  });
  if (outcome === 'request_used') return err({ reason: 'request_used' });
  if (outcome !== 'done') return err({ reason: 'overtaken' });
  deps.tellPerson(authenticationRequestOf(row), client.name);
  return ok({
    authReqId: text,
    expiresInSeconds: request.value.ttlSeconds,
    intervalSeconds: row.pollSeconds,
  });
}

function messageOf({ asked }: BackchannelRequest) {
  return asked.bindingMessage === null ? {} : { personal: { note: asked.bindingMessage } };
}

/** Conditions of both acts: whoever asks and whoever is asked may still do so. */
export function stillThere(
  { tenant, clientId, version }: Pick<RequestingClient, 'tenant' | 'clientId' | 'version'>,
  subject: SubjectId,
) {
  return [
    {
      do: 'require',
      table: 'clients',
      where: { tenant, clientId, version, status: 'active' },
      refused: 'overtaken',
    },
    {
      do: 'require',
      table: 'users',
      where: { tenant, id: subject, status: 'active' },
      refused: 'overtaken',
    },
  ] as const;
}

async function buildRow(
  deps: AuthenticationRequestDeps,
  input: {
    readonly client: RequestingClient;
    readonly request: BackchannelRequest;
    readonly subject: SubjectId;
  },
): Promise<{ readonly row: Row<'backchannelRequests'>; readonly text: string }> {
  const { client, request, subject } = input;
  const { tenant, clientId } = client;
  const { text, row } = buildAuthReqId(deps, tenant);
  const { notificationToken } = request;
  // Neither is anywhere else: the ping needs both, and nobody else may ever read them.
  const ping = notificationToken && JSON.stringify({ authReqId: text, notificationToken });
  const sealedPing = ping
    ? await deps.sealer.seal(tenant, sealContext.ping(row.id), utf8(ping))
    : null;
  const now = deps.clock.nowMs();
  return {
    text,
    row: {
      tenant,
      ...row,
      clientId,
      subject,
      status: 'pending',
      asked: { ...request.asked },
      terms: null,
      family: null,
      position: deps.feedHead(tenant),
      pollSeconds: limits.authenticationRequestPollSeconds,
      nextPollAt: now,
      sealedPing,
      attempts: 0,
      nextAttemptAt: null,
      createdAt: now,
      expiresAtSeconds: nowSeconds(deps.clock) + request.ttlSeconds,
    },
  };
}

/** What waits for an answer of this person, newest first. @throws StoreFault */
export async function waitingFor(
  deps: { readonly store: Pick<Store, 'backchannelRequests'>; readonly clock: Clock },
  of: { readonly tenant: TenantId; readonly subject: SubjectId },
): Promise<readonly AuthenticationRequest[]> {
  const { tenant, subject } = of;
  const rows = await deps.store.backchannelRequests.list({
    where: { tenant, subject },
    orderBy: ['createdAt', 'id'],
    descending: true,
    limit: rowsLookedAt,
  });
  const now = nowSeconds(deps.clock);
  return rows
    .filter((row) => row.status === 'pending' && row.expiresAtSeconds > now)
    .map(authenticationRequestOf);
}

/** Those answered lie between those that wait, for as long as they may be redeemed. */
const rowsLookedAt = 1_000;

export interface DenyDeps {
  readonly store: Pick<Store, 'backchannelRequests' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
}

/** Answered already, expired, or not this person's. */
export type AnswerOver = { readonly reason: 'request_over' };

/** @param input.subject where a person answers, whose own it must be */
export async function denyAuthenticationRequest(
  deps: DenyDeps,
  requester: Requester,
  input: { readonly id: string; readonly subject?: SubjectId },
): Promise<Result<undefined, AnswerOver>> {
  const found = await findWaiting(deps, requester.tenant, input);
  if (found === undefined) return over;
  const { tenant, id, clientId, subject } = found;
  const now = deps.clock.nowMs();
  const { outcome } = await deps.store.acts.run({
    steps: [answerStep(deps, found, { status: 'denied' })],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'authentication_request.deny',
        at: now,
        object: { kind: 'authentication_request', id },
        related: { kind: 'client', id: clientId },
        detail: { client: clientId, subject },
      }),
    ),
  });
  if (outcome === 'request_over') return over;
  if (outcome !== 'done') throw new Error(`${tenant} ${id}: unexpected outcome ${outcome}`);
  return ok(undefined);
}

export const over = err({ reason: 'request_over' } as const);

/** @returns undefined for whatever cannot be answered any more, or not by this person */
export async function findWaiting(
  deps: Pick<DenyDeps, 'store' | 'clock'>,
  tenant: TenantId,
  { id, subject }: { readonly id: string; readonly subject?: SubjectId },
): Promise<Row<'backchannelRequests'> | undefined> {
  const row = await deps.store.backchannelRequests.get(tenant, id);
  if (row?.status !== 'pending' || row.expiresAtSeconds <= nowSeconds(deps.clock)) return undefined;
  return subject !== undefined && row.subject !== subject ? undefined : row;
}

/** Of many answers one holds. The client is due to be pinged, where it wants to be. */
export function answerStep(
  { clock }: Pick<DenyDeps, 'clock'>,
  { tenant, id, sealedPing }: Row<'backchannelRequests'>,
  set: Partial<Row<'backchannelRequests'>>,
) {
  return {
    do: 'update',
    table: 'backchannelRequests',
    where: {
      tenant,
      id,
      status: 'pending',
      expiresAtSeconds: { is: '>', value: nowSeconds(clock) },
    },
    set: { ...set, nextAttemptAt: sealedPing === null ? null : clock.nowMs() },
    refused: 'request_over',
  } as const;
}
