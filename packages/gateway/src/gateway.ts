/**
 * The enforcement point. `handle` is the Verify path, to be read from top to bottom: find the
 * route, read the credential, verify it by local knowledge, decide, record, forward. Around it: the
 * status view that a feed keeps fresh, and the sweep that judges again what is still under way.
 * What must never happen: a request that reaches an upstream without having come through `handle`.
 */
import {
  type Clock,
  createFailureBudget,
  type DecisionSink,
  type Entropy,
  type FeedSource,
  type Introspector,
  limits,
  nowSeconds,
  type TenantId,
  type Timers,
} from '@mintmark/core';
import type { StreamHandler, StreamReply, StreamRequest } from '@mintmark/net';
import {
  type Credential,
  createDpopNonces,
  createProofKeys,
  createVerifiedCache,
  parseCredential,
  type VerifiedAccessToken,
} from '@mintmark/tokens';
import { CrossOriginReply, findPreflight } from './cors.ts';
import { countedCache } from './counted-cache.ts';
import { createDecisionQueue, type DecisionQueue } from './decisions.ts';
import { followFeed } from './follow-feed.ts';
import { bodyBytesMaxOf, type ForwardParts, forward } from './forward.ts';
import type { Identity } from './identity.ts';
import { createIntrospectionCache } from './introspection-cache.ts';
import { hasScopesStill, judgeRoute, judgeStatus } from './judge.ts';
import { type CutReason, type LiveRequest, LiveRequests } from './live-requests.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { judgeBinding, type ProofParts } from './proof.ts';
import { createProofMemory } from './proof-memory.ts';
import { hasTokenInQuery } from './query.ts';
import { DecisionRecord, type RecordParts } from './record.ts';
import { type Refusal, refusalResponse } from './refusal.ts';
import { answerResourceMetadata, resourceMetadataUrl } from './resource-metadata.ts';
import type { CompiledRoute } from './route-table.ts';
import { StatusView, type ViewEvent } from './status-view.ts';
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
  readonly view: StatusView;
  readonly verify: VerifyParts;
  readonly upstreams: Upstreams;
  readonly live: LiveRequests;
  readonly metrics: Metrics;
  readonly queue: DecisionQueue;
  readonly proofs: ProofParts;
  readonly record: RecordParts;
  readonly forward: ForwardParts;
}

