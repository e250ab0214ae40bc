/**
 * Pushed authorization requests (RFC 9126): judged where the client proves who it is, kept for the
 * browser that comes with their name. What must never happen: one that another client's browser can
 * use, or that gives two codes.
 */
import {
  base64urlEncode,
  type ClientId,
  err,
  limits,
  nowSeconds,
  ok,
  type Result,
  type TenantId,
} from '@mintmark/core';
import { eventBy } from '../audit/requester.ts';
import type { Store } from '../store/store.ts';
import type { ParameterRefusal, Parameters } from './authorization-request.ts';
import type { CompleteDeps } from './complete.ts';
import { type JudgeDeps, judgeRequest } from './judge-request.ts';
import type { RequestingClient } from './requesting-client.ts';
import type { TargetRefusal } from './response-target.ts';
import type { AskedAuthorization, SignInDeps } from './sign-ins.ts';

/** RFC 9126 §2.2 */
const prefix = 'urn:ietf:params:oauth:request_uri:';
const idPattern = /^[A-Za-z0-9_-]{22}$/;

export type PushDeps = JudgeDeps &
  Pick<CompleteDeps, 'recorder'> &
  SignInDeps & { readonly store: Pick<Store, 'pushedRequests' | 'acts'> };

export interface PushedRequest {
  readonly requestUri: string;
  readonly expiresInSeconds: number;
}

export type PushRefusal =
  | TargetRefusal
  | ParameterRefusal
  | { readonly reason: 'proof_refused'; readonly detail: 'wrong_key' };

/** Whether a `request_uri` names a pushed request at all. */
export function isPushedUri(uri: string): boolean {
  return uri.startsWith(prefix);
}

/**
 * Takes a request from a client that has proved who it is.
 *
 * @param input.parameters those of the form; a `client_id` that is left out is the client's
 * @param input.proofKey thumbprint of the key of the DPoP proof that came beside it
 * @throws StoreFault, CustodyFault
 */
export async function pushRequest(
  deps: PushDeps,
  input: {
    readonly tenant: TenantId;
    readonly clientId: ClientId;
    readonly parameters: Parameters;
    readonly proofKey: string | undefined;
    readonly address: string;
  },
): Promise<Result<PushedRequest, PushRefusal>> {
  const { tenant, clientId, parameters, proofKey, address } = input;
  // RFC 9126 §2.1, whatever else may carry a reference.
  if (parameters.get('request_uri') !== undefined) {
    return err({ reason: 'parameter_not_supported', name: 'request_uri' });
  }
  const own: Parameters = {
    ...parameters,
    get: (name) => (name === 'client_id' ? clientId : parameters.get(name)),
  };
  const judged = await judgeRequest(deps, tenant, { parameters: own, isPushed: true });
  if (!judged.ok) return err(judged.refusal.refusal);
  const { asked } = judged.value;
  // RFC 9449 §10.1: a proof here stands for `dpop_jkt`, signed or not, and must be of the same key.
  const dpopJkt = asked.request.dpopJkt ?? proofKey ?? null;
  if (proofKey !== undefined && dpopJkt !== proofKey) {
    return err({ reason: 'proof_refused', detail: 'wrong_key' });
  }
  const id = base64urlEncode(deps.entropy.bytes(16));
  const expiresInSeconds = limits.pushedRequestSecondsMax;
  const { outcome } = await deps.store.acts.run({
    steps: [
      {
        do: 'insert',
        table: 'pushedRequests',
        row: {
          tenant,
          id,
          clientId,
          request: { ...asked, request: { ...asked.request, dpopJkt }, pushed: id },
          visitedAt: null,
          expiresAtSeconds: nowSeconds(deps.clock) + expiresInSeconds,
        },
        refused: 'request_exists',
      },
    ],
    audit: await deps.recorder.record(
      eventBy(
        { tenant, actor: { kind: 'client', id: clientId }, address },
        {
          action: 'authorization.push',
          at: deps.clock.nowMs(),
          object: { kind: 'client', id: clientId },
        },
      ),
    ),
  });
  if (outcome !== 'done') throw new Error(`pushed request: unexpected outcome ${outcome}`);
  return ok({ requestUri: prefix + id, expiresInSeconds });
}

export type VisitRefusal = { readonly reason: 'pushed_request_over' };

/**
 * The request that a browser comes with. The first visit, within a minute, gives it the time of a
 * sign-in; until it is answered a reload finds it again.
 *
 * @returns refusal pushed_request_over: never was, too late, answered, or another client's
 */
export async function visitRequest(
  deps: PushDeps,
  input: { readonly client: RequestingClient; readonly requestUri: string },
): Promise<Result<AskedAuthorization, VisitRefusal>> {
  const { tenant, clientId } = input.client;
  const id = input.requestUri.slice(prefix.length);
  const row = idPattern.test(id) ? await deps.store.pushedRequests.get(tenant, id) : undefined;
  const now = nowSeconds(deps.clock);
  if (row === undefined || row.clientId !== clientId || row.expiresAtSeconds <= now) return over;
  if (row.visitedAt === null) {
    const set = {
      visitedAt: deps.clock.nowMs(),
      expiresAtSeconds: now + limits.signInSecondsMax,
    };
    // Of two first visits the earlier one sets the time, and both go on.
    await deps.store.acts.run({
      steps: [
        { do: 'update', table: 'pushedRequests', where: { tenant, id, visitedAt: null }, set },
      ],
      audit: null,
    });
  }
  // Written by `pushRequest` alone.
  return ok(row.request as unknown as AskedAuthorization);
}

const over = err({ reason: 'pushed_request_over' } as const);
