/**
 * The HTTP listener of every product: `node:http` and `node:https` behind a thin context, hardened
 * before any handler runs. It knows no product's paths and keeps no state beyond its connections.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import {
  ConfigFault,
  createRangeSet,
  type HttpHandler,
  limits,
  loopback,
  type RangeSet,
  type Timers,
} from '@mintmark/core';
import type { ListenerEvent } from './answer.ts';
import type { BodyPace } from './body-stream.ts';
import { boundAddresses } from './bound-addresses.ts';
import { partProtocols } from './http2/part-protocols.ts';
import { Http2Sessions } from './http2/sessions.ts';
import type { CertificateHeader } from './peer-certificate.ts';
import { Service, type ServiceParts } from './serve.ts';
import type { StreamHandler } from './stream.ts';
import { CertificatesByName, loadTls, type TlsOptions, watchTls } from './tls.ts';

/** What answers: whole bodies, or streams. */
export type ListenerFace =
  | { readonly handler: HttpHandler; readonly streamHandler?: never }
  | { readonly streamHandler: StreamHandler; readonly handler?: never };

export type ListenOptions = ListenerFace & {
  readonly timers: Timers;
  /** An address, or `localhost`. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls?: TlsOptions;
  /** Allows plain HTTP on an address that is not loopback. */
  readonly insecureHttp?: boolean;
  /** Several processes may share the port. */
  readonly reusePort?: boolean;
  /** Blocks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. */
  readonly trustedProxies?: readonly string[];
  /** Where those proxies put the certificate of their client; default: nowhere. */
  readonly certificateHeader?: CertificateHeader | undefined;
  /**
   * Takes HTTP/2 (RFC 9113) beside HTTP/1.1: `tls` where a client asks for it by ALPN; `clear` also
   * without TLS, by prior knowledge. Default: HTTP/1.1 alone.
   */
  readonly http2?: 'tls' | 'clear' | undefined;
  readonly limits?: Partial<ListenerLimits>;
  readonly log?: (event: ListenerEvent) => void;
};

export interface ListenerLimits {
  readonly headerBytesMax: number;
  readonly headersTimeoutMs: number;
  /** A whole request, body included; streams are bounded by `bodyIdleMs` instead. */
  readonly requestTimeoutMs: number;
  /** A pause in a streamed body while we are ready to read. */
  readonly bodyIdleMs: number;
  /** What a streamed body must bring, on average over each window; 0: any. */
  readonly bodyBytesPerSecondMin: number;
  readonly bodyRateWindowMs: number;
  /** A client that leaves the rest of its answer unread this long is cut. */
  readonly clientStallMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly connectionsMax: number;
  /** Of one address, or one network of IPv6; trusted proxies have no such bound. 0: none has. */
  readonly connectionsPerAddressMax: number;
  /** Requests of HTTP/2 under way, over all connections. */
  readonly http2StreamsMax: number;
}

