/**
 * The management API (`/v1/…`): one path for every endpoint, readable here. Find the endpoint,
 * authenticate, authorize, parse, call the use case once, render. Neighbours: `admin/`, `apikeys/`,
 * `clients/` hold the use cases; `net` the listener. What must never happen: a handler reached
 * without its permission, or an answer that the OpenAPI description does not know.
 */
import {
  type Clock,
  CustodyFault,
  defaultTenant,
  type Entropy,
  err,
  freshId,
  type HttpRequest,
  type HttpResponse,
  limits,
  ok,
  type Result,
  StoreFault,
  type TenantId,
  type UnixMs,
} from '@mintmark/core';
import type { Caller } from '../../admin/caller.ts';
import { covers } from '../../admin/permission.ts';
import type { Requester } from '../../audit/requester.ts';
import type { Store } from '../../store/store.ts';
import { absence } from './absent.ts';
import type { Cursors, Position } from './cursor.ts';
import { type Answer, type AnyCall, type PreparedEndpoint, repeated } from './endpoint.ts';
import { etagOf } from './etag.ts';
import {
  hashOfRequest,
  type IdempotentRequest,
  parseIdempotencyKey,
  recall,
  remember,
} from './idempotency.ts';
import { type Problem, renderProblem } from './problem.ts';
import { answerType, readAccept, readBody, readIfMatch, readParameters } from './read-request.ts';
import { createRouter } from './router.ts';

export interface ManagementDeps {
  readonly endpoints: readonly PreparedEndpoint[];
  readonly store: Pick<Store, 'idempotency'>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly cursors: Cursors;
  /** Of the hashes by which repeated requests are known; the same in every process. */
  readonly requestKey: Uint8Array;
  /** Who sent this, or the problem that says that nobody we know did. */
  readonly authenticate: (
    request: HttpRequest,
    input: { readonly tenant: TenantId; readonly requestId: string },
  ) => Promise<Result<Caller, Problem>>;
  /** Told of every fault and bug, for the log. */
  readonly onFault: (fault: unknown, about: { readonly requestId: string }) => void;
}

export interface ManagementApi {
  /**
   * @param input.path the request's path without the tenant's prefix, not decoded
   * @returns undefined where the path is none of the management API's
   */
  handle(
    request: HttpRequest,
    input: { readonly tenant: TenantId; readonly path: string },
  ): Promise<HttpResponse> | undefined;
}

interface Work {
  readonly deps: ManagementDeps;
  readonly endpoint: PreparedEndpoint;
  readonly request: HttpRequest;
  readonly tenant: TenantId;
  readonly path: string;
  readonly pathParams: Readonly<Record<string, string>>;
  readonly requestId: string;
  readonly now: UnixMs;
}

export function createManagementApi(deps: ManagementDeps): ManagementApi {
  const router = createRouter(deps.endpoints);
  // Only to find a request again in log and trail: random for each start, then counted.
  const start = freshId(deps.entropy);
  let served = 0;
  return {
    handle(request, { tenant, path }) {
      const match = router.match(request.method, path);
      served++;
      const requestId = `${start}-${served.toString(36)}`;
      switch (match.kind) {
        case 'not_found':
          return path.startsWith('/v1/')
            ? Promise.resolve(renderProblem({ code: 'not_found', detail: noPath, requestId }))
            : undefined;
        case 'method_not_allowed':
          return Promise.resolve(renderAllow(request.method, match.allow, requestId));
        case 'found':
          return answer({
            deps,
            endpoint: match.endpoint,
            request,
            tenant,
            path,
            pathParams: match.params,
            requestId,
            now: deps.clock.nowMs(),
          });
      }
    },
  };
}

function renderAllow(method: string, allow: readonly string[], requestId: string): HttpResponse {
  const headers = { allow: allow.join(', ') };
  if (method === 'OPTIONS') return { status: 204, headers, body: undefined };
  return renderProblem({ code: 'method_not_allowed', requestId, headers });
}

