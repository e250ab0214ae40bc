/**
 * Judges again what is under way. A stream ends within five seconds of its revocation, or of a
 * change of routes or policies by which it would not have begun. Neighbour: `decide.ts` let it in.
 */
import { limits, nowSeconds } from '@mintmark/core';
import type { CutReason, LiveRequest } from '../forward/live-requests.ts';
import { chooseRoute } from '../routes/choose.ts';
import type { MatchedRoute } from '../routes/route-table.ts';
import type { TenantScope } from '../view/tenant-views.ts';
import { hasPolicies, isStillAllowed } from './access.ts';
import { type DecideParts, defaultAudienceOf } from './decide.ts';
import { hasScopesStill, judgeRoute, judgeStatus } from './judge.ts';
import { isFreshEnough } from './route-of.ts';
import { findThreat } from './threats.ts';

/** Cuts what would not be let in any more. */
export function sweep(parts: DecideParts): void {
  const { tenants, clock, live } = parts;
  const now = nowSeconds(clock);
  const nowMs = clock.monotonicMs();
  const judge = (request: LiveRequest): CutReason | undefined => {
    const { identity, address, stalledSinceMs } = request;
    if (stalledSinceMs !== undefined && nowMs - stalledSinceMs > limits.clientStallMs) {
      return 'client_stalled';
    }
    if (!hasRoute(parts, request)) return 'route_changed';
    const scope = tenants.of(request.route.tenant);
    if (scope === undefined) return 'route_changed';
    if (!isAllowed(parts, request, scope)) return 'policy_changed';
    if (identity === undefined) return undefined;
    const { view } = scope;
    if (!isFreshEnough(view, request.route)) return 'status_stale';
    const refusal = judgeStatus(identity, { view, address, now });
    if (refusal === undefined) return hasScopesStill(request, view) ? undefined : 'revoked';
    const expired = 'detail' in refusal && refusal.detail === 'expired';
    // A download that was begun in time may end; what has no end of its own may not outlive its
    // key.
    if (expired) return request.endless ? 'expired' : undefined;
    return 'revoked';
  };
  live.sweep(judge);
}

/** Whether the policies of now would still let it in; looked at once for each change of them. */
function isAllowed(parts: DecideParts, request: LiveRequest, own: TenantScope): boolean {
  const { home } = parts.tenants;
  const policies = [home.view.policies, own.view.policies];
  const { allowedBy } = request;
  if (allowedBy?.every((list, index) => list === policies[index])) return true;
  // Without a view nothing is known of policies, and nothing new is let in.
  if (home.view.freshness().kind === 'absent') return true;
  const matched = findAgain(parts, request);
  if (matched === undefined) return false;
  const { identity, address } = request;
  const now = nowSeconds(parts.clock);
  const threat = findThreat(parts.threats, matched.route, address);
  const access = {
    ...{ request: request.request, matched, identity, address, now, home, own, threat },
  };
  if (hasPolicies(access) && !isStillAllowed(access)) return false;
  request.allowedBy = policies;
  return true;
}

/** Whether the routes of now would still let it in; looked at once for each table of routes. */
function hasRoute(parts: DecideParts, request: LiveRequest): boolean {
  const { view, tenants } = parts;
  const { routes } = view;
  // Without a view nothing is known of routes, and nothing new is let in.
  if (request.judgedBy === routes || view.freshness().kind === 'absent') return true;
  const matched = findAgain(parts, request);
  if (matched === undefined) return false;
  const { route, path } = matched;
  const scope = tenants.of(route.tenant);
  // A credential was judged as one of its tenant, and says nothing at another.
  const isOther = request.identity !== undefined && tenants.of(request.route.tenant) !== scope;
  if (scope === undefined || isOther) return false;
  const identity = route.credential === 'none' ? undefined : request.identity;
  const { address, beganAt: now } = request;
  const audience = defaultAudienceOf(parts, scope);
  const { method } = request.request;
  const at = { route, address, audience, now, method, path };
  if (judgeRoute(identity, at) !== undefined) return false;
  request.route = route;
  request.judgedBy = routes;
  return true;
}

/** The same choice as when it came, by the routes of now. */
function findAgain(
  { view, tenants }: DecideParts,
  { request, route, identity }: LiveRequest,
): MatchedRoute | undefined {
  const found = view.routes.find(request);
  if (!found.ok) return undefined;
  const home = tenants.home.tenant;
  const scope = tenants.of(route.tenant);
  const by = identity && scope && { identity, ...scope };
  const chosen = chooseRoute(found.value, by, home);
  return chosen && { route: chosen, path: found.value.path };
}
