/** How a limit follows what its callers usually do. */
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import type { NamedLimit } from './limit-rule.ts';
import { missing, type RouteRefusal, readObject, refuse } from './route-refusal.ts';

const adaptiveModes = ['observe', 'shadow', 'enforce'] as const;
export type AdaptiveMode = (typeof adaptiveModes)[number];

export interface LimitAdaptive {
  /** `observe` learns; `shadow` counts whom it would deny; `enforce` denies. */
  readonly mode: AdaptiveMode;
  /** Units of cost in a window: never less, never more, whatever was learned. */
  readonly floor: number;
  readonly ceiling: number;
  /** By which factor what is above the quota may grow in a week. */
  readonly growthPerWeek: number;
  /** How many times the usual is let through while the answers are good. */
  readonly headroom: number;
}

const names = ['mode', 'floor', 'ceiling', 'growth_per_week', 'headroom'] as const;

/** @returns undefined where the limit is the same for everybody and ever */
export function readAdaptive(
  value: unknown,
  path: string,
  { rule, cost }: Pick<NamedLimit, 'rule' | 'cost'>,
): Result<LimitAdaptive | undefined, RouteRefusal> {
  if (value === undefined) return ok(undefined);
  const members = readObject(value, path, names);
  if (!members.ok) return members;
  const { mode, floor, ceiling, growth_per_week: growth = 2, headroom = 4 } = members.value;
  if (mode === undefined) return missing(`${path}/mode`);
  const known = adaptiveModes.find((one) => one === mode);
  if (known === undefined) {
    return refuse('malformed', `${path}/mode`, `mode is one of ${adaptiveModes.join(', ')}`);
  }
  const { quota } = rule;
  if (rule.kind === 'calendar' || rule.windowMs > limits.adaptiveWindowSecondsMax * 1000) {
    const message = `only windows of at most ${limits.adaptiveWindowSecondsMax} seconds adapt`;
    return refuse('malformed', path, message);
  }
  const least = cost === 'after' ? 1 : cost;
  if (!isWhole(floor) || floor < least || floor > quota) {
    const message = `floor is a whole number from the cost of a request to the quota, ${quota}`;
    return refuse('malformed', `${path}/floor`, message);
  }
  if (!isWhole(ceiling) || ceiling < quota || ceiling > limits.limitQuotaMax) {
    const most = limits.limitQuotaMax;
    const message = `ceiling is a whole number from the quota, ${quota}, to ${most}`;
    return refuse('malformed', `${path}/ceiling`, message);
  }
  if (!isBetween(growth, 1, 10)) {
    return refuse('malformed', `${path}/growth_per_week`, 'growth_per_week is from 1 to 10');
  }
  if (!isBetween(headroom, 1, 20)) {
    return refuse('malformed', `${path}/headroom`, 'headroom is from 1 to 20');
  }
  return ok({ mode: known, floor, ceiling, growthPerWeek: growth, headroom });
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isBetween(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value >= least && value <= most;
}
