/**
 * Finds the routes that a request may take. The most specific wins: a named host before any host,
 * then the longest path prefix, then named methods before any method, then more conditions before
 * fewer. The order of definition never counts. Where the credential has a say, all routes of the
 * place come back that it may choose among (`choose.ts`).
 */
import {
  canonicalFieldName,
  createRangeSet,
  err,
  type HeaderCondition,
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

/** A place that was found: of its routes one serves, which the credential may have to choose. */
export interface FoundRoutes {
  /**
   * Most specific first. All but the last ask something of the credential, so that where there is
   * but one and it asks nothing, it is the one.
   */
  readonly routes: readonly CompiledRoute[];
  /** Normalised; what is judged is what is sent on. */
  readonly path: string;
}

/** What routes look at of a request. */
export interface RoutedRequest {
  readonly method: string;
  readonly host: string | undefined;
  readonly path: string;
  /** By a name in lower case; of several fields with one name, all of them in one text. */
  header(name: string): string | undefined;
  /** Name and value in turn. */
  readonly rawHeaders: readonly string[];
}

export type NoRoute =
  /** A header by which a route is chosen comes twice, or in a spelling that is read as its own. */
  | { readonly reason: 'ambiguous_header' }
  | { readonly reason: 'bad_path'; readonly detail: PathRefusalReason }
  | { readonly reason: 'no_route' }
  | { readonly reason: 'method_not_allowed'; readonly allow: readonly string[] };

export interface RouteTable {
  readonly routes: readonly CompiledRoute[];
  find(request: RoutedRequest): Result<FoundRoutes, NoRoute>;
  /** Those that could serve the request, whatever its headers and its credential will be. */
  possible(request: Pick<RoutedRequest, 'method' | 'host' | 'path'>): readonly CompiledRoute[];
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
  const byHost = new Map<string | undefined, Placed[]>();
  for (const route of [...routes].sort(bySpecificity)) {
    const same = byHost.get(route.match.host);
    const placed = { route, alone: [route] };
    if (same === undefined) byHost.set(route.match.host, [placed]);
    else same.push(placed);
  }

  /** @param allow is told the methods of routes that took everything but the method */
  function choose(
    request: RoutedRequest,
    path: string,
    allow: Set<string>,
  ): readonly CompiledRoute[] | 'ambiguous' {
    for (const placed of hostsOf(byHost, request.host)) {
      for (const [index, { route, alone }] of placed.entries()) {
        const takes = takesRequest(route, request, path, allow);
        if (takes === 'ambiguous') return takes;
        if (!takes) continue;
        if (route.match.token === undefined) return alone;
        const rest = samePlace(placed, index, (other) => takesRequest(other, request, path, allow));
        return rest ?? 'ambiguous';
      }
    }
    return [];
  }

  return {
    routes,
    find(request) {
      const normal = normalisePath(request.path);
      if (!normal.ok) return err({ reason: 'bad_path', detail: normal.refusal.reason });
      const { path, opaqueSlash } = normal.value;
      const allow = new Set<string>();
      const found = choose(request, path, allow);
      if (found === 'ambiguous') return err({ reason: 'ambiguous_header' });
      if (found.length === 0) {
        if (allow.size === 0) return err({ reason: 'no_route' });
        return err({ reason: 'method_not_allowed', allow: [...allow] });
      }
      if (!opaqueSlash) return ok({ routes: found, path });
      // Where the upstream takes the slash for one after all, it must still be these routes' path.
      const isData = found.every((route) => route.encodedSlash === 'opaque');
      const same = isData && areSame(choose(request, withSlashes(path), allow), found);
      return same
        ? ok({ routes: found, path })
        : err({ reason: 'bad_path', detail: 'encoded_slash' });
    },
    possible(request) {
      const normal = normalisePath(request.path);
      if (!normal.ok) return [];
      const { path } = normal.value;
      const out: CompiledRoute[] = [];
      for (const placed of hostsOf(byHost, request.host)) {
        for (const { route } of placed) {
          const { methods, headers, token } = route.match;
          if (!isUnder(path, route.match.pathPrefix)) continue;
          if (methods !== undefined && !takesMethod(methods, request.method)) continue;
          out.push(route);
          if (headers.length === 0 && token === undefined) return out;
        }
      }
      return out;
    },
  };
}

/** A route as the table keeps it. */
interface Placed {
  readonly route: CompiledRoute;
  /** The list of it alone, made once and not for each request. */
  readonly alone: readonly CompiledRoute[];
}

/** Of the host by its name, then of any. */
function hostsOf(
  byHost: ReadonlyMap<string | undefined, readonly Placed[]>,
  host: string | undefined,
): readonly (readonly Placed[])[] {
  const named = host === undefined ? undefined : byHost.get(hostName(host));
  const any = byHost.get(undefined) ?? [];
  return named === undefined ? [any] : [named, any];
}

/**
 * The routes that share the place of one, as far as the first that asks nothing of a credential.
 * Never those of a shorter prefix: what is less specific was written for another place, and whoever
 * fits nowhere here is refused.
 */
function samePlace(
  placed: readonly Placed[],
  from: number,
  takes: (route: CompiledRoute) => boolean | 'ambiguous',
): readonly CompiledRoute[] | undefined {
  const { pathPrefix } = placed[from]!.route.match;
  const out: CompiledRoute[] = [];
  for (const { route } of placed.slice(from)) {
    if (route.match.pathPrefix !== pathPrefix) break;
    const taken = takes(route);
    if (taken === 'ambiguous') return undefined;
    if (!taken) continue;
    out.push(route);
    if (route.match.token === undefined) break;
  }
  return out;
}

function takesRequest(
  { match }: CompiledRoute,
  request: RoutedRequest,
  path: string,
  allow: Set<string>,
): boolean | 'ambiguous' {
  if (!isUnder(path, match.pathPrefix)) return false;
  if (match.headers.length > 0) {
    const held = takesHeaders(match.headers, request);
    if (held !== true) return held;
  }
  const { methods } = match;
  if (methods === undefined || takesMethod(methods, request.method)) return true;
  for (const one of methods) allow.add(one);
  return false;
}

/**
 * A field that comes twice, or under a name that servers behind may read as the same, could choose
 * one route here and speak to the upstream as if it had chosen another.
 */
function takesHeaders(
  conditions: readonly HeaderCondition[],
  request: RoutedRequest,
): boolean | 'ambiguous' {
  const { rawHeaders } = request;
  const seen = new Map<string, number>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const lower = rawHeaders[i]!.toLowerCase();
    const canonical = canonicalFieldName(lower);
    seen.set(canonical, (seen.get(canonical) ?? 0) + (lower === canonical ? 1 : 2));
  }
  if (conditions.some(({ name }) => (seen.get(name) ?? 0) > 1)) return 'ambiguous';
  return conditions.every(({ name, values }) => {
    const said = seen.has(name) ? request.header(name) : undefined;
    return said !== undefined && (values === undefined || values.includes(said));
  });
}

