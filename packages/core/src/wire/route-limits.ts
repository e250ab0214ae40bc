/** How much may be asked of a route, by whom it is counted, and what a request costs. */
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import { limitMembers, type NamedLimit, readNamedLimit, readWhole } from './limit-rule.ts';
import { type LimitAdaptive, readAdaptive } from './route-adaptive.ts';
import { type RouteCost, readCostAfter } from './route-cost.ts';
import {
  type Members,
  type RouteRefusal,
  readChoice,
  readObject,
  refuse,
} from './route-refusal.ts';

/** Whose requests count together. A request without a credential counts by its address. */
export const limitSubjects = ['token', 'client', 'user', 'tenant', 'route', 'address'] as const;
type LimitSubject = (typeof limitSubjects)[number];

export interface RouteLimit extends NamedLimit {
  readonly by: LimitSubject;
  /** Absent: the same for everybody, and ever. */
  readonly adaptive?: LimitAdaptive;
}

/** What a route says of its limits, and of those that plans bring. */
export interface RouteLimits {
  /** All of them hold; a request that one denies spends of none. */
  readonly limits: readonly RouteLimit[];
  /** With a store in common: exact across nodes, or a batch too many for each. */
  readonly limitsMode: 'strict' | 'fast';
  /** While that store cannot be asked. `local`: each gateway counts by itself. */
  readonly onLimitsDown: 'open' | 'closed' | 'local';
  /** How many requests one request of the route is, for the limits of plans. */
  readonly cost: number;
  /** How a cost is found that only the response tells; undefined: none is. */
  readonly costAfter: RouteCost | undefined;
}

/** `limits`, `limits_mode`, `on_limits_down`, `cost` and `cost_after`. */
export function readRouteLimits(wire: Members): Result<RouteLimits, RouteRefusal> {
  const read = readLimits(wire['limits']);
  if (!read.ok) return read;
  const mode = readChoice(wire, 'limits_mode', ['fast', 'strict']);
  if (!mode.ok) return mode;
  const down = readChoice(wire, 'on_limits_down', ['local', 'open', 'closed']);
  if (!down.ok) return down;
  const cost = readWhole(wire['cost'] ?? 1, '/cost', limits.limitQuotaMax);
  if (!cost.ok) return cost;
  const costAfter = readCostAfter(wire['cost_after']);
  if (!costAfter.ok) return costAfter;
  const place = read.value.findIndex((limit) => limit.cost === 'after');
  if (place !== -1 && costAfter.value === undefined) {
    return refuse('malformed', `/limits/${place}/cost`, 'the route has no cost_after');
  }
  return ok({
    limits: read.value,
    ...{ limitsMode: mode.value, onLimitsDown: down.value },
    ...{ cost: cost.value, costAfter: costAfter.value },
  });
}

function readLimits(value: unknown): Result<readonly RouteLimit[], RouteRefusal> {
  if (value === undefined) return ok([]);
  if (!Array.isArray(value) || value.length > limits.routeLimitsMax) {
    return refuse('malformed', '/limits', `limits is a list of at most ${limits.routeLimitsMax}`);
  }
  const read: RouteLimit[] = [];
  for (const [place, one] of value.entries()) {
    const limit = readLimit(one, `/limits/${place}`);
    if (!limit.ok) return limit;
    if (read.some(({ name }) => name === limit.value.name)) {
      return refuse('malformed', `/limits/${place}/name`, 'another limit of it has this name');
    }
    read.push(limit.value);
  }
  return ok(read);
}

function readLimit(value: unknown, path: string): Result<RouteLimit, RouteRefusal> {
  const members = readObject(value, path, [...limitMembers, 'by', 'adaptive']);
  if (!members.ok) return members;
  const named = readNamedLimit(members.value, path);
  if (!named.ok) return named;
  const { by = 'token' } = members.value;
  const subject = limitSubjects.find((one) => one === by);
  if (subject === undefined) {
    return refuse('malformed', `${path}/by`, `by is one of ${limitSubjects.join(', ')}`);
  }
  const adaptive = readAdaptive(members.value['adaptive'], `${path}/adaptive`, named.value);
  if (!adaptive.ok) return adaptive;
  const limit = { ...named.value, by: subject };
  return ok(adaptive.value === undefined ? limit : { ...limit, adaptive: adaptive.value });
}
