/**
 * The Verify path, for every shape in which Mintmark stands before an API: its own proxy, and the
 * judge of other people's proxies. To be read from top to bottom: find the route and prove who asks
 * (`route-of.ts`), decide, spend, record. It reads the head of a request alone and sends nothing:
 * what the verdict means for a connection is its caller's business.
 * What must never happen: an `allow` that has not come the whole way down.
 */
import {
  type Clock,
  type CredentialField,
  type HttpResponse,
  type Introspector,
  nowSeconds,
  type Pressure,
  type RouteCors,
  type TenantId,
} from '@mintmark/core';
import type { StreamRequest } from '@mintmark/net';
import type { InternalTokens } from '../forward/internal-tokens.ts';
import type { LiveRequests } from '../forward/live-requests.ts';
import type { HeldRequest } from '../inspect/held-request.ts';
import { type InspectionParts, inspect } from '../inspect/inspect.ts';
import type { LimitedRequest, RouteLimiter } from '../limits/route-limiter.ts';
import type { Spent } from '../limits/spender.ts';
import { rulesFor } from '../mask/masked-reply.ts';
import type { Metrics } from '../record/metrics.ts';
import { DecisionRecord, type RecordParts } from '../record/record.ts';
import { type Refusal, refusalResponse } from '../refusal.ts';
import { findPreflight } from '../routes/cors.ts';
import { answerResourceMetadata, resourceMetadataUrl } from '../routes/resource-metadata.ts';
import { bodyBytesMaxOf, type CompiledRoute, type MatchedRoute } from '../routes/route-table.ts';
import type { Identity } from '../verify/identity.ts';
import type { ProofParts } from '../verify/proof.ts';
import type { StatusView } from '../view/status-view.ts';
import type { TenantScope, TenantViews } from '../view/tenant-views.ts';
import type { ThreatView } from '../view/threat-view.ts';
import {
  type Access,
  type AccessInput,
  type AccessParts,
  explainRefusal,
  hasPolicies,
  judgeAccess,
} from './access.ts';
import { judgeRoute, judgeStatus } from './judge.ts';
import { type Course, judgeFreshness, routeOf } from './route-of.ts';
import { spendUse } from './spend.ts';
import { meetThreat } from './threats.ts';

export interface DecideParts {
  readonly config: DecideConfig;
  readonly clock: Clock;
  readonly introspector: Introspector;
  /** Of the node's own tenant: its routes are served. */
  readonly view: StatusView;
  readonly tenants: TenantViews;
  /** What is under way, which bounds what one credential may have. */
  readonly live: LiveRequests;
  readonly metrics: Metrics;
  readonly access: AccessParts;
  readonly proofs: ProofParts;
  readonly record: RecordParts;
  readonly limiter: RouteLimiter;
  readonly internalTokens: Pick<InternalTokens, 'ready'>;
  readonly inspection: InspectionParts;
  /** Undefined: nobody tells this node of any list. */
  readonly threats: ThreatView | undefined;
  /** How overloaded this process is; without it nobody is turned away for that. */
  readonly pressure: Pick<Pressure, 'sheds'> | undefined;
}

export interface DecideConfig {
  /** The installation's token prefix. */
  readonly prefix: string;
  /** What tokens must name where a route names no audience; default: the issuer. */
  readonly defaultAudience: string | undefined;
  /** Where a route has no bound of its own. */
  readonly bodyBytesMax: number;
  /** Requests under way with one credential. */
  readonly credentialRequestsMax: number;
}

export type Verdict = Answered | Allowed;

/** What every answer to the request says, whoever gives it. */
interface Dress {
  /** Of the route: which pages of other origins may read the answer. */
  readonly cors: RouteCors | undefined;
  /** What is left of limits: names in lower case and values in turn. */
  readonly fields: readonly string[];
}

/** Refused, or answered by the gateway itself; nothing may reach the upstream. */
export interface Answered extends Dress {
  readonly kind: 'answered';
  readonly response: HttpResponse;
  /** Undefined where it is no refusal. */
  readonly refusal: Refusal | undefined;
}

export interface Allowed extends Dress {
  readonly kind: 'allowed';
  /** To be forwarded: with its body held, where that was looked at. */
  readonly request: StreamRequest;
  readonly matched: MatchedRoute;
  readonly identity: Identity | undefined;
  /** Whose credentials the route takes. */
  readonly tenant: TenantId;
  /** Of the policies, where any were asked. */
  readonly decision: string | undefined;
  /** Where the route sends one: what the upstream knows gateways by. */
  readonly credential: CredentialField | undefined;
  /** What its limits hold for it; to be settled where its route finds out a cost. */
  readonly spent: Spent | undefined;
}

