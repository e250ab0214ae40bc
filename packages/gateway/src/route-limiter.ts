/**
 * The limits of routes, counted by this node alone. What is spent is spent after everything else
 * was judged, and by all limits of a route or by none. Who has a credential is counted by it, or by
 * what it belongs to; who has none, by its address. Names of header fields and of the problem are
 * those of draft-ietf-httpapi-ratelimit-headers-10.
 */
import {
  type Clock,
  type LimitLook,
  type LimitRule,
  type LimitState,
  limits,
  RecentMap,
  type RouteLimit,
  refundLimit,
  spendLimit,
  type TenantId,
} from '@mintmark/core';
import type { Identity } from './identity.ts';
import type { Refusal } from './refusal.ts';
import type { CompiledRoute } from './route-table.ts';

export interface LimitedRequest {
  readonly route: CompiledRoute;
  readonly tenant: TenantId;
  readonly identity: Identity | undefined;
  readonly address: string;
}

export interface LimitVerdict {
  /** Undefined where the request may go on. */
  readonly refusal: Extract<Refusal, { readonly reason: 'quota_exceeded' }> | undefined;
  /** Header fields for the answer: names and values in turn. */
  readonly fields: readonly string[];
}

export interface RouteLimiter {
  /** @returns undefined where the route has no limits */
  spend(request: LimitedRequest): LimitVerdict | undefined;
  /** Takes back what a request spent that was refused after all. */
  giveBack(request: LimitedRequest): void;
}

interface Looked {
  readonly limit: RouteLimit;
  readonly key: string;
  readonly look: LimitLook;
}

/** @param statesMax callers remembered; beyond it whoever was seen longest ago begins anew */
export function createRouteLimiter(
  clock: Pick<Clock, 'monotonicMs'>,
  statesMax: number = limits.limitStatesMax,
): RouteLimiter {
  const states = new RecentMap<string, LimitState>(statesMax);
  return {
    spend(request) {
      const { route } = request;
      if (route.limits.length === 0) return undefined;
      const nowMs = clock.monotonicMs();
      const looked = route.limits.map((limit): Looked => {
        const key = keyOf(limit, request);
        const look = spendLimit(ruleOf(limit), states.peek(key), { nowMs, cost: limit.cost });
        return { limit, key, look };
      });
      const denied = looked.filter(({ look }) => !look.isAllowed);
      // All or none: what the others would have spent is not kept.
      if (denied.length === 0) for (const { key, look } of looked) states.set(key, look.state);
      const spares = denied.length === 0 ? 0 : 1;
      return { refusal: refusalOf(denied), fields: fieldsOf(looked, spares) };
    },
    giveBack(request) {
      for (const limit of request.route.limits) {
        const key = keyOf(limit, request);
        const state = states.peek(key);
        if (state !== undefined) states.set(key, refundLimit(ruleOf(limit), state, limit.cost));
      }
    },
  };
}

function ruleOf({ kind, quota, windowSeconds, burst }: RouteLimit): LimitRule {
  const windowMs = windowSeconds * 1000;
  return kind === 'rate' ? { kind, quota, windowMs, burst } : { kind, quota, windowMs };
}

/** Routes have names of their own, so that an edit of one keeps what was spent there. */
function keyOf({ name, by }: RouteLimit, request: LimitedRequest): string {
  return JSON.stringify([request.route.name, name, ...subjectOf(by, request)]);
}

function subjectOf(
  by: RouteLimit['by'],
  { tenant, identity, address }: LimitedRequest,
): readonly string[] {
  if (by === 'route') return [];
  if (by === 'tenant') return [tenant];
  if (by === 'address' || identity === undefined) return ['address', address];
  switch (by) {
    case 'token':
      return [tenant, identity.kind, identity.credentialId];
    case 'client':
      // A key belongs to its owner: there is no client between.
      return [tenant, 'client', identity.clientId ?? `owner ${identity.subject}`];
    case 'user':
      return [tenant, 'user', identity.subject];
  }
}

function refusalOf(denied: readonly Looked[]): LimitVerdict['refusal'] {
  if (denied.length === 0) return undefined;
  const waits = denied.map(({ look }) => look.retryMs);
  return {
    reason: 'quota_exceeded',
    policies: denied.map(({ limit }) => limit.name),
    retryAfterSeconds: Math.max(1, Math.ceil(Math.max(...waits) / 1000)),
  };
}

/** @param isDenied 1 where nothing was spent, so that the cost is still there */
function fieldsOf(looked: readonly Looked[], isDenied: 0 | 1): readonly string[] {
  const policies = looked.map(({ limit }) => {
    const { name, kind, quota, burst, windowSeconds } = limit;
    if (kind === 'window') return `"${name}";q=${quota};w=${windowSeconds}`;
    // So much comes back in so long: what may come at once is not to be had in each window.
    return `"${name}";q=${burst};w=${Math.ceil((burst / quota) * windowSeconds)}`;
  });
  const left = looked.map(({ limit, look }) => {
    const remaining = look.remaining + (look.isAllowed ? isDenied * limit.cost : 0);
    return `"${limit.name}";r=${remaining};t=${Math.ceil(look.resetMs / 1000)}`;
  });
  return ['ratelimit-policy', policies.join(', '), 'ratelimit', left.join(', ')];
}
