/**
 * Which routes another program can judge whole. Whatever it cannot goes to a Mintmark gateway
 * behind it, or is refused. What must never happen: a member of a route that nobody thought of
 * here and that passes for judged: what this file does not know by name makes a route not native.
 */
import { isDeepStrictEqual } from 'node:util';
import { parseRoute, type Route } from '@mintmark/core';
import type { NativeView } from './native-view.ts';

/** What a program can do beside tokens, scopes and audiences. */
export interface NativeAbilities {
  /** What one route may count. @returns why a limit cannot be kept, or undefined */
  readonly limitProblem: (limits: Route['limits']) => string | undefined;
  /** Whether it can go on for a while without news. */
  readonly staleness: boolean;
}

/** Why a route is not judged natively, in words for its operator; undefined where it is. */
export function chainReason(
  route: Route,
  { view, abilities }: { readonly view: NativeView; readonly abilities: NativeAbilities },
): string | undefined {
  if (view.hasPolicies) return 'policies have a say';
  const [foreign] = view.foreignTypes;
  if (foreign !== undefined) return `${foreign} may have a say`;
  const unknown = Object.entries(route).find(
    ([name, value]) => !known.has(name) && !isUsual(name, value),
  );
  if (unknown !== undefined) return `it sets ${unknown[0]}`;
  const { match, bounds } = route;
  const condition = Object.entries(match).find(
    ([name, value]) => !knownMatch.has(name) && !isAbsent(value),
  );
  if (condition !== undefined) return `it is chosen by ${condition[0]}`;
  if (!Object.values(bounds).every(isAbsent)) return 'it has bounds of its own';
  if (route.tenant !== undefined && route.tenant !== view.tenant) return 'of another tenant';
  if (route.encodedSlash === 'opaque') return 'encoded slashes are data';
  if (route.onStale.kind === 'continue' && !abilities.staleness) return 'it goes on without news';
  if (route.limits.length > 0 && route.limitsMode === 'strict') {
    return 'its limits are exact across nodes';
  }
  return abilities.limitProblem(route.limits);
}

/** Members that generators read; the others must be absent. */
const known: ReadonlySet<string> = new Set([
  'name',
  'match',
  'upstream',
  'scopes',
  'audience',
  'tenant',
  'credential',
  'preserveHost',
  'stripPrefix',
  'onStale',
  'encodedSlash',
  'identityHeaders',
  'addressRanges',
  // The same once more, compiled.
  'addresses',
  'bounds',
  'limits',
  // A proxy counts for itself, and asks nobody.
  'limitsMode',
  'onLimitsDown',
]);

const knownMatch: ReadonlySet<string> = new Set(['host', 'pathPrefix', 'methods']);

/** What every member is where an operator says nothing of it. */
const usual: Readonly<Record<string, unknown>> = usualRoute();

function usualRoute(): Readonly<Record<string, unknown>> {
  const parsed = parseRoute({ name: 'usual', match: {}, upstream: 'http://localhost' });
  if (!parsed.ok) throw new Error(`the plainest route is refused: ${parsed.refusal.message}`);
  return { ...parsed.value };
}

function isUsual(name: string, value: unknown): boolean {
  return isDeepStrictEqual(value, usual[name]);
}

/** What stands for "not asked for" within a member. */
function isAbsent(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  return Array.isArray(value) ? value.length === 0 : false;
}

/** A place among the requests: one method, one host and everything under one prefix. */
export interface RoutedPlace {
  /** `*`: any other than those that routes can name. */
  readonly method: string;
  /** Undefined: any. */
  readonly host: string | undefined;
  readonly pathPrefix: string;
  /** Undefined: only a gateway can choose here. */
  readonly route: Route | undefined;
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', '*'];

/**
 * The same choice that a gateway makes, as a table in which the longest prefix wins: for one method
 * and host, then for one method and any host.
 *
 * @param isNative whether a route is judged by the other program
 */
export function routedPlaces(
  routes: readonly Route[],
  isNative: (route: Route) => boolean,
): readonly RoutedPlace[] {
  const places = new Map<string, RoutedPlace>();
  for (const route of [...routes].sort(bySpecificity)) {
    const { host, pathPrefix } = route.match;
    for (const method of methods) {
      if (!takes(route, method)) continue;
      const id = JSON.stringify([method, host, pathPrefix]);
      const known = places.get(id);
      const native = isNative(route) ? route : undefined;
      // Of two routes in one place the first takes all, unless something else chooses among them.
      if (known === undefined) places.set(id, { method, host, pathPrefix, route: native });
    }
  }
  return [...places.values()];
}

function takes({ match }: Route, method: string): boolean {
  if (match.methods === undefined) return true;
  // HEAD is GET without the body (RFC 9110 §9.3.2).
  return match.methods.includes(method) || (method === 'HEAD' && match.methods.includes('GET'));
}

/** As the route table sorts those of one prefix: conditions first, which are never native. */
function bySpecificity(a: Route, b: Route): number {
  const conditional = Number(hasConditions(b)) - Number(hasConditions(a));
  if (conditional !== 0) return conditional;
  const named = Number(a.match.methods === undefined) - Number(b.match.methods === undefined);
  return named !== 0 ? named : a.name < b.name ? -1 : 1;
}

function hasConditions({ match }: Route): boolean {
  return Object.entries(match).some(([name, value]) => !knownMatch.has(name) && !isAbsent(value));
}