export function createGateway(config: GatewayConfig, ports: GatewayPorts): Gateway {
  const parts = join(config, ports);
  const { view, metrics, live, queue, upstreams } = parts;
  let follower: ReturnType<typeof followFeed> | undefined;
  let stopSweeping = (): void => {};
  return {
    handle: (request, reply) => handle(parts, request, reply),
    start() {
      stopSweeping = ports.timers.every(limits.sweepMs, () => {
        view.expire();
        sweep(parts);
      });
      follower = followFeed({
        ...ports,
        source: ports.feed,
        view,
        tenant: config.tenant,
        node: config.node,
        onChange: () => onChange(parts),
        onFault: (kind, error) => {
          metrics.count('mintmark_gateway_feed_faults_total', kind);
          ports.log({ type: 'feed_fault', kind, error });
        },
      });
      return follower.ready;
    },
    async close() {
      stopSweeping();
      await follower?.stop();
      live.sweep(() => 'closing');
      await queue.close();
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
  const view = new StatusView({ tenant, clock, log });
  const queue = createDecisionQueue({ sink, timers, metrics });
  const upstreams = new Upstreams({ ...defaultUpstreamOptions, ...config.upstream });
  const live = new LiveRequests();
  const bodyBytesMax = config.bodyBytesMax ?? limits.gatewayBodyBytesMax;
  return {
    ...{ config, ports, view, metrics, queue, upstreams, live },
    proofs: {
      memory: createProofMemory(),
      keys: createProofKeys(),
      nonces: config.dpopNonces === true ? createDpopNonces(ports.entropy.bytes(32)) : undefined,
      windowSeconds: limits.dpopWindowSeconds,
    },
    record: { tenant, node, prefix, clock, queue, metrics },
    forward: { upstreams, live, metrics, bodyBytesMax, clock },
    verify: {
      tenant,
      view,
      metrics,
      cache: countedCache(createVerifiedCache<VerifiedAccessToken>(), metrics),
      introspections: createIntrospectionCache({ introspector, tenant, clock }),
      failures: createFailureBudget(clock),
    },
  };
}

/** The Verify path. */
async function handle(parts: Parts, request: StreamRequest, reply: StreamReply): Promise<void> {
  const { config, ports, view } = parts;
  const { tenant, prefix } = config;
  const record = new DecisionRecord(parts.record, request);
  let out = reply;
  let asked: CompiledRoute | undefined;
  let proven: Identity | undefined;
  const refuse = (refusal: Refusal): void => {
    record.deny(refusal);
    const metadata = resourceMetadataUrl(request, asked);
    const scheme = proven?.binding?.by === 'jkt' ? 'DPoP' : 'Bearer';
    out.respond(refusalResponse(refusal, { metadata, scheme, scopes: asked?.scopes }));
  };

  // Without any view there are no routes to speak of.
  if (view.freshness().kind === 'absent') return refuse({ reason: 'status_absent' });
  if (answerItself(parts, { request, reply, record })) return;
  const matched = view.routes.find(request);
  if (!matched.ok) return refuse(matched.refusal);
  const { route, path } = matched.value;
  record.routed(route, path);
  asked = route;
  if (route.cors !== undefined) {
    out = new CrossOriginReply(reply, route.cors, request.header('origin'));
  }
  if (hasTokenInQuery(request.query, prefix)) return refuse({ reason: 'token_in_query' });

  const credential = presentedTo(route, request, parts);
  record.presented(credentialKindOf(credential));
  const address = request.remoteAddress;
  const anonymous = credential.kind === 'none' || route.credential === 'none';
  if (!anonymous && !isFreshEnough(view, route, record)) return refuse({ reason: 'status_stale' });

  const now = nowSeconds(ports.clock);
  const answer = anonymous
    ? undefined
    : verifyCredential(parts.verify, { credential, address, now });
  // Only where the authority must be asked is there anything to wait for.
  const verified = answer instanceof Promise ? await answer : answer;
  if (verified?.ok === false) {
    const { credentialId } = verified.refusal;
    record.identified({ ...verified.refusal, rotated: view.isRotated(credentialId) });
    return refuse(verified.refusal.refusal);
  }
  const identity = verified?.value;
  proven = identity;
  if (identity !== undefined) {
    const rotated = view.isRotated(identity.credentialId);
    record.identified({ ...identity, authenticated: true, rotated });
  }

  const audience = config.defaultAudience ?? view.issuer;
  const refusal =
    (identity && judgeStatus(identity, { view, address, now })) ??
    (identity && judgeBinding(parts.proofs, { identity, credential, request, now })) ??
    judgeRoute(identity, { route, address, audience, now }) ??
    judgeBody(request, bodyBytesMaxOf(route, parts.forward)) ??
    judgeConcurrency(parts, identity);
  if (refusal !== undefined) return refuse(refusal);

  record.allow();
  forward(parts.forward, {
    request,
    reply: out,
    matched: matched.value,
    as: { route, identity, tenant },
  });
}

/** What is nobody's request proper: a browser's preflight, and where a client may get a token. */
function answerItself(
  { view }: Parts,
  input: {
    readonly request: StreamRequest;
    readonly reply: StreamReply;
    readonly record: DecisionRecord;
  },
): boolean {
  const { request, reply, record } = input;
  const metadata = answerResourceMetadata(request, view);
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
  { config, view }: Parts,
): Credential {
  return parseCredential(
    {
      authorization: request.header('authorization'),
      dpop: request.header('dpop'),
      apiKey: request.header('x-api-key'),
    },
    {
      prefix: config.prefix,
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
  const { view, upstreams } = parts;
  upstreams.retain(new Set(view.routes.routes.map((route) => route.upstream.origin)));
  sweep(parts);
}

/**
 * Judges again what is under way: a stream ends within five seconds of its revocation, or of a
 * change of routes by which it would not have begun.
 */
function sweep(parts: Parts): void {
  const { view, ports, live } = parts;
  const now = nowSeconds(ports.clock);
  const nowMs = ports.clock.monotonicMs();
  const judge = (request: LiveRequest): CutReason | undefined => {
    const { identity, address, stalledSinceMs } = request;
    if (stalledSinceMs !== undefined && nowMs - stalledSinceMs > limits.clientStallMs) {
      return 'client_stalled';
    }
    if (!hasRoute(parts, request)) return 'route_changed';
    if (identity === undefined) return undefined;
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

/** Whether the routes of now would still let it in; looked at once for each table of routes. */
function hasRoute({ config, view }: Parts, request: LiveRequest): boolean {
  const { routes } = view;
  // Without a view nothing is known of routes, and nothing new is let in.
  if (request.judgedBy === routes || view.freshness().kind === 'absent') return true;
  const matched = routes.find(request.request);
  if (!matched.ok) return false;
  const { route } = matched.value;
  const identity = route.credential === 'none' ? undefined : request.identity;
  const { address, beganAt: now } = request;
  const audience = config.defaultAudience ?? view.issuer;
  if (judgeRoute(identity, { route, address, audience, now }) !== undefined) return false;
  request.route = route;
  request.judgedBy = routes;
  return true;
}

function renderMetrics(parts: Parts): string {
  const { view, metrics, live, queue, verify, proofs } = parts;
  return metrics.render({
    mintmark_gateway_feed_age_seconds: Math.max(0, view.ageMs() / 1000),
    mintmark_gateway_feed_position: view.position,
    mintmark_gateway_live_requests: live.size,
    mintmark_gateway_decisions_queued: queue.size,
    mintmark_gateway_proofs_remembered: proofs.memory.size,
    mintmark_gateway_view_keys: view.keyCount,
    mintmark_gateway_view_revocations: view.revocations?.size ?? 0,
    mintmark_gateway_signature_cache_entries: verify.cache.size(),
  });
}
