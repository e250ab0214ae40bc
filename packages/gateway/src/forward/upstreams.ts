/**
 * Connections to the services behind the gateway: one pool for each origin, kept alive, bounded.
 */
import { getCACertificates } from 'node:tls';
import { limits, type Route, type Timers } from '@mintmark/core';
import { type Dispatcher, Pool } from 'undici';
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
}

export const defaultUpstreamOptions: UpstreamOptions = {
  connectTimeoutMs: limits.upstreamConnectTimeoutMs,
  headersTimeoutMs: limits.upstreamHeadersTimeoutMs,
  bodyIdleMs: limits.upstreamBodyIdleMs,
  connectionsMax: limits.upstreamConnectionsMax,
  ca: undefined,
};

export interface Upstream {
  /** False where as many requests as allowed are under way or waiting for a connection. */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean;
  /** To be called once for each `dispatch`, refused ones too, when its request has ended. */
  release(): void;
}

/** What of a route says how its upstream is reached. */
export type UpstreamOf = Pick<Route, 'upstream' | 'plan'>;

/** Routes with one key share their connections. */
function keyOf({ upstream, plan }: UpstreamOf): string {
  return `${plan.protocol} ${upstream.origin}`;
}

export class Upstreams {
  readonly #options: UpstreamOptions;
  readonly #timers: Pick<Timers, 'after'>;
  readonly #pools = new Map<string, PooledUpstream>();

  constructor(options: UpstreamOptions, timers: Pick<Timers, 'after'>) {
    this.#options = options;
    this.#timers = timers;
  }

  to(route: UpstreamOf): Upstream {
    const key = keyOf(route);
    let pooled = this.#pools.get(key);
    if (pooled === undefined) {
      pooled = new PooledUpstream(route, this.#options, this.#timers);
      this.#pools.set(key, pooled);
    }
    return pooled;
  }

  /** Lets go of what no route names any more; requests under way still end. */
  retain(routes: readonly UpstreamOf[]): void {
    const kept = new Set(routes.map(keyOf));
    for (const [key, pooled] of this.#pools) {
      if (kept.has(key)) continue;
      this.#pools.delete(key);
      void pooled.close();
    }
  }

  /** Cuts everything. */
  async destroy(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pooled) => pooled.destroy()));
    this.#pools.clear();
  }
}

class PooledUpstream implements Upstream {
  readonly #pool: Pool;
  readonly #http2: Http2Upstream | undefined;
  readonly #inFlightMax: number;
  #inFlight = 0;

  constructor(
    { upstream: { origin }, plan: { protocol } }: UpstreamOf,
    options: UpstreamOptions,
    timers: Pick<Timers, 'after'>,
  ) {
    // Named alone, it would take the place of those that everybody trusts.
    const tls = options.ca === undefined ? {} : { ca: [...getCACertificates(), options.ca] };
    this.#inFlightMax = options.connectionsMax + limits.upstreamQueueMax;
    this.#pool = new Pool(origin, {
      connections: options.connectionsMax,
      // A second request on a connection would wait behind a slow answer to another caller.
      pipelining: 1,
      headersTimeout: options.headersTimeoutMs,
      bodyTimeout: options.bodyIdleMs,
      keepAliveTimeout: limits.upstreamKeepAliveMs,
      allowH2: false,
      connect: {
        timeout: options.connectTimeoutMs,
        ...tls,
      },
    });
    // Without TLS nobody can ask what the other end speaks.
    if (protocol === 'http1' || (protocol === 'auto' && origin.startsWith('http:'))) return;
    const fallback = protocol === 'auto' ? { fallback: this.#pool } : {};
    this.#http2 = new Http2Upstream({ ...options, origin, timers, tls, ...fallback });
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    // Counted before it is refused: whoever asked releases in either case.
    this.#inFlight++;
    if (this.#inFlight > this.#inFlightMax) return false;
    // A WebSocket goes by HTTP/1.1, which every server of one speaks.
    const by = options.upgrade === 'websocket' ? this.#pool : (this.#http2 ?? this.#pool);
    by.dispatch(options, handler);
    return true;
  }

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
