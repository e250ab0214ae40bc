/**
 * Looks at what a request holds, where its route asks for that: before it reaches the upstream,
 * and before it costs anything. Neighbour: `decide.ts` asks once the caller may do what it asks.
 * What must never happen: a body that was judged as something else than what the upstream gets.
 */
import { limits, utf8Decode } from '@mintmark/core';
import type { StreamRequest } from '@mintmark/net';
import type { RequestContract, RequestMisfit } from '@mintmark/policy';
import type { Refusal } from '../decide/refusal.ts';
import type { Metrics } from '../record/metrics.ts';
import type { MatchedRoute } from '../routes/route-table.ts';
import { upstreamPathOf } from '../routes/upstream-path.ts';
import type { StatusView } from '../view/status-view.ts';
import { type HeldBytes, HeldRequest, holdBody } from './held-request.ts';

export interface InspectionParts {
  readonly metrics: Metrics;
  readonly held: HeldBytes;
}

export interface Inspecting {
  readonly request: StreamRequest;
  readonly matched: MatchedRoute;
  /** Of the tenant whose route it is. */
  readonly view: Pick<StatusView, 'api'>;
  readonly bodies: 'seen' | 'unseen';
}

export interface Inspected {
  readonly refusal?: Refusal | undefined;
  /** The request with its body, where that was looked at. */
  readonly held?: HeldRequest | undefined;
}

const nothing: Inspected = {};

/** Answers at once where nothing is to be looked at. */
export function inspect(parts: InspectionParts, input: Inspecting): Inspected | Promise<Inspected> {
  return input.matched.route.validate === undefined ? nothing : judgeRequest(parts, input);
}

async function judgeRequest(parts: InspectionParts, input: Inspecting): Promise<Inspected> {
  const mode = input.matched.route.validate;
  const found = findContract(input);
  const head = Array.isArray(found) ? found : found.judgeHead();
  // Nobody waits for the body of what is refused already.
  if (Array.isArray(found) || (mode === 'enforce' && head.length > 0)) {
    return settle(parts, input, { misfits: head });
  }
  const body = await judgeBody(parts, input, found.contract);
  return settle(parts, input, { ...body, misfits: [...head, ...body.misfits] });
}

interface Found {
  readonly contract: RequestContract;
  judgeHead(): RequestMisfit[];
}

/** @returns what is wrong where the request is none that the API describes */
function findContract({ request, matched, view }: Inspecting): Found | RequestMisfit[] {
  const api = view.api(matched.route.api ?? '');
  const operation = api?.find(request.method, upstreamPathOf(matched));
  const contract = operation && api?.contract(operation.operation);
  if (operation === undefined || contract === undefined) {
    const rule = operation === undefined ? 'no_operation' : 'undescribed';
    return [{ in: 'path', pointer: '', rule }];
  }
  const { query } = request;
  const head = {
    path: operation.parameters,
    query,
    header: (name: string) => request.header(name),
  };
  return { contract, judgeHead: () => [...contract.judgeHead(head)] };
}

interface Judged extends Inspected {
  readonly misfits: readonly RequestMisfit[];
}

async function judgeBody(
  parts: InspectionParts,
  { request, matched, bodies }: Inspecting,
  contract: RequestContract,
): Promise<Judged> {
  const isThere = request.bodyLength !== 0;
  const mediaType = request.header('content-type');
  const plan = contract.planBody(isThere ? { mediaType } : undefined);
  if (plan.kind === 'misfit') return { misfits: [plan.misfit] };
  if (plan.kind !== 'judge' || bodies === 'unseen') return { misfits: [] };
  const coding = request.header('content-encoding') ?? 'identity';
  // What is judged must be what is read there.
  if (coding.toLowerCase() !== 'identity') return { misfits: [bodyMisfit('encoded')] };
  const held = await holdBody(request, { held: parts.held, bytesMax: heldMaxOf(matched) });
  if (!(held instanceof HeldRequest)) return { refusal: held, misfits: [] };
  const text = utf8Decode(held.bytes);
  const misfits = text === undefined ? [bodyMisfit('not_utf8')] : plan.judge(text);
  return { held, misfits };
}

function bodyMisfit(rule: string): RequestMisfit {
  return { in: 'body', pointer: '', rule };
}

/** What one route lets be held: its own bound of bodies, where it has a close one. */
function heldMaxOf({ route }: Pick<MatchedRoute, 'route'>): number {
  const { bodyBytesMax } = route.bounds;
  return Math.min(bodyBytesMax ?? limits.heldBodyBytesDefault, limits.heldBodyBytesMax);
}

function settle(
  { metrics }: InspectionParts,
  { matched }: Inspecting,
  { misfits, ...judged }: Judged,
): Inspected {
  const mode = matched.route.validate;
  for (const { in: place, rule } of misfits) {
    metrics.count('mintmark_gateway_request_misfits_total', `${mode} ${place} ${rule}`);
  }
  if (judged.refusal !== undefined || misfits.length === 0 || mode === 'observe') return judged;
  return { ...judged, refusal: { reason: 'request_invalid', misfits } };
}
