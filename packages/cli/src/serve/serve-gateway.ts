/**
 * Starts a gateway, beside an authority in this process or apart from it. Neighbours: `serve.ts`
 * starts the authority and stops both, `gateway-apart.ts` a gateway by itself. What must never
 * happen: a request answered before the first view of what is revoked is in.
 */
import type {
  CountryOf,
  DecisionSink,
  FeedSource,
  HttpHandler,
  Introspector,
  LimitObservationSink,
  LimitProfileSource,
  NodeKeyRegistry,
  PolicyReportSink,
  Pressure,
  ThreatSource,
} from '@mintmark/core';
import {
  createGateway,
  createGatewayAdmin,
  type GatewayEvent,
  type LimitStores,
} from '@mintmark/gateway';
import { listen, type StreamHandler } from '@mintmark/net';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';
import { parseListen, urlOf } from './address.ts';
import { clientLimitsOf, gatewayConfigOf } from './gateway-config.ts';
import { collectWhenIdle, type IdleCollection } from './idle-collection.ts';
import { type RunningJudges, startJudges } from './judges.ts';
import { certificateHeaderOf, logListener, tlsOf } from './listener.ts';
import type { Log } from './log.ts';

/** What a gateway asks of its authority, in this process or over HTTP. */
export interface AuthorityFace {
  readonly feed: FeedSource;
  readonly introspector: Introspector;
  readonly decisions: DecisionSink;
  readonly policyReports: PolicyReportSink;
  readonly nodeKeys: NodeKeyRegistry;
  readonly threats: ThreatSource;
  readonly limitProfiles: LimitProfileSource;
  readonly limitObservations: LimitObservationSink;
}

export interface RunningGateway {
  readonly url: string;
  /** The first view of what is revoked is in. */
  readonly ready: Promise<void>;
  /** `/livez`, `/readyz`, `/metrics`, for a listener of their own. */
  readonly operations: HttpHandler;
  /** For other people's proxies. */
  readonly judges: RunningJudges;
  /** Prometheus text; its own port belongs to the routes, so that somebody else must show it. */
  renderMetrics(): string;
  /** Stops taking requests, lets those under way finish, delivers the decisions that wait. */
  close(): Promise<void>;
}

const drainMs = 10_000;

/** @throws Fault of what cannot be opened; nothing stays open then */
export async function startGateway(
  ports: CliPorts,
  input: {
    readonly config: Config;
    readonly log: Log;
    readonly authority: AuthorityFace;
    readonly countryOf: CountryOf | undefined;
    readonly pressure: Pressure;
    readonly limits: LimitStores;
    /** Of a process that does more than this. */
    readonly idle?: IdleCollection;
    /** Several processes share its port. */
    readonly reusePort?: boolean;
  },
): Promise<RunningGateway> {
  const { config, log, authority, countryOf, pressure, limits } = input;
  const section = config.gateway;
  const idle = input.idle ?? collectWhenIdle(ports);
  const gateway = createGateway(gatewayConfigOf(config), {
    ...ports,
    ...authority,
    countryOf,
    pressure,
    limits,
    log: (event) => logGateway(log, event),
  });
  let handle: StreamHandler = (_request, reply) => reply.respond(starting);
  const tls = tlsOf(section);
  const listener = await listen({
    streamHandler: (request, reply) => {
      idle.asked(request.path);
      return handle(request, reply);
    },
    timers: ports.timers,
    ...parseListen(section.listen),
    reusePort: input.reusePort === true,
    ...(tls === undefined ? {} : { tls }),
    insecureHttp: section.insecure_http,
    http2: section.http2 === 'off' ? undefined : section.http2,
    trustedProxies: section.trusted_proxies,
    certificateHeader: certificateHeaderOf(section),
    limits: clientLimitsOf(config),
    log: (event) => logListener(log, event),
  });
  const judges = await startJudges(ports, { config, log, gateway }).catch(async (fault) => {
    await listener.close();
    throw fault;
  });
  // Refuses by itself while there is no view: an authority that comes later is waited for.
  const ready = gateway.start().then(() => log.info('gateway follows the feed'));
  handle = gateway.handle;
  const { host } = parseListen(section.listen);
  return {
    url: urlOf({ host, port: listener.port }, { isTls: tls !== undefined }),
    ready,
    operations: createGatewayAdmin(gateway),
    judges,
    renderMetrics: gateway.renderMetrics,
    async close() {
      await Promise.all([listener.close({ drainMs }), judges.close()]);
      await gateway.close();
    },
  };
}

const starting = {
  status: 503,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' },
  body: 'starting\n',
};

function logGateway(log: Log, event: GatewayEvent): void {
  const { type, ...facts } = event;
  if ('error' in facts) log.error(type, facts.error);
  else log.debug(type);
}
