/**
 * The services behind the gateway: each upstream is one server or several, of which every request
 * gets one that is well, and the least busy of them.
 */
import { type Clock, limits, type Route, type Timers } from '@mintmark/core';
import type { Metrics } from '../record/metrics.ts';
import type { CircuitState } from './circuit.ts';
import { checkHealth } from './health-check.ts';
import { type UpstreamOptions, UpstreamServer } from './upstream-server.ts';

export type { UpstreamOptions } from './upstream-server.ts';

const defaultOptions: UpstreamOptions = {
  connectTimeoutMs: limits.upstreamConnectTimeoutMs,
  headersTimeoutMs: limits.upstreamHeadersTimeoutMs,
  bodyIdleMs: limits.upstreamBodyIdleMs,
  connectionsMax: limits.upstreamConnectionsMax,
  ca: undefined,
};

/** What of a route says how its upstream is reached. */
export type UpstreamOf = Pick<Route, 'upstream' | 'plan'>;

/** How an upstream does, for operators. */
export interface UpstreamState {
  readonly upstream: string;
  readonly servers: readonly {
    readonly origin: string;
    readonly weight: number;
    readonly in_flight: number;
    readonly well: boolean;
    readonly circuit: CircuitState;
    readonly failures: number;
  }[];
}

interface Parts {
  readonly options: UpstreamOptions;
  readonly timers: Timers;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly metrics: Metrics;
}

export class Upstreams {
  readonly #parts: Parts;
  readonly #upstreams = new Map<string, Upstream>();
  /** So that a request need not spell out the key. */
  #byRoute = new WeakMap<UpstreamOf, Upstream>();

  constructor(options: Partial<UpstreamOptions>, parts: Omit<Parts, 'options'>) {
    this.#parts = { ...parts, options: { ...defaultOptions, ...options } };
  }

  to(route: UpstreamOf): Upstream {
    const known = this.#byRoute.get(route);
    if (known !== undefined) return known;
    const key = keyOf(route);
    const upstream = this.#upstreams.get(key) ?? new Upstream(route, this.#parts);
    this.#upstreams.set(key, upstream);
    this.#byRoute.set(route, upstream);
    return upstream;
  }

  /** Lets go of what no route names any more; requests under way still end. */
  retain(routes: readonly UpstreamOf[]): void {
    const kept = new Set(routes.map(keyOf));
    for (const [key, upstream] of this.#upstreams) {
      if (kept.has(key)) continue;
      this.#upstreams.delete(key);
      // A route of before may still be held by a request, and must not find what is closed.
      this.#byRoute = new WeakMap();
      void upstream.close();
    }
    // Servers are asked how they are before anybody needs them.
    for (const route of routes) if (route.plan.health !== undefined) this.to(route);
  }

  states(): readonly UpstreamState[] {
    return [...this.#upstreams.values()].map((upstream) => upstream.state());
  }

  /** Cuts everything. */
  async destroy(): Promise<void> {
    await Promise.all([...this.#upstreams.values()].map((upstream) => upstream.destroy()));
    this.#upstreams.clear();
    this.#byRoute = new WeakMap();
  }
}

/** Routes with one key share servers, connections, and what is known of them. */
function keyOf({ upstream, plan }: UpstreamOf): string {
  const { retries: _retries, timeoutSeconds: _timeout, ...reached } = plan;
  return JSON.stringify([upstream.origin, reached]);
}

export class Upstream {
  readonly #origin: string;
  readonly #isKnown: boolean;
  readonly #servers: readonly UpstreamServer[];
  readonly #parts: Parts;
  readonly #stops: readonly (() => void)[];
  /** Tries beyond the first that may still be made. */
  #retries: number = limits.retriesFree;

  constructor({ upstream: { origin }, plan }: UpstreamOf, parts: Parts) {
    this.#origin = origin;
    this.#parts = parts;
    const { options, timers, metrics } = parts;
    // Without what it is to be reached by it is not reached at all.
    this.#isKnown = plan.tls === undefined || options.tls?.[plan.tls] !== undefined;
    const { host, hostname } = new URL(origin);
    const named = plan.servers.length > 0 && !/^[0-9.]+$|:/.test(hostname);
    const serverName = named ? hostname : undefined;
    const servers = plan.servers.length > 0 ? plan.servers : [{ origin, weight: 1 }];
    this.#servers = servers.map(
      (server) => new UpstreamServer({ ...server, serverName, plan, options, timers }),
    );
    const { health } = plan;
    const changed = (isWell: boolean): void =>
      metrics.count('mintmark_gateway_upstream_changes_total', isWell ? 'well' : 'unwell');
    this.#stops =
      health === undefined || !this.#isKnown
        ? []
        : this.#servers.map((one) => checkHealth(one, { plan: health, host, timers, changed }));
  }

  /**
   * The server for a request: of those that are well and have not failed it, the least busy for its
   * weight.
   *
   * @returns undefined where none may be asked now
   */
  choose(tried: readonly UpstreamServer[]): UpstreamServer | undefined {
    if (!this.#isKnown) return undefined;
    const nowMs = this.#parts.clock.monotonicMs();
    const servers = this.#servers;
    if (servers.length === 1) {
      const only = servers[0]!;
      return only.isWell && only.circuit.admits(nowMs) ? only : undefined;
    }
    let best: UpstreamServer | undefined;
    let weights = 0;
    for (const one of servers) {
      if (!one.isWell || !one.circuit.admits(nowMs)) continue;
      // Where they have equally much to do, turns are by weight: who had the fewest is the next.
      one.turns += one.weight;
      weights += one.weight;
      if (best === undefined || isBetter(one, best, tried)) best = one;
    }
    if (best !== undefined) best.turns -= weights;
    return best;
  }

  /** To be called with what a server's answer, or the want of one, says of it. */
  judged(server: UpstreamServer, verdict: 'good' | 'bad' | 'nothing'): void {
    if (verdict === 'good') server.circuit.succeeded();
    else if (verdict === 'nothing') server.circuit.abandoned();
    else if (server.circuit.failed(this.#parts.clock.monotonicMs())) {
      this.#parts.metrics.count('mintmark_gateway_upstream_changes_total', 'circuit_opened');
    }
  }

  sent(server: UpstreamServer): void {
    server.circuit.sent(this.#parts.clock.monotonicMs());
    this.#retries = Math.min(this.#retries + limits.retryPercent / 100, limits.retriesFree * 10);
  }

  /** Whether one more try may be made: an upstream in trouble must not get its load twice. */
  takeRetry(): boolean {
    if (this.#retries < 1) return false;
    this.#retries--;
    return true;
  }

  state(): UpstreamState {
    const nowMs = this.#parts.clock.monotonicMs();
    return {
      upstream: this.#origin,
      servers: this.#servers.map((one) => ({
        ...{ origin: one.origin, weight: one.weight, in_flight: one.inFlight, well: one.isWell },
        ...{ circuit: one.circuit.state(nowMs), failures: one.circuit.failures },
      })),
    };
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) stop();
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  async destroy(): Promise<void> {
    for (const stop of this.#stops) stop();
    await Promise.all(this.#servers.map((server) => server.destroy()));
  }
}

function isBetter(
  one: UpstreamServer,
  best: UpstreamServer,
  tried: readonly UpstreamServer[],
): boolean {
  const [again, bestAgain] = [tried.includes(one), tried.includes(best)];
  if (again !== bestAgain) return bestAgain;
  const [load, bestLoad] = [one.inFlight / one.weight, best.inFlight / best.weight];
  return load === bestLoad ? one.turns > best.turns : load < bestLoad;
}
