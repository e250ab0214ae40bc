/** How much may be asked of a route, by whom it is counted, in which windows. */
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import {
  type Members,
  missing,
  type RouteRefusal,
  readChoice,
  readObject,
  refuse,
} from './route-refusal.ts';

/** Whose requests count together. A request without a credential counts by its address. */
export const limitSubjects = ['token', 'client', 'user', 'tenant', 'route', 'address'] as const;
type LimitSubject = (typeof limitSubjects)[number];

export interface RouteLimit {
  /** Of the policy, in `RateLimit-Policy`. */
  readonly name: string;
  readonly by: LimitSubject;
  /** `window`: at most the quota in any window. `rate`: as fast as it comes back, up to `burst`. */
  readonly kind: 'window' | 'rate';
  readonly quota: number;
  readonly windowSeconds: number;
  /** Of a rate; the quota where nothing is said. */
  readonly burst: number;
  /** What one request costs. */
  readonly cost: number;
}

/** How the limits of a route are counted. */
export interface RouteCounting {
  /** With a store in common: exact across nodes, or a batch too many for each. */
  readonly limitsMode: 'strict' | 'fast';
  /** While that store cannot be asked. `local`: each gateway counts by itself. */
  readonly onLimitsDown: 'open' | 'closed' | 'local';
}

const names = ['name', 'by', 'kind', 'quota', 'window_seconds', 'burst', 'cost'] as const;

/** @returns undefined where the route has none */
export function readLimits(value: unknown): Result<readonly RouteLimit[], RouteRefusal> {
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

/** `limits_mode` and `on_limits_down`, which have a default each. */
export function readCounting(wire: Members): Result<RouteCounting, RouteRefusal> {
  const mode = readChoice(wire, 'limits_mode', ['fast', 'strict']);
  if (!mode.ok) return mode;
  const down = readChoice(wire, 'on_limits_down', ['local', 'open', 'closed']);
  if (!down.ok) return down;
  return ok({ limitsMode: mode.value, onLimitsDown: down.value });
}

function readLimit(value: unknown, path: string): Result<RouteLimit, RouteRefusal> {
  const members = readObject(value, path, names);
  if (!members.ok) return members;
  const { name, by = 'token', kind = 'window', ...numbers } = members.value;
  if (name === undefined) return missing(`${path}/name`);
  if (typeof name !== 'string' || !/^[A-Za-z0-9._-]{1,32}$/.test(name)) {
    const rule = 'a name is letters, digits, dot, - and _, at most 32';
    return refuse('malformed', `${path}/name`, rule);
  }
  const subject = limitSubjects.find((one) => one === by);
  if (subject === undefined) {
    return refuse('malformed', `${path}/by`, `by is one of ${limitSubjects.join(', ')}`);
  }
  if (kind !== 'window' && kind !== 'rate') {
    return refuse('malformed', `${path}/kind`, 'kind is window or rate');
  }
  if (kind === 'window' && numbers['burst'] !== undefined) {
    return refuse('malformed', `${path}/burst`, 'only a rate has a burst');
  }
  const quota = readWhole(numbers['quota'], `${path}/quota`, limits.limitQuotaMax);
  if (!quota.ok) return quota;
  const window = readWhole(
    numbers['window_seconds'],
    `${path}/window_seconds`,
    limits.limitWindowSecondsMax,
  );
  if (!window.ok) return window;
  const burst = readWhole(numbers['burst'] ?? quota.value, `${path}/burst`, limits.limitQuotaMax);
  if (!burst.ok) return burst;
  const room = kind === 'rate' ? burst.value : quota.value;
  const cost = readWhole(numbers['cost'] ?? 1, `${path}/cost`, room);
  if (!cost.ok) return cost;
  return ok({
    ...{ name, by: subject, kind, quota: quota.value, windowSeconds: window.value },
    ...{ burst: burst.value, cost: cost.value },
  });
}

function readWhole(value: unknown, path: string, most: number): Result<number, RouteRefusal> {
  if (value === undefined) return missing(path);
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) {
    return ok(value);
  }
  return refuse('malformed', path, `this is a whole number from 1 to ${most}`);
}
