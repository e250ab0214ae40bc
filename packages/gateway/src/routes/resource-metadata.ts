/**
 * Protected resource metadata (RFC 9728): how a client that was refused, and knows nothing but the
 * URL, finds whom to ask for a token and with which scopes. A resource is the host and path prefix
 * of routes that ask for a credential.
 */
import type { HttpResponse } from '@mintmark/core';
import type { StreamRequest } from '@mintmark/net';
import { problem } from '../refusal.ts';
import { type CompiledRoute, hostName, type RouteTable } from './route-table.ts';

const wellKnown = '/.well-known/oauth-protected-resource';

/** For challenges (§5.1). @returns undefined where no metadata is served */
export function resourceMetadataUrl(
  request: Pick<StreamRequest, 'host' | 'scheme'>,
  route: Pick<CompiledRoute, 'credential' | 'match'> | undefined,
): string | undefined {
  if (route === undefined || route.credential === 'none') return undefined;
  const { scheme, host } = request;
  return host === undefined
    ? undefined
    : `${scheme}://${host}${wellKnown}${suffixOf(route.match.pathPrefix)}`;
}

/** The slash behind the host goes before the path is put in (§3.1). */
function suffixOf(pathPrefix: string): string {
  return pathPrefix === '/' ? '' : pathPrefix;
}

type MetadataRequest = Pick<StreamRequest, 'path' | 'host' | 'scheme' | 'method' | 'header'>;

/**
 * Answers a request for metadata.
 *
 * @returns undefined where the path asks for none, or no route stands behind what it names: the
 *   request is then judged like any other
 */
export function answerResourceMetadata(
  request: MetadataRequest,
  known: {
    readonly routes: RouteTable;
    /** Of the tenant whose tokens the route takes. */
    readonly issuerOf: (route: CompiledRoute) => string;
  },
): HttpResponse | undefined {
  const { path, host, scheme, method } = request;
  if (!path.startsWith(wellKnown) || host === undefined) return undefined;
  const suffix = path.slice(wellKnown.length);
  const prefix = suffix === '' ? '/' : suffix;
  const name = hostName(host);
  const served = known.routes.routes.filter(({ match, credential }) => {
    const isHere = match.host === undefined || match.host === name;
    return isHere && match.pathPrefix === prefix && credential !== 'none';
  });
  if (served.length === 0) return undefined;
  if (method === 'OPTIONS') return { status: 204, headers: anyPage(request), body: undefined };
  if (method !== 'GET' && method !== 'HEAD') {
    return problem(405, 'method_not_allowed', { allow: 'GET, HEAD, OPTIONS' });
  }
  const scopes = [...new Set(served.flatMap((route) => route.scopes))].sort();
  const metadata = {
    // §3.3: the URL that the client derived this address from.
    resource: `${scheme}://${host}${suffixOf(prefix)}`,
    authorization_servers: [...new Set(served.map(known.issuerOf))],
    bearer_methods_supported: ['header'],
    ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
  };
  return {
    status: 200,
    headers: {
      ...anyPage(request),
      'content-type': 'application/json',
      // Routes change within a second; a client that is late by minutes asks for scopes in vain.
      'cache-control': 'public, max-age=60',
    },
    body: JSON.stringify(metadata),
  };
}

/** It is as public as the challenge that leads to it. */
function anyPage(request: MetadataRequest): Record<string, string> {
  const asked = request.method === 'OPTIONS' && request.header('access-control-request-method');
  return {
    'access-control-allow-origin': '*',
    ...(asked ? { 'access-control-allow-methods': 'GET, HEAD' } : {}),
    ...(asked ? { 'access-control-allow-headers': '*' } : {}),
  };
}
