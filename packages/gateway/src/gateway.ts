/**
 * The enforcement point. `handle` is the Verify path, to be read from top to bottom: find the
 * route, read the credential, verify it by local knowledge, decide, record, forward. Around it: the
 * status view that a feed keeps fresh, and the sweep that judges again what is still under way.
 * What must never happen: a request that reaches an upstream without having come through `handle`.
 */
import {
  type Clock,
  type CountryOf,
  createFailureBudget,
  createKeepBudget,
  type DecisionEvent,
  type DecisionSink,
  type Entropy,
  type FeedSource,
  type Introspector,
  limits,
  nowSeconds,
  type PolicyReport,
  type PolicyReportSink,
  type TenantId,
  type Timers,
} from '@mintmark/core';
import type { StreamHandler, StreamReply, StreamRequest } from '@mintmark/net';
import { createTallies } from '@mintmark/policy';
import {
  type Credential,
  createDpopNonces,
  createProofKeys,
  createSubKeyMemory,
  createVerifiedCache,
  parseCredential,
  type VerifiedAccessToken,
} from '@mintmark/tokens';
import {
  type Access,
  type AccessInput,
  type AccessParts,
  explainRefusal,
  hasPolicies,
  isStillAllowed,
  judgeAccess,
} from './access.ts';
import { CrossOriginReply, findPreflight } from './cors.ts';
import { countedCache } from './counted-cache.ts';
import { createDecisionQueue, type DecisionQueue } from './decisions.ts';
import { bodyBytesMaxOf, type ForwardParts, forward } from './forward.ts';
import type { Identity } from './identity.ts';
import { createIntrospectionCache } from './introspection-cache.ts';
import { hasScopesStill, judgeRoute, judgeStatus } from './judge.ts';
import { LimitedReply } from './limited-reply.ts';
import { type CutReason, type LiveRequest, LiveRequests } from './live-requests.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { judgeBinding, type ProofParts } from './proof.ts';
import { createProofMemory } from './proof-memory.ts';
import { hasTokenInQuery } from './query.ts';
import { DecisionRecord, type RecordParts } from './record.ts';
import { type Refusal, refusalResponse } from './refusal.ts';
import { answerResourceMetadata, resourceMetadataUrl } from './resource-metadata.ts';
import { createRouteLimiter, type LimitedRequest, type RouteLimiter } from './route-limiter.ts';
import type { CompiledRoute } from './route-table.ts';
import { spendUse } from './spend.ts';
import { StatusView, type ViewEvent } from './status-view.ts';
import { createTenantViews, type TenantScope, type TenantViews } from './tenant-views.ts';
import { defaultUpstreamOptions, type UpstreamOptions, Upstreams } from './upstreams.ts';
import { credentialKindOf, type VerifyParts, verifyCredential } from './verify.ts';

export interface GatewayConfig {
  readonly tenant: TenantId;
  /** Names this node to the authority and in decisions. */
  readonly node: string;
  /** The installation's token prefix. */
  readonly prefix: string;
  /** What tokens must name where a route names no audience; default: the issuer. */
  readonly defaultAudience?: string;
  /** Where a route has no bound of its own. */
  readonly bodyBytesMax?: number;
  /** Requests under way with one credential. */
  readonly credentialRequestsMax?: number;
  readonly upstream?: Partial<UpstreamOptions>;
  /**
   * Whether a DPoP proof must carry a nonce of this node (RFC 9449 §9): then it counts here alone.
   * Default: no, and a proof may be `limits.dpopWindowSeconds` old.
   */
  readonly dpopNonces?: boolean;
}

export interface GatewayPorts {
  readonly feed: FeedSource;
  readonly introspector: Introspector;
  readonly decisions: DecisionSink;
  /** Where an address is; without it, keys that name countries are refused. */
  readonly countryOf?: CountryOf | undefined;
  readonly policyReports: PolicyReportSink;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly log: (event: GatewayEvent) => void;
}

export type GatewayEvent =
  | ViewEvent
  | { readonly type: 'feed_fault'; readonly kind: string; readonly error: unknown };

export interface Gateway {
  readonly handle: StreamHandler;
  /** Follows the feed; resolves with the first snapshot. */
  start(): Promise<void>;
  /** Ends the feed, cuts what is under way and delivers the decisions that wait. */
  close(): Promise<void>;
  readonly view: StatusView;
  readonly metrics: Metrics;
  /** Prometheus text. */
  renderMetrics(): string;
}

