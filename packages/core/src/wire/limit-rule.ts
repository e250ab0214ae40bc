/**
 * One limit as operators write it, on a route or in a plan: `{name, kind, quota, …}`. Both readers
 * take the same form, so that a limit may move from one to the other.
 */
import type { LimitRule } from '../limiter.ts';
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import { type Members, missing, type RouteRefusal, refuse } from './route-refusal.ts';

export interface NamedLimit {
  /** Of the policy, in `RateLimit-Policy`. */
  readonly name: string;
  readonly rule: LimitRule;
  /** What one request costs. `after`: what the route finds out from the response. */
  readonly cost: number | 'after';
}

export const limitMembers = [
  'name',
  'kind',
  'quota',
  'window_seconds',
  'burst',
  'period',
  'utc_offset',
  'cost',
] as const;

/** @param members of `limitMembers`, read from an object at the path */
export function readNamedLimit(members: Members, path: string): Result<NamedLimit, RouteRefusal> {
  const { name, cost = 1 } = members;
  if (name === undefined) return missing(`${path}/name`);
  if (typeof name !== 'string' || !/^[A-Za-z0-9._-]{1,32}$/.test(name)) {
    const message = 'a name is letters, digits, dot, - and _, at most 32';
    return refuse('malformed', `${path}/name`, message);
  }
  const rule = readRule(members, path);
  if (!rule.ok) return rule;
  if (cost === 'after') return ok({ name, rule: rule.value, cost });
  const room = rule.value.kind === 'rate' ? rule.value.burst : rule.value.quota;
  const units = readWhole(cost, `${path}/cost`, room);
  return units.ok ? ok({ name, rule: rule.value, cost: units.value }) : units;
}

/** What only some kinds have. */
const ofKind: Readonly<Record<LimitRule['kind'], readonly string[]>> = {
  window: ['window_seconds'],
  rate: ['window_seconds', 'burst'],
  calendar: ['period', 'utc_offset'],
};

function readRule(members: Members, path: string): Result<LimitRule, RouteRefusal> {
  const { kind = 'window' } = members;
  if (kind !== 'window' && kind !== 'rate' && kind !== 'calendar') {
    return refuse('malformed', `${path}/kind`, 'kind is window, rate or calendar');
  }
  for (const member of ['window_seconds', 'burst', 'period', 'utc_offset']) {
    if (members[member] === undefined || ofKind[kind].includes(member)) continue;
    return refuse('malformed', `${path}/${member}`, `a ${kind} has no ${member}`);
  }
  const quota = readWhole(members['quota'], `${path}/quota`, limits.limitQuotaMax);
  if (!quota.ok) return quota;
  if (kind === 'calendar') return readCalendar(members, path, quota.value);
  const most = limits.limitWindowSecondsMax;
  const seconds = readWhole(members['window_seconds'], `${path}/window_seconds`, most);
  if (!seconds.ok) return seconds;
  const windowMs = seconds.value * 1000;
  if (kind === 'window') return ok({ kind, quota: quota.value, windowMs });
  const burst = readWhole(members['burst'] ?? quota.value, `${path}/burst`, limits.limitQuotaMax);
  if (!burst.ok) return burst;
  // Beyond it a bucket is no longer exact in a double.
  if (burst.value * windowMs > Number.MAX_SAFE_INTEGER) {
    const message = 'burst times window_seconds is at most 9007199254740';
    return refuse('malformed', `${path}/burst`, message);
  }
  return ok({ kind, quota: quota.value, windowMs, burst: burst.value });
}

function readCalendar(
  members: Members,
  path: string,
  quota: number,
): Result<LimitRule, RouteRefusal> {
  const { period, utc_offset: offset = '+00:00' } = members;
  if (period === undefined) return missing(`${path}/period`);
  if (period !== 'day' && period !== 'month') {
    return refuse('malformed', `${path}/period`, 'period is day or month');
  }
  const offsetMinutes = typeof offset === 'string' ? minutesOf(offset) : undefined;
  if (offsetMinutes === undefined) {
    const message = 'utc_offset is as +05:30 or -08:00, at most 14 hours';
    return refuse('malformed', `${path}/utc_offset`, message);
  }
  return ok({ kind: 'calendar', quota, period, offsetMinutes });
}

/** RFC 3339 §4.2. */
function minutesOf(offset: string): number | undefined {
  const [, sign, hours, minutes] = /^([+-])(\d\d):([0-5]\d)$/.exec(offset) ?? [];
  const total = Number(hours) * 60 + Number(minutes);
  if (sign === undefined || total > 14 * 60) return undefined;
  return sign === '-' ? -total : total;
}

/** @returns a whole number from 1 to the most */
export function readWhole(
  value: unknown,
  path: string,
  most: number,
): Result<number, RouteRefusal> {
  if (value === undefined) return missing(path);
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) {
    return ok(value);
  }
  return refuse('malformed', path, `this is a whole number from 1 to ${most}`);
}
