/** What becomes of requests from addresses that lists of others name. */
import { ok, type Result } from '../result.ts';
import { type RouteRefusal, readObject, refuse } from './route-refusal.ts';

const threatActions = ['observe', 'limit', 'refuse'] as const;
export type ThreatAction = (typeof threatActions)[number];

export interface RouteThreats {
  /** `observe` counts them; `limit` leaves them a part of each limit; `refuse` answers 403. */
  readonly action: ThreatAction;
  /** The part of a limit that is left, where they are limited. */
  readonly factor: number;
  /** Whose lists count here; undefined: all that there are. */
  readonly feeds: readonly string[] | undefined;
}

const feedsMax = 50;

/** @returns undefined where the route does not ask any list */
export function readThreats(value: unknown): Result<RouteThreats | undefined, RouteRefusal> {
  if (value === undefined) return ok(undefined);
  const wire = typeof value === 'string' ? { action: value } : value;
  const members = readObject(wire, '/threats', ['action', 'factor', 'feeds']);
  if (!members.ok) return members;
  const { action, factor, feeds } = members.value;
  const known = threatActions.find((one) => one === action);
  if (known === undefined) {
    return refuse('malformed', '/threats', `threats is one of ${threatActions.join(', ')}`);
  }
  if ((known === 'limit') !== (factor !== undefined)) {
    const message = 'threats that limit, and no others, have a factor';
    return refuse('malformed', '/threats/factor', message);
  }
  if (factor !== undefined && !(typeof factor === 'number' && factor > 0 && factor < 1)) {
    return refuse('malformed', '/threats/factor', 'a factor is more than 0 and less than 1');
  }
  const named = readFeeds(feeds);
  return named.ok
    ? ok({ action: known, factor: (factor as number | undefined) ?? 1, feeds: named.value })
    : named;
}

function readFeeds(value: unknown): Result<readonly string[] | undefined, RouteRefusal> {
  if (value === undefined) return ok(undefined);
  const isName = (one: unknown) =>
    typeof one === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(one);
  if (!Array.isArray(value) || value.length === 0 || value.length > feedsMax) {
    return refuse('malformed', '/threats/feeds', `feeds is a list of 1 to ${feedsMax} names`);
  }
  if (!value.every(isName)) {
    return refuse('malformed', '/threats/feeds', 'feeds are named as threat feeds are');
  }
  return ok(value as readonly string[]);
}
