/** Gathers what is known of a request while it is judged, and records the decision once. */
import type { Clock, CredentialKind, DecisionEvent, TenantId } from '@mintmark/core';
import { limits } from '@mintmark/core';
import type { StreamRequest } from '@mintmark/net';
import { subKeyName, type VerifiedSubKey } from '@mintmark/tokens';
import { type Refusal, reasonOf } from '../refusal.ts';
import type { CompiledRoute } from '../routes/route-table.ts';
import { namesOwnToken } from '../verify/query.ts';
import type { DecisionQueue } from './decisions.ts';
import type { Metrics } from './metrics.ts';

/** What a verification brought to light of a credential, good or not. */
export interface Known {
  readonly credentialId: string | undefined;
  /** Whether possession of it was proven. */
  readonly authenticated: boolean;
  readonly rotated?: boolean;
  readonly subject?: string;
  readonly clientId?: string | undefined;
  readonly subKey?: VerifiedSubKey | undefined;
}

export interface RecordParts {
  readonly tenant: TenantId;
  readonly node: string;
  readonly prefix: string;
  readonly clock: Clock;
  readonly queue: DecisionQueue<DecisionEvent>;
  readonly metrics: Metrics;
  /** Puts one into the audit trail; rejects where it is not known to be there in time. */
  readonly audit: (event: DecisionEvent) => Promise<void>;
}

const nothingKnown: Known = { credentialId: undefined, authenticated: false };

/** The record of one request; the clock of judging runs from its beginning. */
export class DecisionRecord {
  readonly #parts: RecordParts;
  readonly #request: StreamRequest;
  readonly #startedMs: number;
  #route: string | undefined;
  #needed: readonly string[] | undefined;
  #tenant: TenantId;
  #path: string;
  #credential: CredentialKind = 'none';
  #known = nothingKnown;
  #degraded = false;
  #threat: DecisionEvent['threat'];

  constructor(parts: RecordParts, request: StreamRequest) {
    this.#parts = parts;
    this.#request = request;
    this.#startedMs = parts.clock.monotonicMs();
    this.#path = request.path;
    this.#tenant = parts.tenant;
  }

  /** @param tenant whose credentials the route takes, where that is not the node's own */
  routed(route: CompiledRoute, path: string, tenant?: TenantId): void {
    this.#route = route.name;
    this.#needed = route.scopes;
    this.#tenant = tenant ?? this.#tenant;
    this.#path = path;
  }

  presented(kind: CredentialKind): void {
    this.#credential = kind;
  }

  identified(known: Known): void {
    this.#known = known;
  }

  /** A list names the address. */
  listed({ feed, network }: NonNullable<DecisionEvent['threat']>): void {
    this.#threat = { feed, network };
  }

  /** The decision rests on a view that is too old. */
  degraded(): void {
    this.#degraded = true;
  }

  /** Into the audit trail, before anything goes on. @returns the refusal where that failed */
  async audit(): Promise<Refusal | undefined> {
    try {
      await this.#parts.audit(this.#event('allow', 'ok'));
      return undefined;
    } catch {
      return { reason: 'audit_unavailable' };
    }
  }

  allow(): void {
    this.#parts.metrics.count('mintmark_gateway_allowed_total', this.#credential);
    this.#close('allow', 'ok');
  }

  /** The gateway answered by itself; nothing reached an upstream. */
  answered(what: 'preflight' | 'resource_metadata'): void {
    this.#parts.metrics.count('mintmark_gateway_answered_total', what);
    this.#close('allow', what);
  }

  deny(refusal: Refusal): void {
    const reason = reasonOf(refusal);
    this.#parts.metrics.count('mintmark_gateway_denied_total', reason);
    this.#close('deny', reason);
  }

  #close(verdict: 'allow' | 'deny', reason: string): void {
    const { queue, metrics } = this.#parts;
    queue.push(this.#event(verdict, reason));
    if (this.#degraded) metrics.count('mintmark_gateway_degraded_total', verdict);
  }

  #event(verdict: 'allow' | 'deny', reason: string): DecisionEvent {
    const { clock, node, prefix } = this.#parts;
    const { credentialId, authenticated, rotated, subject, clientId, subKey } = this.#known;
    const event: DecisionEvent = {
      type: 'decision',
      at: clock.nowMs(),
      node,
      tenant: this.#tenant,
      route: this.#route,
      method: this.#request.method,
      path: loggablePath(this.#path, prefix),
      address: this.#request.remoteAddress,
      credential: this.#credential,
      credentialId,
      authenticated,
      subject,
      clientId,
      ...(this.#needed === undefined ? {} : { needed: this.#needed }),
      verdict,
      reason,
      ...(this.#threat === undefined ? {} : { threat: this.#threat }),
      degraded: this.#degraded,
      judgedMicros: Math.round((clock.monotonicMs() - this.#startedMs) * 1000),
    };
    const full = rotated === true ? { ...event, rotated } : event;
    return subKey === undefined ? full : { ...full, subKey: subKeyName(subKey.links) };
  }
}

/** Bounded, and without a token that somebody put into a path. */
function loggablePath(path: string, prefix: string): string {
  if (namesOwnToken(path, prefix)) return '(path with a token)';
  return path.slice(0, limits.decisionPathCharsMax);
}
