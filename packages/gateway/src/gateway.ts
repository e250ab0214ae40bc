/**
 * The enforcement point, joined: the decision (`decide/decide.ts`), the forwarding of what it lets
 * through, the status view that a feed keeps fresh, and the sweep that judges again what is still
 * under way. What must never happen: a request that reaches an upstream without a decision.
 */
import assert from 'node:assert/strict';
import {
  type Clock,
  type CountryOf,
  type CredentialField,
  createFailureBudget,
  createKeepBudget,
  type DecisionEvent,
  type DecisionSink,
  type Entropy,
  type FeedSource,
  type Introspector,
  type KeepRate,
  type LimitObservationSink,
  type LimitProfileSource,
  limits,
  type NodeKeyRegistry,
  type PolicyReport,
  type PolicyReportSink,
  type Pressure,
  type TenantId,
  type ThreatSource,
  type Timers,
} from '@mintmark/core';
import type { StreamHandler, StreamReply, StreamRequest } from '@mintmark/net';
import { createTallies } from '@mintmark/policy';
import {
  createDpopNonces,
  createProofKeys,
  createSubKeyMemory,
  createVerifiedCache,
  type VerifiedAccessToken,
} from '@mintmark/tokens';
import type { AccessParts } from './decide/access.ts';
import { sweep } from './decide/again.ts';
import { type Allowed, type DecideParts, decide, type Verdict } from './decide/decide.ts';
import { ChangedReply } from './forward/change-headers.ts';
import { type ForwardParts, forward } from './forward/forward.ts';
import { InternalTokens } from './forward/internal-tokens.ts';
import { LiveRequests } from './forward/live-requests.ts';
import { type UpstreamOptions, type UpstreamState, Upstreams } from './forward/upstreams.ts';
import { HeldBytes, HeldRequest, ReleasingReply } from './inspect/held-request.ts';
import { AnsweredReply } from './limits/answered-reply.ts';
import { CostedReply } from './limits/costed-reply.ts';
import { createLearning, type Learning } from './limits/learning.ts';
import { LimitedReply } from './limits/limited-reply.ts';
import { type Counting, createRouteLimiter } from './limits/route-limiter.ts';
import { createSpender, type Spender } from './limits/spender.ts';
import { type LimitStores, openLimitStores } from './limits/stores.ts';
import { MaskedReply, type MaskParts, rulesFor } from './mask/masked-reply.ts';
import type { RateLimitParts } from './proxies/rate-limits.ts';
import type { Judged } from './proxies/ruling.ts';
import { createDecisionQueue, type DecisionQueue } from './record/decisions.ts';
import { createMetrics, type Metrics } from './record/metrics.ts';
import { planOf } from './routes/choose.ts';
import { CrossOriginReply } from './routes/cors.ts';
import { countedCache } from './verify/counted-cache.ts';
import { createIntrospectionCache } from './verify/introspection-cache.ts';
import { createProofMemory } from './verify/proof-memory.ts';
import type { VerifyParts } from './verify/verify.ts';
import { StatusView, type ViewEvent } from './view/status-view.ts';
import { createTenantViews, type TenantScope, type TenantViews } from './view/tenant-views.ts';
import { createThreatView, type ThreatView } from './view/threat-view.ts';

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
  /** How many decisions of policies are kept to be explained. */
  readonly decisions?: KeepRate;
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
  /** Without it no address is listed, whatever routes ask. */
  readonly threats?: ThreatSource | undefined;
  /** What callers usually do; without it adaptive limits are what their routes say. */
  readonly limitProfiles?: LimitProfileSource | undefined;
  /** Where it is learned from. */
  readonly limitObservations?: LimitObservationSink | undefined;
  /** Without it this gateway counts by itself. */
  readonly limits?: LimitStores | undefined;
  /** Publishes the key of this node; without it routes with an internal token refuse. */
  readonly nodeKeys?: NodeKeyRegistry | undefined;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  /** How overloaded this process is; without it nobody is turned away for that. */
  readonly pressure?: Pressure | undefined;
  readonly log: (event: GatewayEvent) => void;
}