interface Parts {
  readonly config: GatewayConfig;
  readonly ports: GatewayPorts;
  /** Of the node's own tenant: its routes are served. */
  readonly view: StatusView;
  readonly tenants: TenantViews;
  readonly upstreams: Upstreams;
  readonly live: LiveRequests;
  readonly cache: VerifyParts['cache'];
  readonly metrics: Metrics;
  readonly queue: DecisionQueue<DecisionEvent>;
  readonly access: AccessParts;
  readonly proofs: ProofParts;
  readonly record: RecordParts;
  readonly forward: ForwardParts;
  readonly limiter: RouteLimiter;
}

export function createGateway(config: GatewayConfig, ports: GatewayPorts): Gateway {
  const parts = join(config, ports);
  const { view, tenants, metrics, live, queue, access, upstreams } = parts;
  let stopSweeping = (): void => {};
  let stopCounting = (): void => {};
  const report = (): void => {
    for (const tally of access.tallies.take()) access.queue.push(tally);
  };
  return {
    handle: (request, reply) => handle(parts, request, reply),
    start() {
      stopSweeping = ports.timers.every(limits.sweepMs, () => {
        tenants.expire();
        sweep(parts);
      });
      stopCounting = ports.timers.every(limits.tallyFlushMs, report);
      return tenants.start();
    },
    async close() {
      stopSweeping();
      stopCounting();
      await tenants.stop();
      live.sweep(() => 'closing');
      report();
      await Promise.all([queue.close(), access.queue.close()]);
      await upstreams.destroy();
    },
    view,
    metrics,
    renderMetrics: () => renderMetrics(parts),
  };
}

function join(config: GatewayConfig, ports: GatewayPorts): Parts {
  const { clock, timers, introspector, decisions: sink, log } = ports;
  const { tenant, node, prefix } = config;
  const metrics = createMetrics();
  const lost = 'mintmark_gateway_decisions_lost_total';
  const queue = createDecisionQueue<DecisionEvent>({ sink, timers, metrics, lost });
  const upstreams = new Upstreams({ ...defaultUpstreamOptions, ...config.upstream });
  const live = new LiveRequests();
  const bodyBytesMax = config.bodyBytesMax ?? limits.gatewayBodyBytesMax;
  const cache = countedCache(createVerifiedCache<VerifiedAccessToken>(), metrics);
  const failures = createFailureBudget(clock);
  const subKeys = createSubKeyMemory();
  const scopeOf = (of: TenantId): TenantScope => {
    const view = new StatusView({ tenant: of, clock, log, countryOf: ports.countryOf });
    const introspections = createIntrospectionCache({ introspector, tenant: of, clock });
    const asking = { introspections, failures };
    const verify = { tenant: of, view, metrics, cache, subKeys, ...asking };
    return { tenant: of, view, verify };
  };
  const followed = {
    ...{ ...ports, node },
    onChange: () => onChange(parts),
    onFault(kind: 'unreachable' | 'gap' | 'resync', error: unknown) {
      metrics.count('mintmark_gateway_feed_faults_total', kind);
      log({ type: 'feed_fault', kind, error });
    },
  };
  const tenants = createTenantViews(followed, { home: tenant, scopeOf });
  const parts: Parts = {
    ...{ config, ports, view: tenants.home.view, tenants, metrics, queue, upstreams, live, cache },
    proofs: {
      memory: createProofMemory(),
      keys: createProofKeys(),
      nonces: config.dpopNonces === true ? createDpopNonces(ports.entropy.bytes(32)) : undefined,
      windowSeconds: limits.dpopWindowSeconds,
    },
    record: { tenant, node, prefix, clock, queue, metrics },
    access: accessParts({ config, ports, metrics }),
    forward: { upstreams, live, metrics, bodyBytesMax, clock },
    limiter: createRouteLimiter(clock),
  };
  return parts;
}

function accessParts({
  config,
  ports,
  metrics,
}: Pick<Parts, 'config' | 'ports' | 'metrics'>): AccessParts {
  const { clock, entropy, timers, policyReports: sink } = ports;
  const lost = 'mintmark_gateway_policy_reports_lost_total';
  const batchMax = limits.policyReportBatchMax;
  return {
    ...{ node: config.node, prefix: config.prefix, clock, entropy, metrics },
    queue: createDecisionQueue<PolicyReport>({ sink, timers, metrics, lost, batchMax }),
    tallies: createTallies(),
    budget: createKeepBudget(clock),
  };
}

