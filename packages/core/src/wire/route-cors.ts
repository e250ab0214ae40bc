/** Which pages of other origins may call a route from a browser (Fetch standard, CORS protocol). */
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import { type RouteRefusal, readObject, refuse } from './route-refusal.ts';

export interface RouteCors {
  /** As browsers write them; `*`: every page. An empty list: none, whatever the upstream says. */
  readonly origins: readonly string[] | '*';
  /** How long a browser may remember what a preflight was answered. */
  readonly maxAgeSeconds: number;
}

/** Scheme, host and port as a browser serialises them: no default port, no path, lower case. */
const originForm = /^[a-z][a-z0-9+.-]*:\/\/(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?$/;

/**
 * @returns undefined where the route says nothing: preflights are then judged like any request, and
 *   the upstream speaks for itself
 */
export function readCors(value: unknown): Result<RouteCors | undefined, RouteRefusal> {
  if (value === undefined) return ok(undefined);
  const members = readObject(value, '/cors', ['origins', 'max_age_seconds']);
  if (!members.ok) return members;
  const { origins, max_age_seconds: maxAgeSeconds = limits.corsMaxAgeSecondsDefault } =
    members.value;
  const most = limits.corsMaxAgeSecondsMax;
  if (!isWhole(maxAgeSeconds) || maxAgeSeconds > most) {
    const message = `max_age_seconds is a whole number from 0 to ${most}`;
    return refuse('malformed', '/cors/max_age_seconds', message);
  }
  if (!Array.isArray(origins) || origins.length > limits.corsOriginsMax) {
    const message = `origins is a list of at most ${limits.corsOriginsMax}`;
    return refuse('malformed', '/cors/origins', message);
  }
  if (origins.length === 1 && origins[0] === '*') return ok({ origins: '*', maxAgeSeconds });
  const wrong = origins.findIndex((origin) => !isOrigin(origin));
  if (wrong !== -1) {
    const message =
      'an origin is scheme://host or scheme://host:port in lower case; * stands alone';
    return refuse('malformed', `/cors/origins/${wrong}`, message);
  }
  return ok({ origins: origins as readonly string[], maxAgeSeconds });
}

function isWhole(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

function isOrigin(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > 300 || !originForm.test(value)) return false;
  // A browser leaves the scheme's own port out, so that such an entry would never match.
  return !/^http:.*:80$|^https:.*:443$/.test(value);
}