/** @param options.bodies `unseen`: somebody else forwards, and only the head can be looked at */
export async function decide(
  parts: DecideParts,
  request: StreamRequest,
  { bodies }: { readonly bodies: 'seen' | 'unseen' } = { bodies: 'unseen' },
): Promise<Verdict> {
  const record = new DecisionRecord(parts.record, request);
  const course: Course = {};
  let fields: readonly string[] = [];
  let proven: AccessInput | undefined;
  let held: HeldRequest | undefined;
  const refuse = (refusal: Refusal, kept?: string): Answered => {
    held?.release();
    record.deny(refusal);
    const decision = kept ?? (proven && explainRefusal(parts.access, { ...proven, refusal }));
    const response = challengeOf(refusal, { request, course, decision });
    return { kind: 'answered', cors: course.cors, fields, response, refusal };
  };

  // Without any view there are no routes to speak of.
  if (parts.view.freshness().kind === 'absent') return refuse({ reason: 'status_absent' });
  const answered = answerItself(parts, request, record);
  if (answered !== undefined) return { kind: 'answered', cors: undefined, fields, ...answered };
  const routed = await routeOf(parts, { request, record, course });
  if (!routed.ok) return refuse(routed.refusal);

  const { matched, identity, scope, now } = routed.value;
  const { tenant, view } = scope;
  const { home } = parts.tenants;
  const address = request.remoteAddress;
  const own = { tenant, view };
  const threat = meetThreat(parts, matched.route, address);
  if (threat !== undefined) record.listed(threat);
  const access = { request, matched, identity, address, now, home, own, threat };
  if (identity !== undefined) proven = access;
  if (threat?.action === 'refuse') return refuse({ reason: 'address_listed' });
  const refusal = judgeRequest(parts, { ...access, request, scope, bodies });
  if (refusal !== undefined) return refuse(refusal);
  const named = matched.route.upstreamCredential;
  const credential = named === undefined ? undefined : home.view.upstreamCredential(named);
  // Never without it: the upstream may take whoever comes so for somebody else.
  if (named !== undefined && credential === undefined) {
    return refuse({ reason: 'upstream_credential_unavailable' });
  }
  const { decision, ...judged } = judgePolicies(parts, access, record);
  if (judged.refusal !== undefined) return refuse(judged.refusal, decision);
  const inspecting = inspect(parts.inspection, { request, matched, view: home.view, bodies });
  const inspected = inspecting instanceof Promise ? await inspecting : inspecting;
  held = inspected.held;
  if (inspected.refusal !== undefined) return refuse(inspected.refusal);
  // A body takes its time: what was revoked meanwhile is refused.
  const ended = held && judgeAgain(parts, access);
  if (ended !== undefined) return refuse(ended);
  // Last: what is denied costs nothing.
  const limited = { route: matched.route, tenant, identity, address, threat, plans: view.plans };
  const spending = spend(parts, view, limited);
  const { spent, ...last } = spending instanceof Promise ? await spending : spending;
  if (spent !== undefined) fields = spent.fields;
  if (spent?.degraded === true) record.degraded();
  if (last.refusal !== undefined) return refuse(last.refusal);

  const isAudited = matched.route.audit === 'required';
  const unaudited = isAudited ? await audit(parts, record, access) : undefined;
  if (unaudited !== undefined) {
    spent?.giveBack();
    return refuse(unaudited);
  }
  record.allow();
  const known = { request: held ?? request, matched, identity, tenant, decision, spent };
  return { kind: 'allowed', cors: course.cors, fields, credential, ...known };
}

/** The record takes its time: what was revoked meanwhile is refused, though it stands there. */
async function audit(
  parts: DecideParts,
  record: DecisionRecord,
  access: AccessInput,
): Promise<Refusal | undefined> {
  return (await record.audit()) ?? judgeAgain(parts, access);
}

function judgeAgain(
  { clock }: DecideParts,
  { identity, own, address }: AccessInput,
): Refusal | undefined {
  return identity && judgeStatus(identity, { view: own.view, address, now: nowSeconds(clock) });
}

/** Route and bounds: in that order, by what this node knows. */
function judgeRequest(
  parts: DecideParts,
  input: AccessInput & {
    readonly request: StreamRequest;
    readonly scope: TenantScope;
    readonly bodies: 'seen' | 'unseen';
  },
): Refusal | undefined {
  const { request, scope, identity, address, now, bodies } = input;
  const { route, path } = input.matched;
  const audience = defaultAudienceOf(parts, scope);
  return (
    judgeRoute(identity, { route, address, audience, now, method: request.method, path }) ??
    judgeCertificate(request, route) ??
    judgeBody(request, bodyBytesMaxOf(route, parts.config)) ??
    judgeConcurrency(parts, identity) ??
    judgeMask(request, route, { identity, bodies }) ??
    judgeSigning(parts, route)
  );
}

function judgeCertificate(request: StreamRequest, route: CompiledRoute): Refusal | undefined {
  const isMissing =
    route.clientCertificate === 'required' && request.peerCertificate?.trusted !== true;
  return isMissing ? { reason: 'client_certificate_required' } : undefined;
}

function challengeOf(
  refusal: Refusal,
  of: {
    readonly request: StreamRequest;
    readonly course: Course;
    readonly decision: string | undefined;
  },
): ReturnType<typeof refusalResponse> {
  const { request, course, decision } = of;
  const { asked, near, holder } = course;
  const metadata = resourceMetadataUrl(request, asked ?? near);
  const scheme = holder?.binding?.by === 'jkt' ? 'DPoP' : 'Bearer';
  return refusalResponse(refusal, { metadata, scheme, scopes: asked?.scopes, decision });
}