export type GatewayEvent =
  | ViewEvent
  | { readonly type: 'feed_fault'; readonly kind: string; readonly error: unknown }
  | { readonly type: 'node_key_fault'; readonly error: unknown };

export interface Gateway {
  readonly handle: StreamHandler;
  /** The decision alone, for who forwards by other means. */
  readonly decide: (request: StreamRequest) => Promise<Judged>;
  /** The limits of routes alone. */
  readonly rateLimits: RateLimitParts;
  /** Follows the feed; resolves with the first snapshot. */
  start(): Promise<void>;
  /** Ends the feed, cuts what is under way and delivers the decisions that wait. */
  close(): Promise<void>;
  readonly view: StatusView;
  readonly metrics: Metrics;
  /** Public keys by which this node signs for upstreams. */
  keySet(): readonly Readonly<Record<string, unknown>>[];
  /** How the servers do that requests are sent to. */
  upstreams(): readonly UpstreamState[];
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
  readonly learning: Learning;
  readonly decide: DecideParts;
  readonly forward: ForwardParts;
  readonly internalTokens: InternalTokens;
  readonly masking: MaskParts;
  readonly spender: Spender;
}

export function createGateway(config: GatewayConfig, ports: GatewayPorts): Gateway {
  const parts = join(config, ports);
  const { view, tenants, metrics, live, queue, upstreams } = parts;
  const { access, threats } = parts.decide;
  let stopSweeping = (): void => {};
  let stopCounting = (): void => {};
  const report = (): void => {
    for (const tally of access.tallies.take()) access.queue.push(tally);
  };
  return {
    handle: (request, reply) => handle(parts, request, reply),
    async decide(request) {
      const verdict = await decide(parts.decide, request);
      if (verdict.kind !== 'allowed') return verdict;
      settleUnseen(verdict);
      return { ...verdict, presents: presentedTo(parts, request, verdict) };
    },
    rateLimits: {
      ...{ spender: parts.spender, counting: countingOf(config, ports), view },
      scopeOf: tenants.of,
    },
    start() {
      stopSweeping = ports.timers.every(limits.sweepMs, () => {
        tenants.expire();
        sweep(parts.decide);
      });
      stopCounting = ports.timers.every(limits.tallyFlushMs, report);
      threats?.start();
      parts.learning.start();
      return tenants.start();
    },
    async close() {
      stopSweeping();
      stopCounting();
      parts.internalTokens.close();
      threats?.stop();
      await tenants.stop();
      live.sweep(() => 'closing');
      report();
      await Promise.all([queue.close(), access.queue.close(), parts.learning.close()]);
      await upstreams.destroy();
    },
    view,
    metrics,
    keySet: () => parts.internalTokens.keySet,
    upstreams: () => upstreams.states(),
    renderMetrics: () => renderMetrics(parts),
  };
}

function join(config: GatewayConfig, ports: GatewayPorts): Parts {
  const { clock, timers, introspector, decisions: sink, log } = ports;
  const { tenant, node, prefix } = config;
  const metrics = createMetrics();
  const lost = 'mintmark_gateway_decisions_lost_total';
  const queue = createDecisionQueue<DecisionEvent>({ sink, timers, metrics, lost });
  const upstreams = new Upstreams(config.upstream ?? {}, { timers, clock, metrics });
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
  const { view } = tenants.home;
  const limitStores = ports.limits ?? openLimitStores(ports, { target: undefined });
  const spender = createSpender({ ...limitStores, metrics });
  const held = new HeldBytes();
  const internalTokens = new InternalTokens({
    ...{ tenant, node, clock, timers, entropy: ports.entropy, metrics },
    registry: ports.nodeKeys,
    issuer: () => view.issuer,
    onFault: (error) => log({ type: 'node_key_fault', error }),
  });
  const learning = learningOf(ports, { tenant, view, metrics });
  const decideParts: DecideParts = {
    config: {
      prefix,
      defaultAudience: config.defaultAudience,
      bodyBytesMax,
      credentialRequestsMax: config.credentialRequestsMax ?? limits.credentialRequestsMax,
    },
    ...{ clock, introspector, view, tenants, live, metrics, pressure: ports.pressure },
    internalTokens,
    inspection: { metrics, held },
    proofs: proofPartsOf(config, ports),
    record: {
      ...{ tenant, node, prefix, clock, queue, metrics },
      audit: (event) => within(timers, limits.auditedDecisionMs, sink.record(event)),
    },
    access: accessParts({ config, ports, metrics }),
    threats: ports.threats && threatsOf({ config, ports, view }, ports.threats),
    limiter: createRouteLimiter(spender, countingOf(config, ports), learning.limits),
  };
  const parts: Parts = {
    ...{ config, ports, view, tenants, metrics, queue, upstreams, live, cache },
    decide: decideParts,
    masking: { metrics, held, hashKey: ports.entropy.bytes(32) },
    forward: { upstreams, live, metrics, bodyBytesMax, clock, timers },
    ...{ internalTokens, spender, learning },
  };
  return parts;
}