async function answer(work: Work): Promise<HttpResponse> {
  const response = echoing(work, await judge(work));
  return work.request.method === 'HEAD' ? { ...response, body: undefined } : response;
}

function echoing({ endpoint, request }: Work, response: HttpResponse): HttpResponse {
  const id = endpoint.echoesRequestId === true ? request.header('x-request-id') : undefined;
  if (id === undefined || !/^[\x20-\x7e]{1,256}$/.test(id)) return response;
  return { ...response, headers: { ...response.headers, 'x-request-id': id } };
}

async function judge(work: Work): Promise<HttpResponse> {
  const { deps, requestId } = work;
  try {
    const outcome = await perform(work);
    if (outcome.ok) return render(work, outcome.value);
    return renderProblem({ ...told(work, outcome.refusal), requestId });
  } catch (fault) {
    deps.onFault(fault, { requestId });
    const outside = fault instanceof StoreFault || fault instanceof CustodyFault;
    if (!outside) return renderProblem({ code: 'internal_error', requestId });
    const headers = { 'retry-after': '1' };
    return renderProblem({ code: 'unavailable', requestId, detail: fault.code, headers });
  }
}

const noPath = 'the management API has no such path';

/** Whoever asked for several things must hear which one is not there. */
function told({ endpoint, pathParams }: Work, problem: Problem): Problem {
  if (problem.code !== 'not_found' || problem.detail !== undefined) return problem;
  return { ...problem, detail: absence(endpoint.path, pathParams) };
}

/** The phases in order. Authentication comes before everything that looks at what was sent. */
async function perform(work: Work): Promise<Result<Answer, Problem>> {
  const caller = await authorize(work);
  if (!caller.ok) return caller;
  const input = await readInput(work, caller.value);
  if (!input.ok) return input;
  const { call, idempotent } = input.value;
  if (idempotent !== undefined) {
    const earlier = await replay(work, idempotent);
    if (earlier !== undefined) return earlier;
  }
  const outcome = await work.endpoint.handle(call);
  if (outcome.ok) return outcome;
  if (outcome.refusal !== repeated) return err(outcome.refusal);
  // A twin with the same key committed between our look and our act; its answer is there now.
  const winner = idempotent && (await replay(work, idempotent));
  return winner ?? err({ code: 'conflict', detail: 'the same Idempotency-Key is in use' });
}

async function authorize(work: Work): Promise<Result<Caller, Problem>> {
  const { deps, endpoint, request, tenant, requestId } = work;
  if (endpoint.permission === undefined) {
    return ok({ tenant, actor: { kind: 'anonymous', id: 'anonymous' }, permissions: [] });
  }
  const caller = await deps.authenticate(request, { tenant, requestId });
  if (!caller.ok) return caller;
  if (endpoint.operatorOnly === true && tenant !== defaultTenant) return err(notOperator);
  if (covers(caller.value.permissions, endpoint.permission)) return caller;
  return err({ code: 'insufficient_permission', detail: `needs ${endpoint.permission}` });
}

const notOperator: Problem = {
  code: 'insufficient_permission',
  detail: 'this belongs to the installation, and is for administrators of its first tenant',
};

interface Input {
  readonly call: AnyCall;
  readonly idempotent: IdempotentRequest | undefined;
}