/** Policies of a view that is too old say nothing, for whoever comes without credential too. */
function judgePolicies(parts: DecideParts, access: AccessInput, record: DecisionRecord): Access {
  if (!hasPolicies(access)) return { refusal: undefined, decision: undefined };
  const stale = judgeFreshness(access.home.view, access.matched.route, record);
  if (stale !== undefined) return { refusal: stale, decision: undefined };
  return judgeAccess(parts.access, access);
}

/**
 * Limits first, then uses and credits: of both or of neither. Only where limits are counted in
 * common, or uses and credits are, is there anything to wait for.
 */
function spend(
  parts: DecideParts,
  view: StatusView,
  limited: LimitedRequest,
): Promise<Spending> | Spending {
  const left = parts.limiter.spend(limited);
  const further = (spent: Spent | undefined): Promise<Spending> | Spending => {
    const { identity, tenant, address, route } = limited;
    if (spent?.refusal !== undefined) return { spent, refusal: spent.refusal };
    if (identity === undefined) return { spent, refusal: undefined };
    const using = spendUse(parts, { identity, tenant, view, address, cost: route.cost });
    if (using === undefined) return { spent, refusal: undefined };
    return using.then((refusal) => {
      if (refusal !== undefined) spent?.giveBack();
      return { spent, refusal };
    });
  };
  if (!(left instanceof Promise)) return further(left);
  return left.then((spent) => {
    const { identity, address } = limited;
    if (spent.refusal !== undefined || identity === undefined) return further(spent);
    // The answer took its time: what was revoked meanwhile is refused.
    const refusal = judgeStatus(identity, { view, address, now: nowSeconds(parts.clock) });
    if (refusal === undefined) return further(spent);
    spent.giveBack();
    return { spent, refusal };
  });
}

interface Spending {
  readonly spent: Spent | undefined;
  readonly refusal: Refusal | undefined;
}

/** The node's own default says nothing of other tenants: a token of one names its issuer. */
export function defaultAudienceOf(
  { config, tenants }: Pick<DecideParts, 'config' | 'tenants'>,
  { view }: TenantScope,
): string {
  const own = view === tenants.home.view ? config.defaultAudience : undefined;
  return own ?? view.issuer;
}

/** What is nobody's request proper: a browser's preflight, and where a client may get a token. */
function answerItself(
  { view, tenants }: DecideParts,
  request: StreamRequest,
  record: DecisionRecord,
): Pick<Answered, 'response' | 'refusal'> | undefined {
  const issuerOf = (route: CompiledRoute) => tenants.of(route.tenant)?.view.issuer ?? '';
  const metadata = answerResourceMetadata(request, { routes: view.routes, issuerOf });
  if (metadata !== undefined) {
    record.answered('resource_metadata');
    return { response: metadata, refusal: undefined };
  }
  const preflight = findPreflight(view.routes, request);
  if (preflight === undefined) return undefined;
  const { route, answer } = preflight;
  record.routed(route, request.path);
  if (answer !== undefined) {
    record.answered('preflight');
    return { response: answer, refusal: undefined };
  }
  const refusal: Refusal = { reason: 'origin_not_allowed' };
  record.deny(refusal);
  return { response: refusalResponse(refusal), refusal };
}

function judgeBody(request: StreamRequest, bodyBytesMax: number): Refusal | undefined {
  const { bodyLength } = request;
  const tooLarge = bodyLength !== 'chunked' && bodyLength > bodyBytesMax;
  return tooLarge ? { reason: 'body_too_large' } : undefined;
}

/** One credential must not take the connections of all others with requests that last. */
function judgeConcurrency(
  { config, live }: DecideParts,
  identity: Identity | undefined,
): Refusal | undefined {
  if (identity === undefined) return undefined;
  const isFull = live.countOf(identity.credentialId) >= config.credentialRequestsMax;
  return isFull ? { reason: 'too_many_concurrent' } : undefined;
}

/** What an upstream could not verify is not sent to it. */
function judgeSigning({ internalTokens }: DecideParts, route: CompiledRoute): Refusal | undefined {
  const lacks = route.internalToken !== undefined && !internalTokens.ready;
  return lacks ? { reason: 'internal_token_unavailable' } : undefined;
}

/** What cannot be held and masked is shown to nobody whom a rule concerns. */
function judgeMask(
  { websocket }: StreamRequest,
  { mask }: CompiledRoute,
  input: { readonly identity: Identity | undefined; readonly bodies: 'seen' | 'unseen' },
): Refusal | undefined {
  const { identity, bodies } = input;
  if (mask?.mode !== 'enforce' || (!websocket && bodies === 'seen')) return undefined;
  if (rulesFor(mask, identity).length === 0) return undefined;
  return { reason: bodies === 'seen' ? 'upgrade_refused' : 'answers_unseen' };
}
