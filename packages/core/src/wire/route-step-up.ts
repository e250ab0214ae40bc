/** How its caller must have signed in for a route (RFC 9470). */
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import { type AcrValue, acrValues, isAcrValue } from './acr.ts';
import { type Members, type RouteRefusal, refuse } from './route-refusal.ts';

export interface RouteStepUp {
  /** Any of them will do, and what is stronger than it; undefined: any at all. */
  readonly acrValues: readonly AcrValue[] | undefined;
  /** How long ago the sign-in may be; undefined: as long as the token lives. */
  readonly maxAgeSeconds: number | undefined;
}

/** @returns undefined where the route demands nothing of the kind */
export function readStepUp(wire: Members): Result<RouteStepUp | undefined, RouteRefusal> {
  const { acr_values: classes, max_age: maxAge } = wire;
  if (classes === undefined && maxAge === undefined) return ok(undefined);
  if (wire['credential'] !== undefined && wire['credential'] !== 'required') {
    const path = classes === undefined ? '/max_age' : '/acr_values';
    return refuse('malformed', path, 'only a route that requires a credential can demand this');
  }
  if (classes !== undefined && (!Array.isArray(classes) || classes.length === 0)) {
    return refuse('malformed', '/acr_values', 'acr_values is a list that is not empty');
  }
  const named: readonly unknown[] | undefined = classes;
  const wrong = named?.findIndex((one) => !isAcrValue(one)) ?? -1;
  if (wrong !== -1) {
    // What the authority cannot give would be asked for again and again.
    const message = `an acr value is one of ${acrValues.join(', ')}`;
    return refuse('malformed', `/acr_values/${wrong}`, message);
  }
  const most = limits.stepUpMaxAgeSecondsMax;
  const fits = Number.isInteger(maxAge) && (maxAge as number) >= 1 && (maxAge as number) <= most;
  if (maxAge !== undefined && !fits) {
    return refuse('malformed', '/max_age', `max_age is a whole number from 1 to ${most}`);
  }
  return ok({
    acrValues: named && [...new Set(named as readonly AcrValue[])],
    maxAgeSeconds: maxAge as number | undefined,
  });
}
