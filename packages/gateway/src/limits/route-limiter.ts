/**
 * What a request owes to the limits of its route and to plans, spent after everything else was
 * judged. Who has a credential is counted by it, or by what it belongs to; who has none, by its
 * address. Neighbour: `spender.ts` spends it.
 */
import {
  type Clock,
  type LimitRule,
  limitShape,
  limits,
  lineOf,
  planCharges,
  type RouteLimit,
  type TenantId,
} from '@mintmark/core';
import type { Threat } from '../decide/threats.ts';
import type { CompiledRoute } from '../routes/route-table.ts';
import type { Identity } from '../verify/identity.ts';
import type { PlanBook } from '../view/plan-book.ts';
import type { AdaptiveCaller, AdaptiveLimits, AdaptiveLook } from './adaptive-limits.ts';
import type { Limited, NamedCharge, Spender, Spent } from './spender.ts';

export interface LimitedRequest {
  readonly route: CompiledRoute;
  readonly tenant: TenantId;
  readonly identity: Identity | undefined;
  readonly address: string;
  /** What a list says of the address. */
  readonly threat?: Threat | undefined;
  /** Of the tenant. */
  readonly plans: Pick<PlanBook, 'planOf'> | undefined;
}

export interface RouteLimiter {
  /** @returns undefined where nothing limits it; no promise where it is counted in this process */
  spend(request: LimitedRequest): Promise<Spent> | Spent | undefined;
  /** Tells how the upstream answered, where limits adapt to that. */
  answered(request: Asker, status: number): void;
}

/** By which clock plans end, and whose routes are counted: others may count at the same store. */
export interface Counting extends Pick<Clock, 'nowMs'> {
  readonly home: TenantId;
}

/** Who asks, and for what. */
type Asker = Pick<LimitedRequest, 'route' | 'tenant' | 'identity' | 'address'>;

/** @param adaptive undefined: every limit is what its route says */
export function createRouteLimiter(
  spender: Spender,
  counting: Counting,
  adaptive?: AdaptiveLimits,
): RouteLimiter {
  return {
    spend(request) {
      const looks = adaptive && looksOf(adaptive, request);
      const limited = limitedOf(request, counting, looks);
      if (limited.charges.length === 0) return undefined;
      const spent = spender.spend(limited);
      if (adaptive === undefined || looks === undefined) return spent;
      if (!(spent instanceof Promise)) return noted(adaptive, looks, spent);
      return spent.then((one) => noted(adaptive, looks, one));
    },
    answered(request, status) {
      for (const limit of request.route.limits) {
        const caller = callerOf(limit, request);
        if (caller !== undefined) adaptive?.answered(caller, status);
      }
    },
  };
}

/** In the order of the route's limits; undefined where none of them adapts. */
type Looks = readonly (AdaptiveLook | undefined)[];

function looksOf(adaptive: AdaptiveLimits, request: LimitedRequest): Looks | undefined {
  const { limits } = request.route;
  if (limits.every((limit) => limit.adaptive === undefined)) return undefined;
  return limits.map((limit) => {
    const caller = callerOf(limit, request);
    return caller && adaptive.look(caller, request.threat);
  });
}

function noted(adaptive: AdaptiveLimits, looks: Looks, spent: Spent): Spent {
  for (const [place, look] of looks.entries()) {
    if (look === undefined) continue;
    const isDenied = spent.looks[place]?.isAllowed === false;
    const denied = isDenied ? 'denied_by_this' : 'denied_by_other';
    adaptive.note(look, spent.refusal === undefined ? 'let_through' : denied);
  }
  return spent;
}

/** Of a limit that adapts: whose hours it learns. */
function callerOf(limit: RouteLimit, request: Asker): AdaptiveCaller | undefined {
  const { adaptive, name, rule } = limit;
  if (adaptive === undefined) return undefined;
  const { kind, id } = subjectOf(limit.by, request);
  const caller = JSON.stringify([kind, ...id]);
  if (caller.length > limits.adaptiveCallerCharsMax) return undefined;
  const { cost } = costOf(limit, request.route);
  return { adaptive, rule, cost, route: request.route.name, limit: name, caller };
}

/** What a request owes to its route, and to the plan of whoever sends it. */
export function limitedOf(request: LimitedRequest, counting: Counting, looks?: Looks): Limited {
  const { route } = request;
  const { home } = counting;
  const own = route.limits.map((limit, place) => {
    return chargeOf(limit, { request, home, look: looks?.[place] });
  });
  const planned = plannedCharges(request, counting);
  const charges = planned === undefined ? own : [...own, ...planned];
  return { charges, mode: route.limitsMode, onDown: route.onLimitsDown };
}

function plannedCharges(
  { route, tenant, identity, plans }: LimitedRequest,
  counting: Counting,
): readonly NamedCharge[] | undefined {
  const found = plans?.planOf(identity, tenant);
  if (found === undefined) return undefined;
  const { name, api, cost, costAfter } = route;
  const request = { route: name, api, cost, costAfter };
  const { plan, holder, raised } = found;
  return planCharges(plan, { holder, raised, nowMs: counting.nowMs(), request });
}

function chargeOf(
  limit: RouteLimit,
  of: {
    readonly request: LimitedRequest;
    readonly home: TenantId;
    readonly look: AdaptiveLook | undefined;
  },
): NamedCharge {
  const { request, home, look } = of;
  const subject = subjectOf(limit.by, request);
  const cost = costOf(limit, request.route);
  // An enforced ceiling knows of the threat already.
  const isEnforced = look?.of.adaptive.mode === 'enforce';
  return {
    name: limit.name,
    key: `${home} ${keyOf(limit, request, subject)}`,
    group: subject.kind,
    rule: isEnforced ? look.rule : lessened(limit.rule, cost.cost, request.threat),
    ...cost,
  };
}

/** Where only the response tells, what the route holds until then. */
function costOf({ cost }: RouteLimit, { costAfter }: CompiledRoute) {
  if (cost !== 'after') return { cost, isReserved: false };
  return { cost: costAfter?.reserve ?? 0, isReserved: true };
}

/** What is left of it to a listed address: at least one request at a time. */
function lessened(rule: LimitRule, cost: number, threat: Threat | undefined): LimitRule {
  if (threat?.action !== 'limit') return rule;
  const part = (units: number) => Math.max(cost, Math.floor(units * threat.factor));
  const quota = part(rule.quota);
  return rule.kind === 'rate' ? { ...rule, quota, burst: part(rule.burst) } : { ...rule, quota };
}

/**
 * Routes have names of their own, so that an edit of one keeps what was spent there. But of another
 * kind or window: a state means something else there.
 */
function keyOf({ name, rule }: RouteLimit, { route }: LimitedRequest, { id }: Subject): string {
  return JSON.stringify([route.name, name, ...limitShape(rule), ...id]);
}

/** Whose requests count together. */
interface Subject {
  readonly kind: RouteLimit['by'];
  readonly id: readonly string[];
}

function subjectOf(by: RouteLimit['by'], { tenant, identity, address }: Asker): Subject {
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