function areSame(
  found: readonly CompiledRoute[] | 'ambiguous',
  others: readonly CompiledRoute[],
): boolean {
  if (found === 'ambiguous' || found.length !== others.length) return false;
  return others.every((route, index) => found[index] === route);
}

function withSlashes(path: string): string {
  return path.replaceAll(/%2f/gi, '/').replaceAll(/\/{2,}/g, '/');
}

function bySpecificity(a: CompiledRoute, b: CompiledRoute): number {
  const longer = b.match.pathPrefix.length - a.match.pathPrefix.length;
  if (longer !== 0) return longer;
  // Prefixes of one length are parted by their text, so that each place stands together.
  if (a.match.pathPrefix !== b.match.pathPrefix) {
    return a.match.pathPrefix < b.match.pathPrefix ? -1 : 1;
  }
  const named = Number(a.match.methods === undefined) - Number(b.match.methods === undefined);
  if (named !== 0) return named;
  const headers = b.match.headers.length - a.match.headers.length;
  if (headers !== 0) return headers;
  const asked = conditionsOf(b) - conditionsOf(a);
  // The name at last, so that two equal routes are told apart the same way on every node.
  return asked !== 0 ? asked : a.name < b.name ? -1 : 1;
}

/** How much a route asks of the credential that is to choose it. */
function conditionsOf({ match: { token } }: CompiledRoute): number {
  if (token === undefined) return 0;
  const { tenant, scopes, clients, plans, claims } = token;
  const single = [tenant, clients, plans].filter((one) => one !== undefined);
  return single.length + scopes.length + claims.length;
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
