/**
 * Looks at what a request holds, where its route asks for that: before it reaches the upstream,
 * and before it costs anything. Neighbour: `decide.ts` asks once the caller may do what it asks.
 * What must never happen: a body that was judged as something else than what the upstream gets.
 */
import { type InjectionPlace, limits, parseJson, utf8Decode } from '@mintmark/core';
import type { StreamRequest } from '@mintmark/net';
import type { RequestContract, RequestMisfit } from '@mintmark/policy';
import type { Metrics } from '../record/metrics.ts';
import type { Refusal } from '../refusal.ts';
import type { MatchedRoute } from '../routes/route-table.ts';
import { upstreamPathOf } from '../routes/upstream-path.ts';
import type { StatusView } from '../view/status-view.ts';
import { type HeldBytes, HeldRequest, holdBody } from './held-request.ts';
import { Look } from './injection/look.ts';

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
  const { validate, injection } = input.matched.route;
  return validate === undefined && injection === undefined ? nothing : judgeRequest(parts, input);
}

/** What was found so far. */
interface Findings {
  readonly misfits: RequestMisfit[];
  readonly look: Look | undefined;
}

async function judgeRequest(parts: InspectionParts, input: Inspecting): Promise<Inspected> {
  const { validate } = input.matched.route;
  const found = validate === undefined ? [] : findContract(input);
  const misfits = Array.isArray(found) ? found : found.judgeHead();
  const findings = { misfits, look: lookAtHead(input) };
  // Nobody waits for the body of what is refused already.
  if (refusalOf(input, findings) !== undefined) return settle(parts, input, findings);
  const contract = Array.isArray(found) ? undefined : found.contract;
  const body = await judgeBody(parts, input, { ...findings, contract });
  return { ...body, ...settle(parts, input, findings, body.refusal) };
}

function lookAtHead({ request, matched }: Inspecting): Look | undefined {
  const { injection } = matched.route;
  if (injection === undefined) return undefined;
  const look = new Look(injection);
  look.path(matched.path);
  look.pairs('query', request.query ?? '');
  look.headers((name) => request.header(name));
  return look;
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

/** Adds to the findings. @returns the request that holds its body, where that was needed */
async function judgeBody(
  parts: InspectionParts,
  { request, matched, bodies }: Inspecting,
  { misfits, look, contract }: Findings & { readonly contract: RequestContract | undefined },
): Promise<Inspected> {
  const isThere = request.bodyLength !== 0;
  const mediaType = request.header('content-type');
  const plan = contract?.planBody(isThere ? { mediaType } : undefined);
  if (plan?.kind === 'misfit') misfits.push(plan.misfit);
  const kind = isThere && look !== undefined ? kindOf(mediaType, matched) : undefined;
  const judge = plan?.kind === 'judge' ? plan.judge : undefined;
  if ((judge === undefined && kind === undefined) || bodies === 'unseen') return nothing;
  const coding = request.header('content-encoding') ?? 'identity';
  if (coding.toLowerCase() !== 'identity') {
    // What is judged must be what is read there.
    if (judge !== undefined) misfits.push(bodyMisfit('encoded'));
    if (kind !== undefined) look?.unreadable(kind);
    return nothing;
  }
  const held = await holdBody(request, { held: parts.held, bytesMax: heldMaxOf(matched) });
  if (!(held instanceof HeldRequest)) return { refusal: held };
  const text = utf8Decode(held.bytes);
  if (judge !== undefined) {
    misfits.push(...(text === undefined ? [bodyMisfit('not_utf8')] : judge(text)));
  }
  if (kind !== undefined && look !== undefined) lookAtBody(look, kind, text);
  return { held };
}

type BodyKind = Extract<InjectionPlace, 'json' | 'form' | 'xml'>;

/** @returns undefined for bodies that nobody looks into */
function kindOf(mediaType: string | undefined, { route }: MatchedRoute): BodyKind | undefined {
  const type = (mediaType ?? '').split(';')[0]!.trim().toLowerCase();
  const kind =
    type === 'application/x-www-form-urlencoded'
      ? 'form'
      : (/^(?:application|text)\/(?:[a-z0-9.+-]+\+)?(json|xml)$/.exec(type)?.[1] as 'json' | 'xml');
  return route.injection?.places.includes(kind) === true ? kind : undefined;
}

function lookAtBody(look: Look, kind: BodyKind, text: string | undefined): void {
  if (text === undefined) look.unreadable(kind);
  else if (kind === 'form') look.pairs('form', text);
  else if (kind === 'xml') look.xml(text);
  else lookAtJson(look, text);
}

function lookAtJson(look: Look, text: string): void {
  const bounds = { depthMax: limits.judgedJsonDepthMax, membersMax: limits.judgedJsonMembersMax };
  const parsed = parseJson(text, bounds);
  if (parsed.ok) look.json(parsed.value);
  else look.unreadable('json');
}

function bodyMisfit(rule: string): RequestMisfit {
  return { in: 'body', pointer: '', rule };
}

/** What one route lets be held: its own bound of bodies, where it has a close one. */
function heldMaxOf({ route }: Pick<MatchedRoute, 'route'>): number {
  const { bodyBytesMax } = route.bounds;
  return Math.min(bodyBytesMax ?? limits.heldBodyBytesDefault, limits.heldBodyBytesMax);
}

function refusalOf(
  { matched: { route } }: Inspecting,
  { misfits, look }: Findings,
): Refusal | undefined {
  if (route.validate === 'enforce' && misfits.length > 0) {
    return { reason: 'request_invalid', misfits };
  }
  const found = look?.found ?? [];
  if (route.injection?.mode !== 'enforce' || found.length === 0) return undefined;
  return { reason: 'injection_suspected', misfits: found };
}

/** Counts what was found. @param before why nothing more could be found */
function settle(
  { metrics }: InspectionParts,
  input: Inspecting,
  findings: Findings,
  before?: Refusal,
): Pick<Inspected, 'refusal'> {
  const { validate, injection } = input.matched.route;
  for (const { in: place, rule } of findings.misfits) {
    metrics.count('mintmark_gateway_request_misfits_total', `${validate} ${place} ${rule}`);
  }
  for (const { in: place, rule } of findings.look?.found ?? []) {
    const label = `${injection?.mode} ${place} ${rule}`;
    metrics.count('mintmark_gateway_injections_total', label);
  }
  return { refusal: before ?? refusalOf(input, findings) };
}
