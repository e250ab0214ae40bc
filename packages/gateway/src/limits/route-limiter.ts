/**
 * What a request owes to the limits of its route and to plans, spent after everything else was
 * judged. Who has a credential is counted by it, or by what it belongs to; who has none, by its
 * address. Neighbour: `spender.ts` spends it.
 */
import {
  type Clock,
  type LimitRule,
  limitShape,
  lineOf,
  planCharges,
  type RouteLimit,
  type TenantId,
} from '@mintmark/core';
import type { Threat } from '../decide/threats.ts';
import type { CompiledRoute } from '../routes/route-table.ts';
import type { Identity } from '../verify/identity.ts';
import type { PlanBook } from '../view/plan-book.ts';
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
}

export function createRouteLimiter(spender: Spender, clock: Pick<Clock, 'nowMs'>): RouteLimiter {
  return {
    spend(request) {
      const limited = limitedOf(request, clock);
      return limited.charges.length === 0 ? undefined : spender.spend(limited);
    },
  };
}

/** What a request owes to its route, and to the plan of whoever sends it. */
export function limitedOf(request: LimitedRequest, clock: Pick<Clock, 'nowMs'>): Limited {
  const { route } = request;
  const own = route.limits.map((limit) => chargeOf(limit, request));
  const planned = plannedCharges(request, clock);
  const charges = planned === undefined ? own : [...own, ...planned];
  return { charges, mode: route.limitsMode, onDown: route.onLimitsDown };
}

function plannedCharges(
  { route, tenant, identity, plans }: LimitedRequest,
  clock: Pick<Clock, 'nowMs'>,
): readonly NamedCharge[] | undefined {
  const found = plans?.planOf(identity, tenant);
  if (found === undefined) return undefined;
  const { name, api, cost, costAfter } = route;
  const request = { route: name, api, cost, costAfter };
  const { plan, holder, raised } = found;
  return planCharges(plan, { holder, raised, nowMs: clock.nowMs(), request });
}

function chargeOf(limit: RouteLimit, request: LimitedRequest): NamedCharge {
  const subject = subjectOf(limit.by, request);
  const cost = costOf(limit, request.route);
  return {
    name: limit.name,
    key: keyOf(limit, request, subject),
    group: subject.kind,
    rule: lessened(limit.rule, cost.cost, request.threat),
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
