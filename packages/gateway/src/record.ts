/** Gathers what is known of a request while it is judged, and records the decision once. */
import type { Clock, CredentialKind, DecisionEvent, TenantId } from '@mintmark/core';
import { limits } from '@mintmark/core';
import type { StreamRequest } from '@mintmark/net';
import type { DecisionQueue } from './decisions.ts';
import type { Metrics } from './metrics.ts';
import { namesOwnToken } from './query.ts';
import { type Refusal, reasonOf } from './refusal.ts';
import type { CompiledRoute } from './route-table.ts';

export interface DecisionRecord {
  routed(route: CompiledRoute, path: string): void;
  presented(kind: CredentialKind): void;
  identified(known: {
    readonly credentialId: string | undefined;
    readonly authenticated: boolean;
    readonly rotated?: boolean;
    readonly subject?: string;
    readonly clientId?: string | undefined;
  }): void;
  /** The decision rests on a view that is too old. */
  degraded(): void;
  allow(): void;
  deny(refusal: Refusal): void;
}

export interface RecordParts {
  readonly tenant: TenantId;
  readonly node: string;
  readonly prefix: string;
  readonly clock: Clock;
  readonly queue: DecisionQueue;
  readonly metrics: Metrics;
}

/** Begins the record of one request; the clock of judging runs from here. */
export function openRecord(parts: RecordParts, request: StreamRequest): DecisionRecord {
  const { tenant, node, prefix, clock, queue, metrics } = parts;
  const startedMs = clock.monotonicMs();
  let route: string | undefined;
  let path = request.path;
  let credential: CredentialKind = 'none';
  let known: Parameters<DecisionRecord['identified']>[0] = {
    credentialId: undefined,
    authenticated: false,
  };
  let degraded = false;

  function close(verdict: 'allow' | 'deny', reason: string): void {
    const event: DecisionEvent = {
      type: 'decision',
      at: clock.nowMs(),
      node,
      tenant,
      route,
      method: request.method,
      path: loggablePath(path, prefix),
      address: request.remoteAddress,
      credential,
      credentialId: known.credentialId,
      authenticated: known.authenticated,
      ...(known.rotated === true ? { rotated: true } : {}),
      subject: known.subject,
      clientId: known.clientId,
      verdict,
      reason,
      degraded,
      judgedMicros: Math.round((clock.monotonicMs() - startedMs) * 1000),
    };
    queue.push(event);
    if (degraded) metrics.count('mintmark_gateway_degraded_total', verdict);
  }

  return {
    routed(found, normal) {
      route = found.name;
      path = normal;
    },
    presented(kind) {
      credential = kind;
    },
    identified(found) {
      known = found;
    },
    degraded() {
      degraded = true;
    },
    allow() {
      metrics.count('mintmark_gateway_allowed_total', credential);
      close('allow', 'ok');
    },
    deny(refusal) {
      const reason = reasonOf(refusal);
      metrics.count('mintmark_gateway_denied_total', reason);
      close('deny', reason);
    },
  };
}

/** Bounded, and without a token that somebody put into a path. */
function loggablePath(path: string, prefix: string): string {
  if (namesOwnToken(path, prefix)) return '(path with a token)';
  return path.slice(0, limits.decisionPathCharsMax);
}
