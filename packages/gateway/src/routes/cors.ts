/**
 * Pages of other origins (Fetch standard, CORS protocol). A preflight carries no credential, so it
 * is answered here, by the route that the request proper would take. Credentials travel in
 * `Authorization` or `X-Api-Key`, which a page sets by itself: cookies are never allowed, so that
 * no origin, `*` included, can act with what a browser keeps.
 */
import type { HttpResponse, RouteCors } from '@mintmark/core';
import type { StreamReply, StreamRequest } from '@mintmark/net';
import { WrappedReply } from '../forward/wrapped-reply.ts';
import type { CompiledRoute, RouteTable } from './route-table.ts';

/** A preflight to a route that says which origins it serves. */
export interface Preflight {
  /** The most specific that the request proper could take. */
  readonly route: CompiledRoute;
  /** Undefined where the origin is none of the route's. */
  readonly answer: HttpResponse | undefined;
}

/** @returns undefined for every other request */
export function findPreflight(routes: RouteTable, request: StreamRequest): Preflight | undefined {
  if (request.method !== 'OPTIONS') return undefined;
  const origin = request.header('origin');
  const method = request.header('access-control-request-method');
  if (origin === undefined || method === undefined) return undefined;
  const { host, path } = request;
  // A preflight has neither the headers nor the credential that will choose among them.
  const possible = routes.possible({ host, path, method });
  const route = possible[0];
  if (route === undefined || possible.every(({ cors }) => cors === undefined)) return undefined;
  const cors = possible.length === 1 ? route.cors : sharedCors(possible, request);
  const allowed = cors && allowedOrigin(cors, origin);
  const answer =
    allowed === undefined ? undefined : grant({ request, cors: cors!, origin: allowed, method });
  return { route, answer };
}

/**
 * What a page may know before one of several routes is chosen: only where all of them allow it.
 *
 * @returns undefined where one does not
 */
export function sharedCors(
  routes: readonly CompiledRoute[],
  request: Pick<StreamRequest, 'header'>,
): RouteCors | undefined {
  const origin = request.header('origin');
  let shared: RouteCors | undefined;
  for (const { cors } of routes) {
    if (cors === undefined || allowedOrigin(cors, origin) === undefined) return undefined;
    if (shared === undefined || cors.maxAgeSeconds < shared.maxAgeSeconds) shared = cors;
  }
  return shared;
}

const preflightVary = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers';

function grant(input: {
  readonly request: StreamRequest;
  readonly cors: RouteCors;
  readonly origin: string;
  readonly method: string;
}): HttpResponse {
  const { request, cors, origin, method } = input;
  const names = headerNames(request.header('access-control-request-headers'));
  return {
    status: 204,
    headers: {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': method,
      // By name: `*` does not cover Authorization.
      ...(names === undefined ? {} : { 'access-control-allow-headers': names }),
      'access-control-max-age': String(cors.maxAgeSeconds),
      vary: preflightVary,
    },
    body: undefined,
  };
}

function headerNames(asked: string | undefined): string | undefined {
  const names = asked?.split(',').map((name) => name.trim()) ?? [];
  const areNames = names.every((name) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(name));
  return names.length > 0 && areNames ? names.join(', ') : undefined;
}

/** What the answer names: the origin itself, or `*`. */
function allowedOrigin(cors: RouteCors, origin: string | undefined): string | undefined {
  if (cors.origins === '*') return '*';
  return origin !== undefined && cors.origins.includes(origin) ? origin : undefined;
}

/**
 * The reply of a route that says which origins it serves: the upstream's own word on origins and
 * cookies goes, the route's takes its place, refusals included, which a page could not read
 * otherwise.
 */
export class CrossOriginReply extends WrappedReply {
  readonly #fields: readonly string[];

  constructor(reply: StreamReply, cors: RouteCors, origin: string | undefined) {
    super(reply);
    this.#fields = crossOriginFields(cors, origin);
  }

  override respond(answer: HttpResponse): void {
    super.respond(withCrossOrigin(answer, this.#fields));
  }

  override head(status: number, rawHeaders: string[]): void {
    const fields: string[] = [];
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i]!.toLowerCase();
      const isWord = name.startsWith('access-control-') && name !== 'access-control-expose-headers';
      if (!isWord) fields.push(rawHeaders[i]!, rawHeaders[i + 1]!);
    }
    super.head(status, [...fields, ...this.#fields]);
  }
}

/** What a route's answers say of origins: names in lower case and values in turn. */
export function crossOriginFields(cors: RouteCors, origin: string | undefined): readonly string[] {
  const allowed = allowedOrigin(cors, origin);
  return [
    ...(allowed === undefined ? [] : ['access-control-allow-origin', allowed]),
    ...(allowed === undefined ? [] : ['access-control-expose-headers', exposed]),
    // Also where there is none now: a cache must not give this answer to a page of another.
    ...(allowed === '*' ? [] : ['vary', 'Origin']),
  ];
}

/** @param fields of `crossOriginFields` */
export function withCrossOrigin(answer: HttpResponse, fields: readonly string[]): HttpResponse {
  const headers: Record<string, string | readonly string[]> = { ...answer.headers };
  for (let i = 0; i < fields.length; i += 2) {
    const [name, value] = [fields[i]!, fields[i + 1]!];
    headers[name] = name === 'vary' ? [headers['vary'] ?? [], value].flat().join(', ') : value;
  }
  return { ...answer, headers };
}

/** What a page needs to know where to get a token, and when to come again. */
const exposed = 'WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy';