/** The Verify path. */
async function handle(parts: Parts, request: StreamRequest, reply: StreamReply): Promise<void> {
  const { prefix } = parts.config;
  const record = new DecisionRecord(parts.record, request);
  let out = reply;
  let asked: CompiledRoute | undefined;
  let proven: AccessInput | undefined;
  const refuse = (refusal: Refusal, kept?: string): void => {
    record.deny(refusal);
    const decision = kept ?? (proven && explainRefusal(parts.access, { ...proven, refusal }));
    out.respond(challengeOf(refusal, { request, asked, identity: proven?.identity, decision }));
  };

  // Without any view there are no routes to speak of.
  if (parts.view.freshness().kind === 'absent') return refuse({ reason: 'status_absent' });
  if (answerItself(parts, { request, reply, record })) return;
  const matched = parts.view.routes.find(request);
  if (!matched.ok) return refuse(matched.refusal);
  const { route, path } = matched.value;
  const scope = parts.tenants.of(route.tenant);
  record.routed(route, path, scope?.tenant);
  asked = route;
  if (scope === undefined) return refuse({ reason: 'status_absent' });
  const { tenant, view } = scope;
  if (route.cors !== undefined) {
    out = new CrossOriginReply(reply, route.cors, request.header('origin'));
  }
  if (hasTokenInQuery(request.query, prefix)) return refuse({ reason: 'token_in_query' });
  const credential = presentedTo(route, request, { prefix, view });
  record.presented(credentialKindOf(credential));
  const address = request.remoteAddress;
  const anonymous = credential.kind === 'none' || route.credential === 'none';
  const stale = anonymous ? undefined : judgeFreshness(view, route, record);
  if (stale !== undefined) return refuse(stale);

  const now = nowSeconds(parts.ports.clock);
  const answer = anonymous
    ? undefined
    : verifyCredential(scope.verify, { credential, address, now });
  // Only where the authority must be asked is there anything to wait for.
  const verified = answer instanceof Promise ? await answer : answer;
  if (verified?.ok === false) {
    const { credentialId } = verified.refusal;
    record.identified({ ...verified.refusal, rotated: view.isRotated(credentialId) });
    return refuse(verified.refusal.refusal);
  }
  const identity = verified?.value;
  const { home } = parts.tenants;
  const own = { tenant, view };
  const access = { request, matched: matched.value, identity, address, now, home, own };
  if (identity !== undefined) {
    proven = access;
    record.identified(knownOf(identity, view));
  }

  const refusal = judgeRequest(parts, { ...access, request, credential, scope });
  if (refusal !== undefined) return refuse(refusal);
  const { decision, ...judged } = judgePolicies(parts, access, record);
  if (judged.refusal !== undefined) return refuse(judged.refusal, decision);
  // Last: what is denied costs nothing.
  const spending = spend(parts, view, { route, tenant, identity, address });
  const spent = spending instanceof Promise ? await spending : spending;
  if (spent !== undefined) out = new LimitedReply(out, spent.fields);
  if (spent?.refusal !== undefined) return refuse(spent.refusal);

  record.allow();
  const as = { route, identity, tenant, decision };
  forward(parts.forward, { request, reply: out, matched: matched.value, as });
}

/** Credential, binding, route, bounds: in that order, by what this node knows. */
function judgeRequest(
  parts: Parts,
  input: AccessInput & {
    readonly request: StreamRequest;
    readonly credential: Credential;
    readonly scope: TenantScope;
  },
): Refusal | undefined {
  const { request, credential, scope, identity, address, now } = input;
  const { route, path } = input.matched;
  const { view } = scope;
  const audience = defaultAudienceOf(parts, scope);
  return (
    (identity && judgeStatus(identity, { view, address, now })) ??
    (identity && judgeBinding(parts.proofs, { identity, credential, request, now })) ??
    judgeRoute(identity, { route, address, audience, now, method: request.method, path }) ??
    judgeBody(request, bodyBytesMaxOf(route, parts.forward)) ??
    judgeConcurrency(parts, identity)
  );
}

function challengeOf(
  refusal: Refusal,
  of: {
    readonly request: StreamRequest;
    readonly asked: CompiledRoute | undefined;
    readonly identity: Identity | undefined;
    readonly decision: string | undefined;
  },
): ReturnType<typeof refusalResponse> {
  const { request, asked, identity, decision } = of;
  const metadata = resourceMetadataUrl(request, asked);
  const scheme = identity?.binding?.by === 'jkt' ? 'DPoP' : 'Bearer';
  return refusalResponse(refusal, { metadata, scheme, scopes: asked?.scopes, decision });
}

