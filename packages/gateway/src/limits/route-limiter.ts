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
  lineOf,
  RecentMap,
  type RouteLimit,
  refundLimit,
  spendLimit,
  type TenantId,
} from '@mintmark/core';
import type { Refusal } from '../decide/refusal.ts';
import type { CompiledRoute } from '../routes/route-table.ts';
import type { Identity } from '../verify/identity.ts';

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
  readonly states: RecentMap<string, LimitState>;
  readonly key: string;
  readonly look: LimitLook;
}

/**
 * @param statesMax callers remembered of each kind; beyond it whoever was seen longest ago begins
 *   anew. Of each kind, since tokens and addresses are had by the thousand: who uses many must not
 *   be forgotten by them as the user or client that he is.
 */
export function createRouteLimiter(
  clock: Pick<Clock, 'monotonicMs'>,
  statesMax: number = limits.limitStatesMax,
): RouteLimiter {
  const kept = new Map<Subject['kind'], RecentMap<string, LimitState>>();

  function statesOf({ kind }: Subject): RecentMap<string, LimitState> {
    const known = kept.get(kind);
    if (known !== undefined) return known;
    const fresh = new RecentMap<string, LimitState>(statesMax);
    kept.set(kind, fresh);
    return fresh;
  }

  function placeOf(limit: RouteLimit, request: LimitedRequest) {
    const subject = subjectOf(limit.by, request);
    return { key: keyOf(limit, request.route, subject), states: statesOf(subject) };
  }

  return {
    spend(request) {
      const { route } = request;
      if (route.limits.length === 0) return undefined;
      const nowMs = clock.monotonicMs();
      const looked = route.limits.map((limit): Looked => {
        const { key, states } = placeOf(limit, request);
        const look = spendLimit(ruleOf(limit), states.peek(key), { nowMs, cost: limit.cost });
        return { limit, states, key, look };
      });
      const denied = looked.filter(({ look }) => !look.isAllowed);
      // All or none: what the others would have spent is not kept.
      for (const { states, key, look } of looked) {
        if (denied.length === 0) states.set(key, look.state);
        else states.touch(key);
      }
      const spares = denied.length === 0 ? 0 : 1;
      return { refusal: refusalOf(denied), fields: fieldsOf(looked, spares) };
    },
    giveBack(request) {
      for (const limit of request.route.limits) {
        const { key, states } = placeOf(limit, request);
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

/**
 * Routes have names of their own, so that an edit of one keeps what was spent there. But of another
 * kind or window: a state means something else there.
 */
function keyOf(
  { name, kind, windowSeconds }: RouteLimit,
  route: CompiledRoute,
  { id }: Subject,
): string {
  return JSON.stringify([route.name, name, kind, windowSeconds, ...id]);
}

/** Whose requests count together. */
interface Subject {
  readonly kind: RouteLimit['by'];
  readonly id: readonly string[];
}

function subjectOf(by: RouteLimit['by'], { tenant, identity, address }: LimitedRequest): Subject {
  if (by === 'route') return { kind: by, id: [] };
  if (by === 'tenant') return { kind: by, id: [tenant] };
  // Who has a /64 of IPv6 has as many addresses as he likes.
  if (by === 'address' || identity === undefined) return { kind: 'address', id: [lineOf(address)] };
  switch (by) {
    case 'token':
      return { kind: by, id: [tenant, identity.kind, identity.credentialId] };
    case 'client':
      // A key belongs to its owner: there is no client between.
      return { kind: by, id: [tenant, identity.clientId ?? `owner ${identity.subject}`] };
    case 'user':
      return { kind: by, id: [tenant, identity.subject] };
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