function proofPartsOf(
  { dpopNonces }: GatewayConfig,
  { entropy, limits: stores }: GatewayPorts,
): DecideParts['proofs'] {
  return {
    memory: createProofMemory(),
    keys: createProofKeys(),
    nonces: dpopNonces === true ? createDpopNonces(entropy.bytes(32)) : undefined,
    windowSeconds: limits.dpopWindowSeconds,
    common: stores?.proofs,
  };
}

/** What it comes to in time; rejects after it. */
async function within(timers: Timers, ms: number, act: Promise<void>): Promise<void> {
  let cancel = (): void => {};
  const late = new Promise<never>((_, reject) => {
    cancel = timers.after(ms, () => reject(new Error(`not done in ${ms} ms`)));
  });
  try {
    await Promise.race([act, late]);
  } finally {
    cancel();
  }
}

function learningOf(
  { limitProfiles: profiles, limitObservations: observations, log, ...ports }: GatewayPorts,
  of: Pick<Parts, 'view' | 'metrics'> & { readonly tenant: TenantId },
): Learning {
  const onFault = (error: unknown) => log({ type: 'feed_fault', kind: 'limit profiles', error });
  return createLearning({ ...ports, ...of, profiles, observations, onFault });
}

function threatsOf(
  { config, ports, view }: Pick<Parts, 'config' | 'ports' | 'view'>,
  source: ThreatSource,
): ThreatView {
  const { clock, timers, log } = ports;
  return createThreatView({
    ...{ clock, timers, source, tenant: config.tenant },
    isWanted: () => view.routes.routes.some(({ threats }) => threats !== undefined),
    onFault: (error) => log({ type: 'feed_fault', kind: 'threats', error }),
  });
}

function countingOf({ tenant: home }: GatewayConfig, { clock }: GatewayPorts): Counting {
  return { nowMs: () => clock.nowMs(), home };
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
    budget: createKeepBudget(clock, config.decisions),
  };
}

async function handle(parts: Parts, request: StreamRequest, reply: StreamReply): Promise<void> {
  const verdict = await decide(parts.decide, request, { bodies: 'seen' });
  const out = dress(reply, request, verdict);
  if (verdict.kind === 'answered') return out.respond(verdict.response);
  const { request: seen, matched, identity, tenant, decision } = verdict;
  const presents = presentedTo(parts, request, verdict);
  const { mask } = matched.route;
  const rules = mask === undefined ? [] : rulesFor(mask, identity);
  const masked = rules.length > 0;
  const plan = planToName(parts, verdict);
  const as = { route: matched.route, identity, tenant, plan, decision, presents, masked };
  const changes = matched.route.rewrites?.responseHeaders;
  const told = changes === undefined ? out : new ChangedReply(out, changes, as);
  const { costAfter: cost } = matched.route;
  const { spent } = verdict;
  const counted =
    cost === undefined || spent === undefined ? told : new CostedReply(told, { cost, spent });
  const shown =
    mask === undefined || !masked
      ? counted
      : new MaskedReply(counted, { ...parts.masking, mask, rules, request });
  const last = seen instanceof HeldRequest ? new ReleasingReply(shown, seen) : shown;
  const learning = learningFrom(parts, request, verdict, last);
  forward(parts.forward, { request: seen, reply: learning, matched, as });
}