/** Policies of a view that is too old say nothing, for whoever comes without credential too. */
function judgePolicies(parts: Parts, access: AccessInput, record: DecisionRecord): Access {
  if (!hasPolicies(access)) return { refusal: undefined, decision: undefined };
  const stale = judgeFreshness(access.home.view, access.matched.route, record);
  if (stale !== undefined) return { refusal: stale, decision: undefined };
  return judgeAccess(parts.access, access);
}

interface Spent {
  readonly fields: readonly string[];
  readonly refusal: Refusal | undefined;
}

/**
 * Limits first, then uses and credits: of both or of neither. Only who has uses or credits has
 * anything to wait for.
 */
function spend(
  parts: Parts,
  view: StatusView,
  limited: LimitedRequest,
): Promise<Spent> | Spent | undefined {
  const { identity, tenant, address } = limited;
  const left = parts.limiter.spend(limited);
  if (left?.refusal !== undefined || identity === undefined) return left;
  const spending = spendUse(parts, { identity, tenant, view, address });
  return (
    spending?.then((refusal) => {
      if (refusal !== undefined) parts.limiter.giveBack(limited);
      return { fields: left?.fields ?? [], refusal };
    }) ?? left
  );
}

function knownOf(identity: Identity, view: StatusView) {
  const rotated = view.isRotated(identity.credentialId);
  return { ...identity, authenticated: true, rotated } as const;
}

/** The node's own default says nothing of other tenants: a token of one names its issuer. */
function defaultAudienceOf(
  { config, tenants }: Pick<Parts, 'config' | 'tenants'>,
  { view }: TenantScope,
): string {
  const own = view === tenants.home.view ? config.defaultAudience : undefined;
  return own ?? view.issuer;
}

/** What is nobody's request proper: a browser's preflight, and where a client may get a token. */
function answerItself(
  { view, tenants }: Parts,
  input: {
    readonly request: StreamRequest;
    readonly reply: StreamReply;
    readonly record: DecisionRecord;
  },
): boolean {
  const { request, reply, record } = input;
  const issuerOf = (route: CompiledRoute) => tenants.of(route.tenant)?.view.issuer ?? '';
  const metadata = answerResourceMetadata(request, { routes: view.routes, issuerOf });
  if (metadata !== undefined) {
    record.answered('resource_metadata');
    reply.respond(metadata);
    return true;
  }
  const preflight = findPreflight(view.routes, request);
  if (preflight === undefined) return false;
  const { matched, answer } = preflight;
  record.routed(matched.route, matched.path);
  if (answer !== undefined) record.answered('preflight');
  else record.deny({ reason: 'origin_not_allowed' });
  reply.respond(answer ?? refusalResponse({ reason: 'origin_not_allowed' }));
  return true;
}

function presentedTo(
  { acceptBasic }: CompiledRoute,
  request: StreamRequest,
  { prefix, view }: { readonly prefix: string; readonly view: StatusView },
): Credential {
  return parseCredential(
    {
      authorization: request.header('authorization'),
      dpop: request.header('dpop'),
      apiKey: request.header('x-api-key'),
    },
    {
      prefix,
      basicPassword: acceptBasic,
      importedPrefixes: view.importedPrefixes,
    },
  );
}

/** A stale view counts only where the route declares it, for as long as it says, and is marked. */
function isFreshEnough(view: StatusView, route: CompiledRoute, record?: DecisionRecord): boolean {
  const freshness = view.freshness();
  if (freshness.kind === 'fresh') return true;
  if (freshness.kind === 'absent' || route.onStale.kind === 'refuse') return false;
  record?.degraded();
  return freshness.overdueMs < route.onStale.seconds * 1000;
}

function judgeFreshness(
  view: StatusView,
  route: CompiledRoute,
  record: DecisionRecord,
): Refusal | undefined {
  if (isFreshEnough(view, route, record)) return undefined;
  return { reason: view.freshness().kind === 'absent' ? 'status_absent' : 'status_stale' };
}

function judgeBody(request: StreamRequest, bodyBytesMax: number): Refusal | undefined {
  const { bodyLength } = request;
  const tooLarge = bodyLength !== 'chunked' && bodyLength > bodyBytesMax;
  return tooLarge ? { reason: 'body_too_large' } : undefined;
}

/** One credential must not take the connections of all others with requests that last. */
function judgeConcurrency(
  { config, live }: Parts,
  identity: Identity | undefined,
): Refusal | undefined {
  if (identity === undefined) return undefined;
  const most = config.credentialRequestsMax ?? limits.credentialRequestsMax;
  const isFull = live.countOf(identity.credentialId) >= most;
  return isFull ? { reason: 'too_many_concurrent' } : undefined;
}

