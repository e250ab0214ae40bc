/**
 * Requests being forwarded, so that those that last are judged again: a stream that was opened with
 * a good credential must not outlive it by more than five seconds.
 */
import type { UnixSeconds } from '@mintmark/core';
import type { JudgedPolicy } from '@mintmark/policy';
import type { CompiledRoute, RoutedRequest, RouteTable } from '../routes/route-table.ts';
import type { Identity } from '../verify/identity.ts';

export interface LiveRequest {
  /** The route that serves it: whichever judged it last. */
  route: CompiledRoute;
  /** The table by which it was judged last; undefined: since it began, by none. */
  judgedBy: RouteTable | undefined;
  /** The policies of both tenants that let it be last; undefined: since it began, none looked. */
  allowedBy: readonly (readonly JudgedPolicy[])[] | undefined;
  readonly request: RoutedRequest;
  readonly identity: Identity | undefined;
  readonly address: string;
  readonly beganAt: UnixSeconds;
  /** Where `LiveRequests` keeps it, which alone sets it; -1 where it does not. */
  place: number;
  /** Set for WebSockets and event streams: they have no end of their own, so expiry ends them. */
  endless: boolean;
  /** Monotonic milliseconds since when the client has not read; undefined while it does. */
  stalledSinceMs: number | undefined;
  cut(reason: CutReason): void;
}

export type CutReason =
  | 'revoked'
  | 'expired'
  | 'status_stale'
  | 'route_changed'
  | 'policy_changed'
  | 'client_stalled'
  | 'closing';

/**
 * An array in which each request knows its place, and not a Set: a Set that thousands a second pass
 * through leaves outgrown tables behind, which keep the requests of their time alive until the next
 * full collection.
 */
export class LiveRequests {
  readonly #live: LiveRequest[] = [];
  readonly #byCredential = new Map<string, number>();

  get size(): number {
    return this.#live.length;
  }

  /** How many are under way with one credential. */
  countOf(credentialId: string): number {
    return this.#byCredential.get(credentialId) ?? 0;
  }

  add(request: LiveRequest): void {
    request.place = this.#live.push(request) - 1;
    const id = request.identity?.credentialId;
    if (id !== undefined) this.#byCredential.set(id, this.countOf(id) + 1);
  }

  /** Does nothing where it was removed before. */
  remove(request: LiveRequest): void {
    const { place } = request;
    if (place < 0) return;
    request.place = -1;
    const last = this.#live.pop();
    if (last !== undefined && last !== request) {
      this.#live[place] = last;
      last.place = place;
    }
    const id = request.identity?.credentialId;
    if (id === undefined) return;
    const left = this.countOf(id) - 1;
    if (left === 0) this.#byCredential.delete(id);
    else this.#byCredential.set(id, left);
  }

  /** Cuts every request that `judge` no longer allows. */
  sweep(judge: (request: LiveRequest) => CutReason | undefined): void {
    // From a copy: where one is removed, the last takes its place.
    for (const request of [...this.#live]) {
      const reason = request.place < 0 ? undefined : judge(request);
      if (reason === undefined) continue;
      this.remove(request);
      request.cut(reason);
    }
  }
}