/** Looked up only where values of headers may name it. */
function planToName(
  { tenants }: Parts,
  { matched, identity, tenant }: Allowed,
): string | undefined {
  const scope = tenants.of(tenant);
  if (matched.route.rewrites === undefined || identity === undefined) return undefined;
  return scope && planOf({ identity, ...scope });
}

/** Limits that adapt go by how their callers are answered. */
function learningFrom(
  { decide: { limiter } }: Parts,
  { remoteAddress: address }: StreamRequest,
  { matched: { route }, tenant, identity }: Allowed,
  reply: StreamReply,
): StreamReply {
  if (route.limits.every(({ adaptive }) => adaptive === undefined)) return reply;
  const request = { route, tenant, identity, address };
  return new AnsweredReply(reply, (status) => limiter.answered(request, status));
}

/** Who forwards by other means shows nobody the response: what was reserved is what it costs. */
function settleUnseen({ matched, spent }: Extract<Verdict, { readonly kind: 'allowed' }>): void {
  const { costAfter } = matched.route;
  if (costAfter !== undefined) spent?.settle(costAfter.reserve);
}

/** By what the upstream knows that it is this gateway that asks, for whom, and that it may. */
function presentedTo(
  { internalTokens }: Parts,
  { method, query }: StreamRequest,
  { matched, identity, tenant, credential }: Allowed,
): readonly CredentialField[] {
  const rule = matched.route.internalToken;
  const own = credential === undefined ? [] : [credential];
  if (rule === undefined) return own;
  const token = internalTokens.mint(rule, { matched, method, query, identity, tenant });
  assert(token !== undefined, 'decided only where it can be signed');
  const value = rule.header === 'authorization' ? `Bearer ${token}` : token;
  return [{ header: rule.header, value }, ...own];
}

/** What every answer of the route says, refusals and the upstream's own included. */
function dress(reply: StreamReply, request: StreamRequest, verdict: Verdict): StreamReply {
  const { cors, fields } = verdict;
  const out =
    cors === undefined ? reply : new CrossOriginReply(reply, cors, request.header('origin'));
  return fields.length === 0 ? out : new LimitedReply(out, fields);
}

function onChange(parts: Parts): void {
  const { view, tenants, upstreams } = parts;
  const named = view.routes.routes.flatMap((route) => route.tenant ?? []);
  // Without a view nothing is known of routes: a gap must not forget the other tenants too.
  if (view.freshness().kind !== 'absent') tenants.retain(new Set(named));
  if (view.routes.routes.some((route) => route.internalToken !== undefined)) {
    parts.internalTokens.want();
  }
  upstreams.retain(view.routes.routes);
  // At once where a route is the first to ask.
  if (parts.decide.threats?.size === 0) void parts.decide.threats.look();
  parts.learning.routesChanged();
  sweep(parts.decide);
}

function renderMetrics(parts: Parts): string {
  const { view, metrics, live, queue, cache } = parts;
  const { proofs } = parts.decide;
  return metrics.render({
    mintmark_gateway_feed_age_seconds: Math.max(0, view.ageMs() / 1000),
    mintmark_gateway_feed_position: view.position,
    mintmark_gateway_live_requests: live.size,
    mintmark_gateway_pressure: parts.ports.pressure?.level ?? 0,
    mintmark_gateway_decisions_queued: queue.size,
    mintmark_gateway_proofs_remembered: proofs.memory.size,
    mintmark_gateway_view_keys: view.keyCount,
    mintmark_gateway_view_keys_complete: view.wantedKeys === undefined ? 1 : 0,
    mintmark_gateway_view_revocations: view.revocations?.size ?? 0,
    mintmark_gateway_limit_profiles: parts.learning.size,
    mintmark_gateway_threat_blocks: parts.decide.threats?.size ?? 0,
    mintmark_gateway_signature_cache_entries: cache.size(),
  });
}
