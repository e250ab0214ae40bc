/** One server of an upstream: its connections, how many requests it has, and how it does. */
import { getCACertificates } from 'node:tls';
import { limits, type Timers, type UpstreamPlan } from '@mintmark/core';
import { type Dispatcher, Pool } from 'undici';
import { Circuit } from './circuit.ts';
import { Http2Upstream } from './http2-upstream.ts';

export interface UpstreamOptions {
  readonly connectTimeoutMs: number;
  /** Until the upstream's first line of answer. */
  readonly headersTimeoutMs: number;
  /** A pause within the upstream's body. */
  readonly bodyIdleMs: number;
  readonly connectionsMax: number;
  /** PEM of authorities beside the well-known ones that https upstreams may be signed by. */
  readonly ca: string | undefined;
  /** What routes name as `upstream_tls`. */
  readonly tls?: Readonly<Record<string, UpstreamTls>>;
}

/** How the gateway shows itself to an upstream, and whom it believes. PEM. */
export interface UpstreamTls {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** In place of all other authorities. */
  readonly ca?: string | undefined;
  readonly serverName?: string | undefined;
}

export class UpstreamServer {
  readonly origin: string;
  readonly weight: number;
  readonly circuit: Circuit;
  /** What it last said of itself, where it is asked. */
  isWell = true;
  /** Turns that it is owed among servers with equally much to do. */
  turns = 0;
  readonly #pool: Pool;
  readonly #http2: Http2Upstream | undefined;
  readonly #inFlightMax: number;
  #inFlight = 0;

  constructor(input: {
    readonly origin: string;
    readonly weight: number;
    /** What its certificate must say; undefined: its own host. */
    readonly serverName: string | undefined;
    readonly plan: UpstreamPlan;
    readonly options: UpstreamOptions;
    readonly timers: Pick<Timers, 'after'>;
  }) {
    const { origin, weight, serverName, plan, options, timers } = input;
    const { protocol, circuit } = plan;
    this.origin = origin;
    this.weight = weight;
    this.circuit = new Circuit(circuit);
    const connections = circuit?.connections ?? options.connectionsMax;
    this.#inFlightMax = connections + (circuit?.pending ?? limits.upstreamQueueMax);
    const tls = tlsOptionsOf({ serverName, options, named: plan.tls });
    this.#pool = new Pool(origin, {
      connections,
      // A second request on a connection would wait behind a slow answer to another caller.
      pipelining: 1,
      headersTimeout: options.headersTimeoutMs,
      bodyTimeout: options.bodyIdleMs,
      keepAliveTimeout: limits.upstreamKeepAliveMs,
      allowH2: false,
      connect: { timeout: options.connectTimeoutMs, ...tls },
    });
    // Without TLS nobody can ask what the other end speaks.
    if (protocol === 'http1' || (protocol === 'auto' && origin.startsWith('http:'))) return;
    const fallback = protocol === 'auto' ? { fallback: this.#pool } : {};
    this.#http2 = new Http2Upstream({ ...options, origin, timers, tls, ...fallback });
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * @returns false where as many requests as allowed are under way or wait for a connection; to be
   *   released in either case
   */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.#inFlight++;
    if (this.#inFlight > this.#inFlightMax) return false;
    // A WebSocket goes by HTTP/1.1, which every server of one speaks.
    const by = options.upgrade === 'websocket' ? this.#pool : (this.#http2 ?? this.#pool);
    by.dispatch(options, handler);
    return true;
  }

  /** To be called once for each `dispatch` when its request has ended. */
  release(): void {
    this.#inFlight--;
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.close(), this.#http2?.close()]);
  }

  async destroy(): Promise<void> {
    await Promise.all([this.#pool.destroy(), this.#http2?.destroy()]);
  }
}

function tlsOptionsOf(input: {
  readonly serverName: string | undefined;
  readonly options: UpstreamOptions;
  readonly named: string | undefined;
}) {
  const { options } = input;
  const own = input.named === undefined ? undefined : options.tls?.[input.named];
  const serverName = own?.serverName ?? input.serverName;
  const { ca = options.ca } = own ?? {};
  // Named alone, ours would take the place of those that everybody trusts: the route's own may.
  const usual = own?.ca === undefined ? getCACertificates() : [];
  return {
    ...(ca === undefined ? {} : { ca: [...usual, ca] }),
    ...(own?.cert === undefined ? {} : { cert: own.cert }),
    ...(own?.key === undefined ? {} : { key: own.key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}