function onChange(parts: Parts): void {
  const { view, tenants, upstreams } = parts;
  const named = view.routes.routes.flatMap((route) => route.tenant ?? []);
  // Without a view nothing is known of routes: a gap must not forget the other tenants too.
  if (view.freshness().kind !== 'absent') tenants.retain(new Set(named));
  upstreams.retain(new Set(view.routes.routes.map((route) => route.upstream.origin)));
  sweep(parts);
}

/**
 * Judges again what is under way: a stream ends within five seconds of its revocation, or of a
 * change of routes by which it would not have begun.
 */
function sweep(parts: Parts): void {
  const { tenants, ports, live } = parts;
  const now = nowSeconds(ports.clock);
  const nowMs = ports.clock.monotonicMs();
  const judge = (request: LiveRequest): CutReason | undefined => {
    const { identity, address, stalledSinceMs } = request;
    if (stalledSinceMs !== undefined && nowMs - stalledSinceMs > limits.clientStallMs) {
      return 'client_stalled';
    }
    if (!hasRoute(parts, request)) return 'route_changed';
    const scope = tenants.of(request.route.tenant);
    if (scope === undefined) return 'route_changed';
    if (!isAllowed(parts, request, scope)) return 'policy_changed';
    if (identity === undefined) return undefined;
    const { view } = scope;
    if (!isFreshEnough(view, request.route)) return 'status_stale';
    const refusal = judgeStatus(identity, { view, address, now });
    if (refusal === undefined) return hasScopesStill(request, view) ? undefined : 'revoked';
    const expired = 'detail' in refusal && refusal.detail === 'expired';
    // A download that was begun in time may end; what has no end of its own may not outlive its
    // key.
    if (expired) return request.endless ? 'expired' : undefined;
    return 'revoked';
  };
  live.sweep(judge);
}

/** Whether the policies of now would still let it in; looked at once for each change of them. */
function isAllowed(parts: Parts, request: LiveRequest, own: TenantScope): boolean {
  const { home } = parts.tenants;
  const policies = [home.view.policies, own.view.policies];
  const { allowedBy } = request;
  if (allowedBy?.every((list, index) => list === policies[index])) return true;
  // Without a view nothing is known of policies, and nothing new is let in.
  if (home.view.freshness().kind === 'absent') return true;
  const matched = home.view.routes.find(request.request);
  if (!matched.ok) return false;
  const { identity, address } = request;
  const now = nowSeconds(parts.ports.clock);
  const access = {
    ...{ request: request.request, matched: matched.value, identity, address, now, home, own },
  };
  if (hasPolicies(access) && !isStillAllowed(access)) return false;
  request.allowedBy = policies;
  return true;
}

/** Whether the routes of now would still let it in; looked at once for each table of routes. */
function hasRoute(parts: Parts, request: LiveRequest): boolean {
  const { view, tenants } = parts;
  const { routes } = view;
  // Without a view nothing is known of routes, and nothing new is let in.
  if (request.judgedBy === routes || view.freshness().kind === 'absent') return true;
  const matched = routes.find(request.request);
  if (!matched.ok) return false;
  const { route, path } = matched.value;
  const scope = tenants.of(route.tenant);
  // A credential was judged as one of its tenant, and says nothing at another.
  const isOther = request.identity !== undefined && tenants.of(request.route.tenant) !== scope;
  if (scope === undefined || isOther) return false;
  const identity = route.credential === 'none' ? undefined : request.identity;
  const { address, beganAt: now } = request;
  const audience = defaultAudienceOf(parts, scope);
  const { method } = request.request;
  const at = { route, address, audience, now, method, path };
  if (judgeRoute(identity, at) !== undefined) return false;
  request.route = route;
  request.judgedBy = routes;
  return true;
}

function renderMetrics(parts: Parts): string {
  const { view, metrics, live, queue, cache, proofs } = parts;
  return metrics.render({
    mintmark_gateway_feed_age_seconds: Math.max(0, view.ageMs() / 1000),
    mintmark_gateway_feed_position: view.position,
    mintmark_gateway_live_requests: live.size,
    mintmark_gateway_decisions_queued: queue.size,
    mintmark_gateway_proofs_remembered: proofs.memory.size,
    mintmark_gateway_view_keys: view.keyCount,
    mintmark_gateway_view_keys_complete: view.wantedKeys === undefined ? 1 : 0,
    mintmark_gateway_view_revocations: view.revocations?.size ?? 0,
    mintmark_gateway_signature_cache_entries: cache.size(),
  });
}
