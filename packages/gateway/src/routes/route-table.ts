/**
 * Finds the route of a request. The most specific wins: a named host before any host, then the
 * longest path prefix, then named methods before any method. The order of definition never counts.
 */
import {
  createRangeSet,
  err,
  ok,
  parseRoute,
  type RangeSet,
  type Result,
  type Route,
} from '@mintmark/core';
import { normalisePath, type PathRefusalReason } from './path.ts';

export interface CompiledRoute extends Route {
  /** Where clients may be; undefined: anywhere. */
  readonly addresses: RangeSet | undefined;
}

export interface MatchedRoute {
  readonly route: CompiledRoute;
  /** Normalised; what is judged is what is sent on. */
  readonly path: string;
}

export type NoRoute =
  | { readonly reason: 'bad_path'; readonly detail: PathRefusalReason }
  | { readonly reason: 'no_route' }
  | { readonly reason: 'method_not_allowed'; readonly allow: readonly string[] };

export interface RouteTable {
  readonly routes: readonly CompiledRoute[];
  find(request: {
    readonly method: string;
    readonly host: string | undefined;
    readonly path: string;
  }): Result<MatchedRoute, NoRoute>;
}

/**
 * Compiles one route as the feed carries it.
 *
 * @returns undefined where this version cannot read it: such a route takes no requests, which the
 *   caller tells an operator
 */
export function compileRoute(wire: unknown): CompiledRoute | undefined {
  const route = parseRoute(wire);
  if (!route.ok) return undefined;
  const { addressRanges } = route.value;
  if (addressRanges === undefined) return { ...route.value, addresses: undefined };
  const addresses = createRangeSet(addressRanges);
  return addresses.ok ? { ...route.value, addresses: addresses.value } : undefined;
}

export function createRouteTable(routes: readonly CompiledRoute[]): RouteTable {
  const byHost = new Map<string | undefined, CompiledRoute[]>();
  for (const route of routes) {
    const same = byHost.get(route.match.host);
    if (same === undefined) byHost.set(route.match.host, [route]);
    else same.push(route);
  }
  for (const same of byHost.values()) same.sort(bySpecificity);

  /** @param allow is told the methods of routes that took the path but not the method */
  function choose(
    request: { readonly method: string; readonly host: string | undefined },
    path: string,
    allow: Set<string>,
  ): CompiledRoute | undefined {
    const name = request.host === undefined ? undefined : hostName(request.host);
    for (const key of name === undefined ? [undefined] : [name, undefined]) {
      for (const route of byHost.get(key) ?? []) {
        if (!isUnder(path, route.match.pathPrefix)) continue;
        const { methods } = route.match;
        if (methods === undefined || takesMethod(methods, request.method)) return route;
        for (const one of methods) allow.add(one);
      }
    }
    return undefined;
  }

  return {
    routes,
    find(request) {
      const normal = normalisePath(request.path);
      if (!normal.ok) return err({ reason: 'bad_path', detail: normal.refusal.reason });
      const { path, opaqueSlash } = normal.value;
      const allow = new Set<string>();
      const route = choose(request, path, allow);
      if (route === undefined) {
        if (allow.size === 0) return err({ reason: 'no_route' });
        return err({ reason: 'method_not_allowed', allow: [...allow] });
      }
      if (!opaqueSlash) return ok({ route, path });
      // Where the upstream takes the slash for one after all, it must still be this route's path.
      const isData = route.encodedSlash === 'opaque';
      const same = isData && choose(request, withSlashes(path), allow) === route;
      return same ? ok({ route, path }) : err({ reason: 'bad_path', detail: 'encoded_slash' });
    },
  };
}

function withSlashes(path: string): string {
  return path.replaceAll(/%2f/gi, '/').replaceAll(/\/{2,}/g, '/');
}

function bySpecificity(a: CompiledRoute, b: CompiledRoute): number {
  const longer = b.match.pathPrefix.length - a.match.pathPrefix.length;
  if (longer !== 0) return longer;
  const named = Number(a.match.methods === undefined) - Number(b.match.methods === undefined);
  // The name at last, so that two equal routes are told apart the same way on every node.
  return named !== 0 ? named : a.name < b.name ? -1 : 1;
}

/** HEAD is GET without the body (RFC 9110 §9.3.2). */
function takesMethod(methods: readonly string[], method: string): boolean {
  return methods.includes(method) || (method === 'HEAD' && methods.includes('GET'));
}

/** Without port and final dot, as routes name it. */
export function hostName(host: string): string {
  const port = host.lastIndexOf(':');
  const name = port > host.lastIndexOf(']') ? host.slice(0, port) : host;
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** Largest body that the route passes on: its own bound, else the installation's. */
export function bodyBytesMaxOf(
  { bounds }: CompiledRoute,
  { bodyBytesMax }: { readonly bodyBytesMax: number },
): number {
  return bounds.bodyBytesMax ?? bodyBytesMax;
}

/** Whole segments: `/api` holds `/api` and `/api/x`, never `/apix`. */
function isUnder(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return prefix.endsWith('/') || path.length === prefix.length || path[prefix.length] === '/';
}