async function readInput(work: Work, caller: Caller): Promise<Result<Input, Problem>> {
  const { endpoint, request, tenant, requestId, now } = work;
  const accepted = readAccept(endpoint, request);
  if (accepted !== undefined) return err(accepted);
  const parameters = readParameters(endpoint, { params: work.pathParams, query: request.query });
  if (!parameters.ok) return parameters;
  const { params, query } = parameters.value;
  const page = readPage(work, query);
  if (!page.ok) return page;
  const ifMatch = readIfMatch(endpoint, request);
  if (!ifMatch.ok) return ifMatch;
  const body = await readBody(endpoint, request);
  if (!body.ok) return body;
  const { value, text } = body.value;
  const idempotency = readIdempotency(work, caller, text);
  if (!idempotency.ok) return idempotency;
  const idempotent = idempotency.value;
  const requester: Requester = {
    tenant,
    actor: caller.actor,
    address: request.remoteAddress,
    userAgent: request.header('user-agent')?.slice(0, userAgentCharsMax),
    requestId,
  };
  const call: AnyCall = {
    caller,
    tenant,
    requester,
    now,
    params,
    query,
    body: value,
    ifMatch: ifMatch.value,
    page: page.value,
    remember: (made) => (idempotent === undefined ? [] : remember(idempotent, made, now)),
  };
  return ok({ call, idempotent });
}

const userAgentCharsMax = 256;

function readPage(
  work: Work,
  query: Record<string, unknown>,
): Result<{ readonly limit: number; readonly after: Position | undefined }, Problem> {
  const limit = typeof query['limit'] === 'number' ? query['limit'] : limits.pageItemsDefault;
  const cursor = query['cursor'];
  if (typeof cursor !== 'string') return ok({ limit, after: undefined });
  const after = work.deps.cursors.open(listOf(work), cursor);
  return after === undefined ? err({ code: 'invalid_cursor' }) : ok({ limit, after });
}

/** The list that a cursor belongs to: tenant, endpoint and filters, but not the page's length. */
function listOf(work: Work): string {
  const filters = (work.request.query ?? '')
    .split('&')
    .filter((part) => !/^(?:limit|cursor)=/.test(part))
    .sort();
  return `${work.tenant} ${work.path}?${filters.join('&')}`;
}

function readIdempotency(
  work: Work,
  caller: Caller,
  body: string,
): Result<IdempotentRequest | undefined, Problem> {
  const { endpoint, request, tenant, path } = work;
  const header = request.header('idempotency-key');
  if (endpoint.creates !== true || header === undefined) return ok(undefined);
  const key = parseIdempotencyKey(header);
  if (key === undefined) return err({ code: 'invalid_request', detail: 'Idempotency-Key' });
  const actor = `${caller.actor.kind}:${caller.actor.id}`;
  const { method } = request;
  const requestHash = hashOfRequest(work.deps.requestKey, { method, path, body });
  return ok({ tenant, actor, key, requestHash });
}

/** What an earlier request with this key was answered; undefined where there was none. */
async function replay(
  work: Work,
  request: IdempotentRequest,
): Promise<Result<Answer, Problem> | undefined> {
  const recalled = await recall(work.deps.store, request, work.now);
  switch (recalled.kind) {
    case 'fresh':
      return undefined;
    case 'reused':
      return err({ code: 'idempotency_key_reused' });
    case 'remembered': {
      const { status, body } = recalled;
      return (await work.endpoint.replay?.(work.tenant, body)) ?? ok({ status, body });
    }
  }
}

function render(work: Work, answer: Answer): HttpResponse {
  const headers: Record<string, string> = {
    'cache-control': 'no-store',
    vary: 'authorization',
    'x-request-id': work.requestId,
    ...answer.headers,
  };
  if (answer.version !== undefined) headers['etag'] = etagOf(answer.version);
  const { status } = answer;
  if (answer.text !== undefined) {
    headers['content-type'] = answerType(work.endpoint);
    return { status, headers, body: answer.text };
  }
  if (answer.body === undefined) return { status, headers, body: undefined };
  headers['content-type'] = 'application/json';
  return { status, headers, body: JSON.stringify(bodyOf(work, answer)) };
}

function bodyOf(work: Work, answer: Answer): Readonly<Record<string, unknown>> {
  const { body, secret, next } = answer;
  if (work.endpoint.paged !== true) return secret === undefined ? body! : { ...body, ...secret };
  return { ...body, next: next === undefined ? null : work.deps.cursors.seal(listOf(work), next) };
}
