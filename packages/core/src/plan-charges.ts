/**
 * What a request owes to a plan. Authority and gateways make the same charges of it, under the same
 * keys, so that both count the same thing in whatever store. What is counted belongs to who has
 * the plan, under the name of the limit: it goes on where the plan is edited, or another is given
 * whose limit has that name and window.
 */
import type { KeyedCharge } from './limit-store.ts';
import type { LimitRule } from './limiter.ts';
import type { Plan, PlanHolderKind, PlanLimit, RaisedLimit } from './wire/plan.ts';
import type { RouteCost } from './wire/route-cost.ts';

export interface PlanHolder {
  readonly tenant: string;
  readonly kind: PlanHolderKind;
  /** Of a tenant its own. */
  readonly id: string;
}

/** A charge with the name of its limit. */
export interface PlanCharge extends KeyedCharge {
  readonly name: string;
}

export interface PlannedRequest {
  readonly route: string | undefined;
  readonly api: string | undefined;
  /** Requests that it counts for. */
  readonly cost: number;
  /** How a cost is found that only the response tells; undefined: none is. */
  readonly costAfter: Pick<RouteCost, 'reserve'> | undefined;
}

/** @param of.request undefined: all limits of the plan, at no cost, to be looked at */
export function planCharges(
  plan: Plan,
  of: {
    readonly holder: PlanHolder;
    readonly raised: readonly RaisedLimit[];
    readonly nowMs: number;
    readonly request: PlannedRequest | undefined;
  },
): readonly PlanCharge[] {
  const { holder, raised, nowMs, request } = of;
  return plan.limits.flatMap((limit) => {
    const cost = costOf(limit, request);
    if (cost === undefined) return [];
    return [
      {
        name: limit.name,
        key: chargeKey(limit, holder),
        group: `plan ${holder.kind}`,
        rule: raisedRule(limit, raised, nowMs),
        ...cost,
      },
    ];
  });
}

function costOf(
  { cost, routes, apis }: PlanLimit,
  request: PlannedRequest | undefined,
): Pick<KeyedCharge, 'cost' | 'isReserved'> | undefined {
  if (request === undefined) return { cost: 0, isReserved: false };
  const { route, api, costAfter } = request;
  if (routes !== undefined && (route === undefined || !routes.includes(route))) return undefined;
  if (apis !== undefined && (api === undefined || !apis.includes(api))) return undefined;
  if (cost !== 'after') return { cost: cost * request.cost, isReserved: false };
  return costAfter === undefined ? undefined : { cost: costAfter.reserve, isReserved: true };
}

function chargeKey({ name, rule }: PlanLimit, { tenant, kind, id }: PlanHolder): string {
  return JSON.stringify(['plan', name, ...limitShape(rule), tenant, kind, id]);
}

/** What a count means: of another shape it begins anew. */
export function limitShape(rule: LimitRule): readonly (string | number)[] {
  if (rule.kind !== 'calendar') return [rule.kind, rule.windowMs];
  return [rule.kind, rule.period, rule.offsetMinutes];
}

function raisedRule(
  { name, rule }: PlanLimit,
  raised: readonly RaisedLimit[],
  nowMs: number,
): LimitRule {
  const found = raised.find(({ limit, until }) => limit === name && nowMs < (until ?? Infinity));
  if (found === undefined) return rule;
  const { quota } = found;
  return rule.kind === 'rate'
    ? { ...rule, quota, burst: Math.max(rule.burst, quota) }
    : { ...rule, quota };
}
