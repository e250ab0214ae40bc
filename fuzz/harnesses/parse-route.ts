import { createRangeSet, parseJson, parseRoute } from '@mintmark/core';
import { normalisePath } from '../../packages/gateway/src/routes/path.ts';
import { type Harness, invariant, utf8Text } from '../harness.ts';

const full = {
  name: 'api',
  match: { host: 'a.test', path_prefix: '/a/b', methods: ['GET'] },
  upstream: 'http://127.0.0.1:9000/base',
  scopes: ['read'],
  audience: 'https://a.test',
  credential: 'optional',
  accept_basic: true,
  preserve_host: false,
  strip_prefix: true,
  on_stale: { continue_seconds: 5 },
  encoded_slash: 'opaque',
  identity_headers: false,
  address_ranges: ['10.0.0.0/8'],
};

const changing = {
  name: 'changing',
  match: { headers: { 'x-a': ['1', '2'] }, token: { plan: 'gold', claims: { b: true } } },
  upstream: 'http://127.0.0.1:9000',
  api: 'c',
  request_headers: { set: { 'x-user': '{subject} {claims.d}' }, remove: ['cookie'] },
  rewrite_path: [{ from: '/e/{f}/{g...}', to: '/{f}/{g...}' }],
  internal_token: { claims: ['h'], ttl_seconds: 5 },
  validate: 'observe',
  mask: { rules: [{ path: '/i/*/**/j', action: 'last4', unless_scope: 'k' }] },
  injection: { mode: 'enforce', exempt: [{ in: 'json', name: '/l' }] },
};

export const parseRouteHarness: Harness = {
  name: 'parse-route',
  seeds: [
    JSON.stringify(full),
    JSON.stringify({ name: 'a', match: {}, upstream: 'https://[::1]' }),
    JSON.stringify({ ...full, limits: [] }),
    JSON.stringify({ ...full, on_stale: 'refuse' }),
    JSON.stringify(changing),
  ],
  dictionary: [
    ...Object.keys({ ...full, ...changing }).map((key) => `"${key}":`),
    ...['"host":', '"path_prefix":', '"methods":', '"GET"', '"none"', 'true', 'null', '{}', '[]'],
    ...['http://', '@', '..', '//', '%2f', ';', '?', '#', '\\\\'],
  ],
  run(input) {
    const value = parseJson(utf8Text(input));
    if (!value.ok) return value.refusal.reason;
    const route = parseRoute(value.value);
    if (!route.ok) {
      const { reason, path } = route.refusal;
      return reason === 'unknown_key' ? reason : `${reason} ${path.replace(/[0-9]+$/, 'n')}`;
    }
    const { match, upstream, addressRanges } = route.value;
    const prefix = normalisePath(match.pathPrefix);
    invariant(prefix.ok && prefix.value.path === match.pathPrefix, 'a prefix that nothing matches');
    const url = new URL(upstream.origin + upstream.basePath);
    invariant(url.username === '' && url.search === '' && url.hash === '', 'more than an upstream');
    invariant(url.origin === upstream.origin, 'another upstream than the one that was read');
    invariant(createRangeSet(addressRanges ?? []).ok, 'addresses that no gateway can read');
    return `route, ${route.value.credential}`;
  },
};