export interface Listener {
  readonly address: string;
  readonly port: number;
  /** Stops accepting, lets answers under way finish for `drainMs`, then cuts what is left. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/**
 * Opens a listener.
 *
 * @throws ConfigFault `insecure_http` for plain HTTP outside loopback, `bad_trusted_proxies`,
 *   `listen_failed` where the port cannot be had, `tls_unusable` for certificates that cannot be
 *   read
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  refuseInsecureHttp(options);
  const { tls, timers, log = () => {} } = options;
  const bounds: ListenerLimits = { ...limits, ...options.limits };
  const parts: ServiceParts = {
    handler: options.handler,
    streamHandler: options.streamHandler,
    timers,
    log,
    peers: {
      trustedProxies: readTrustedProxies(options.trustedProxies ?? []),
      certificateHeader: options.certificateHeader,
      hasClientAuthorities: tls?.clientCaFile !== undefined,
    },
    // Only where the connection itself is encrypted does the header mean anything (RFC 6797 §7.2).
    extraHeaders: tls === undefined ? [] : ['strict-transport-security', 'max-age=31536000'],
    bodyPace: bodyPaceOf(bounds, timers),
    stallMs: bounds.clientStallMs,
  };
  const service = new Service(parts);
  const byName = tls === undefined ? undefined : new CertificatesByName(tls);
  const server = openServer({ options, bounds, service, byName });
  const sessions = openSessions(server, { options, bounds, parts });
  boundAddresses(server, {
    connectionsMax: bounds.connectionsPerAddressMax,
    trusted: parts.peers.trustedProxies,
    dropped: () => log({ type: 'connection_dropped' }),
  });
  server.on('drop', () => log({ type: 'connection_dropped' }));
  await bind(server, options);
  const stopWatching =
    tls === undefined || byName === undefined
      ? () => {}
      : watchTls({ server: server as TlsServer, options: tls, byName, timers, log });
  const { address, port } = server.address() as AddressInfo;
  return {
    address,
    port,
    async close({ drainMs = 0 } = {}) {
      stopWatching();
      await drain({ server, services: [service, ...sessions], timers, drainMs });
    },
  };
}

function bodyPaceOf(bounds: ListenerLimits, timers: Timers): BodyPace {
  const { bodyIdleMs: idleMs, bodyBytesPerSecondMin, bodyRateWindowMs: windowMs } = bounds;
  const windowBytesMin = Math.ceil((bodyBytesPerSecondMin * windowMs) / 1000);
  return { idleMs, windowBytesMin, windowMs, timers };
}

export function refuseInsecureHttp(
  options: Pick<ListenOptions, 'host' | 'tls' | 'insecureHttp'>,
): void {
  if (options.tls !== undefined || options.insecureHttp === true) return;
  if (options.host === 'localhost' || loopback.contains(options.host)) return;
  throw new ConfigFault('insecure_http', `plain HTTP is refused on ${options.host}`, {
    hint: 'give a TLS certificate and key, listen on 127.0.0.1, or allow insecure HTTP by name',
  });
}

function readTrustedProxies(blocks: readonly string[]): RangeSet | undefined {
  if (blocks.length === 0) return undefined;
  const set = createRangeSet(blocks);
  if (set.ok) return set.value;
  throw new ConfigFault('bad_trusted_proxies', `${set.refusal.text}: ${set.refusal.rule}`, {
    hint: 'write blocks such as 10.0.0.0/8, or single addresses',
  });
}

function openServer(input: {
  readonly options: ListenOptions;
  readonly bounds: ListenerLimits;
  readonly service: Service;
  readonly byName: CertificatesByName | undefined;
}): Server | TlsServer {
  const { options, bounds, service, byName } = input;
  const httpOptions = {
    insecureHTTPParser: false,
    joinDuplicateHeaders: false,
    // The Host header is judged by `vetHead`, with the others.
    requireHostHeader: false,
    maxHeaderSize: bounds.headerBytesMax,
    headersTimeout: bounds.headersTimeoutMs,
    requestTimeout: options.streamHandler === undefined ? bounds.requestTimeoutMs : 0,
    keepAliveTimeout: bounds.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, bounds.headersTimeoutMs),
    shouldUpgradeCallback: (message: IncomingMessage) => service.wantsUpgrade(message),
  };
  const server =
    options.tls === undefined
      ? createServer(httpOptions)
      : createTlsServer({ ...httpOptions, ...loadTls(options.tls, protocolsOf(options), byName) });
  server.maxConnections = bounds.connectionsMax;
  // Node drops headers beyond its count in silence; `vetHead` refuses them instead.
  server.maxHeadersCount = 0;
  for (const event of ['request', 'checkContinue', 'checkExpectation'] as const) {
    server.on(event, (message, response) => service.request(message, response));
  }
  server.on('upgrade', (message, socket, head) => service.upgrade(message, socket as Socket, head));
  server.on('connect', (_message, socket) => service.connect(socket as Socket));
  server.on('clientError', (error, socket) => service.clientError(error, socket as Socket));
  return server;
}

/** Sets the server's connections apart by what they speak. */
function openSessions(
  server: Server | TlsServer,
  input: {
    readonly options: ListenOptions;
    readonly bounds: ListenerLimits;
    readonly parts: ServiceParts;
  },
): readonly Http2Sessions[] {
  const { options, bounds, parts } = input;
  const { http2, tls, timers } = options;
  if (http2 === undefined || (http2 === 'tls' && tls === undefined)) return [];
  const sessions = new Http2Sessions(parts, { ...bounds, streamsMax: bounds.http2StreamsMax });
  const { headersTimeoutMs } = bounds;
  const serveHttp2 = (socket: Socket): void => sessions.serve(socket);
  partProtocols(server, { isTls: tls !== undefined, serveHttp2, timers, headersTimeoutMs });
  return [sessions];
}

function protocolsOf({ http2 }: ListenOptions): string[] {
  return http2 === undefined ? ['http/1.1'] : ['h2', 'http/1.1'];
}

function bind(server: Server | TlsServer, options: ListenOptions): Promise<void> {
  const { host, port, reusePort = false } = options;
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new ConfigFault('listen_failed', `cannot listen on ${host} port ${port}`, {
          cause,
          hint:
            'another process may hold the port, perhaps an earlier start of this one: ' +
            'stop it, or choose another port',
        }),
      ),
    );
    server.listen({ host, port, reusePort }, resolve);
  });
}

async function drain(input: {
  readonly server: Server | TlsServer;
  readonly services: readonly Pick<Service, 'beginDrain' | 'cutAll'>[];
  readonly timers: Timers;
  readonly drainMs: number;
}): Promise<void> {
  const { server, services, timers, drainMs } = input;
  for (const service of services) service.beginDrain();
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = () => {
    server.closeAllConnections();
    for (const service of services) service.cutAll();
  };
  const cancel = drainMs > 0 ? timers.after(drainMs, cut) : undefined;
  if (drainMs <= 0) cut();
  await closed;
  cancel?.();
  // Upgraded connections no longer count as the server's own.
  for (const service of services) service.cutAll();
}
