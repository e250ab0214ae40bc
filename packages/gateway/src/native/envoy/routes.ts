/**
 * Routes as Envoy chooses them: the first that fits, so they stand in the order in which a gateway
 * prefers them. Each that Envoy judges stands twice: with the verdict of the judge it leads to the
 * upstream, without to the gateway, under the name by which the judge knows what it demands.
 */
import type { Route } from '@mintmark/core';
import type { NativeView } from '../native-view.ts';
import { socketAddress } from './bootstrap.ts';
import { limitConfig } from './limits.ts';
import { type EnvoySettings, routeId, verdictHeader } from './settings.ts';

const gateway = 'gateway';

export function routeConfig(view: NativeView, isNative: (route: Route) => boolean): object {
  const sorted = [...view.routes].sort(bySpecificity);
  const hosts = [...new Set(sorted.flatMap(({ match }) => match.host ?? []))].sort();
  const generic = sorted.filter(({ match }) => match.host === undefined);
  const entriesOf = (routes: readonly Route[]): readonly object[] => [
    ...routes.flatMap((route) => entries(route, isNative(route))),
    // What no route takes the gateway refuses in its own words.
    { match: { prefix: '/' }, route: { cluster: gateway, timeout: '0s' } },
  ];
  const hosted = hosts.map((host) => {
    const own = sorted.filter(({ match }) => match.host === host);
    return {
      name: host,
      domains: [host, `${host}:*`],
      routes: entriesOf([...own, ...generic]),
    };
  });
  return {
    '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
    name: 'mintmark',
    request_headers_to_remove: [verdictHeader],
    virtual_hosts: [...hosted, { name: 'any', domains: ['*'], routes: entriesOf(generic) }],
  };
}

/** As the route table of a gateway: longest prefix, conditions, named methods, name. */
function bySpecificity(a: Route, b: Route): number {
  return (
    b.match.pathPrefix.length - a.match.pathPrefix.length ||
    Number(isConditional(b)) - Number(isConditional(a)) ||
    Number(a.match.methods === undefined) - Number(b.match.methods === undefined) ||
    (a.name < b.name ? -1 : 1)
  );
}

function isConditional({ match }: Route): boolean {
  return match.headers.length > 0 || match.token !== undefined;
}

function entries(route: Route, isNative: boolean): readonly object[] {
  const match = matchOf(route);
  const elsewhere = { match, route: { cluster: gateway, timeout: '0s' } };
  if (!isNative) return [elsewhere];
  const judged = { name: verdictHeader, string_match: { exact: routeId(route) } };
  const vary = { header: { key: 'vary', value: 'Authorization, X-Api-Key' } };
  const added = route.credential === 'none' ? {} : { response_headers_to_add: [vary] };
  const passes = forwards(route).map(({ path, action }) => ({
    match: { ...match, ...path, headers: [...match.headers, judged] },
    route: action,
    typed_per_filter_config: limitConfig(route),
    ...added,
  }));
  return [...passes, { name: routeId(route), ...elsewhere }];
}

interface Match {
  readonly headers: readonly object[];
}

function matchOf({ match }: Route): Match {
  const { pathPrefix: prefix, methods } = match;
  const path = prefix.endsWith('/') ? { prefix } : { path_separated_prefix: prefix };
  if (methods === undefined) return { ...path, headers: [] };
  // HEAD is GET without the body (RFC 9110 §9.3.2).
  const all = methods.includes('GET') ? [...new Set([...methods, 'HEAD'])] : methods;
  const regex = { safe_regex: { regex: `^(?:${all.join('|')})$` } };
  return { ...path, headers: [{ name: ':method', string_match: regex }] };
}

/** One way, or two: a prefix that is taken away may leave nothing, and that is `/`. */
function forwards(route: Route): readonly { readonly path: object; readonly action: object }[] {
  const { match, upstream, stripPrefix, preserveHost } = route;
  const { basePath, origin } = upstream;
  const prefix = match.pathPrefix.replace(/\/$/, '');
  const host = preserveHost ? {} : { host_rewrite_literal: new URL(origin).host };
  // Downloads may last; what has no end of its own is not judged here.
  const action = { cluster: clusterOf(origin), timeout: '0s', idle_timeout: '300s', ...host };
  if (!stripPrefix || prefix === '') {
    const to = basePath === '' ? {} : { prefix_rewrite: `${basePath}${match.pathPrefix}` };
    return [{ path: {}, action: { ...action, ...to } }];
  }
  const slash = { prefix_rewrite: `${basePath}/` };
  return [
    { path: noPrefix({ path: prefix }), action: { ...action, ...slash } },
    { path: noPrefix({ prefix: `${prefix}/` }), action: { ...action, ...slash } },
  ];
}

/** In place of the prefix that the route itself names. */
function noPrefix(path: object): object {
  return { prefix: undefined, path_separated_prefix: undefined, ...path };
}

function clusterOf(origin: string): string {
  return `to ${origin}`;
}

export function clusterConfigs(
  routes: readonly Route[],
  settings: EnvoySettings,
): readonly object[] {
  const origins = [...new Set(routes.map(({ upstream }) => upstream.origin))].sort();
  return [
    cluster(gateway, { ...settings.chain, tls: undefined }),
    ...origins.map((origin) => {
      const { protocol, hostname, port } = new URL(origin);
      const isTls = protocol === 'https:';
      const host = hostname.replace(/^\[|\]$/g, '');
      const at = { host, port: port === '' ? (isTls ? 443 : 80) : Number(port) };
      return cluster(clusterOf(origin), { ...at, tls: isTls ? tlsTo(host, settings) : undefined });
    }),
  ];
}

function cluster(
  name: string,
  to: { readonly host: string; readonly port: number; readonly tls: object | undefined },
): object {
  const endpoint = { endpoint: { address: socketAddress(to) } };
  const isAddress = /^[0-9.]+$|:/.test(to.host);
  return {
    '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    name,
    type: isAddress ? 'STATIC' : 'STRICT_DNS',
    connect_timeout: '5s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint] }] },
    circuit_breakers: { thresholds: [{ max_connections: 1024, max_requests: 4096 }] },
    ...(to.tls === undefined ? {} : { transport_socket: to.tls }),
  };
}

function tlsTo(host: string, { upstreamAuthorities }: EnvoySettings): object {
  const named = { san_type: 'DNS', matcher: { exact: host } };
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      sni: host,
      common_tls_context: {
        validation_context: {
          trusted_ca: { filename: upstreamAuthorities },
          match_typed_subject_alt_names: [named],
        },
      },
    },
  };
}
