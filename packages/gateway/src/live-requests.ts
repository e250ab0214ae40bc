/**
 * Requests being forwarded, so that those that last are judged again: a stream that was opened with
 * a good credential must not outlive it by more than five seconds.
 */
import type { Identity } from './identity.ts';
import type { CompiledRoute } from './route-table.ts';

export interface LiveRequest {
  readonly route: CompiledRoute;
  readonly identity: Identity | undefined;
  readonly address: string;
  /** Set for WebSockets and event streams: they have no end of their own, so expiry ends them. */
  endless: boolean;
  /** Monotonic milliseconds since when the client has not read; undefined while it does. */
  stalledSinceMs: number | undefined;
  cut(reason: CutReason): void;
}

export type CutReason = 'revoked' | 'expired' | 'status_stale' | 'client_stalled' | 'closing';

export class LiveRequests {
  readonly #live = new Set<LiveRequest>();

  get size(): number {
    return this.#live.size;
  }

  add(request: LiveRequest): void {
    this.#live.add(request);
  }

  remove(request: LiveRequest): void {
    this.#live.delete(request);
  }

  /** Cuts every request that `judge` no longer allows. */
  sweep(judge: (request: LiveRequest) => CutReason | undefined): void {
    for (const request of this.#live) {
      const reason = judge(request);
      if (reason === undefined) continue;
      this.#live.delete(request);
      request.cut(reason);
    }
  }
}
