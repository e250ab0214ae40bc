/**
 * Connections to the services behind the gateway: one pool for each origin, kept alive, bounded.
 */
import { getCACertificates } from 'node:tls';
import { limits } from '@mintmark/core';
import { type Dispatcher, Pool } from 'undici';

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

export class Upstreams {
  readonly #options: UpstreamOptions;
  readonly #pools = new Map<string, PooledUpstream>();

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  /** @param origin scheme, host and port */
  to(origin: string): Upstream {
    let pooled = this.#pools.get(origin);
    if (pooled === undefined) {
      pooled = new PooledUpstream(origin, this.#options);
      this.#pools.set(origin, pooled);
    }
    return pooled;
  }

  /** Lets go of origins that no route names any more; their requests under way still end. */
  retain(origins: ReadonlySet<string>): void {
    for (const [origin, pooled] of this.#pools) {
      if (origins.has(origin)) continue;
      this.#pools.delete(origin);
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
  readonly #inFlightMax: number;
  #inFlight = 0;

  constructor(origin: string, options: UpstreamOptions) {
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
        // Named alone, it would take the place of those that everybody trusts.
        ...(options.ca === undefined ? {} : { ca: [...getCACertificates(), options.ca] }),
      },
    });
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    // Counted before it is refused: whoever asked releases in either case.
    this.#inFlight++;
    if (this.#inFlight > this.#inFlightMax) return false;
    this.#pool.dispatch(options, handler);
    return true;
  }

  release(): void {
    this.#inFlight--;
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  async destroy(): Promise<void> {
    await this.#pool.destroy();
  }
}
