import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRoute } from './route.ts';

const small = { name: 'api', match: {}, upstream: 'http://127.0.0.1:9000' };

function refusalOf(change: Record<string, unknown>): unknown {
  const parsed = parseRoute({ ...small, ...change });
  return parsed.ok ? 'accepted' : parsed.refusal;
}

const plainPlan = {
  ...{ protocol: 'http1', servers: [], health: undefined, circuit: undefined },
  ...{ retries: undefined, timeoutSeconds: undefined, tls: undefined },
};

describe('parseRoute', () => {
  it('fills in the careful defaults', () => {
    expect(parseRoute(small)).toEqual({
      ok: true,
      value: {
        name: 'api',
        match: { host: undefined, pathPrefix: '/', methods: undefined, headers: [] },
        upstream: { origin: 'http://127.0.0.1:9000', basePath: '' },
        plan: plainPlan,
        clientCertificate: 'optional',
        scopes: [],
        audience: undefined,
        api: undefined,
        stepUp: undefined,
        credential: 'required',
        acceptBasic: false,
        preserveHost: true,
        stripPrefix: false,
        onStale: { kind: 'refuse' },
        priority: 'normal',
        audit: 'counted',
        encodedSlash: 'refuse',
        identityHeaders: true,
        addressRanges: undefined,
        bounds: {
          headersTimeoutSeconds: undefined,
          idleTimeoutSeconds: undefined,
          bodyBytesMax: undefined,
        },
        cors: undefined,
        limits: [],
        limitsMode: 'fast',
        onLimitsDown: 'local',
        cost: 1,
        costAfter: undefined,
      },
    });
  });

  it('reads every member', () => {
    const parsed = parseRoute({
      name: 'npm-registry_1.x',
      match: { host: 'NPM.Example.', path_prefix: '/npm/v1/', methods: ['GET', 'PUT', 'GET'] },
      upstream: 'https://packages.internal:8443/base/',
      scopes: ['npm:read', 'npm:write', 'npm:read'],
      audience: 'https://npm.example',
      api: 'npm',
      acr_values: ['mfa', 'phr', 'mfa'],
      max_age: 300,
      credential: 'required',
      accept_basic: true,
      preserve_host: false,
      strip_prefix: true,
      on_stale: { continue_seconds: 60 },
      encoded_slash: 'opaque',
      identity_headers: false,
      address_ranges: ['10.0.0.0/8', '2001:db8::1'],
      headers_timeout_seconds: 5,
      idle_timeout_seconds: 86_400,
      body_bytes_max: 2 ** 40,
      cors: { origins: ['https://app.example', 'http://[::1]:3000'], max_age_seconds: 5 },
    });
    expect(parsed).toEqual({
      ok: true,
      value: {
        name: 'npm-registry_1.x',
        match: {
          host: 'npm.example',
          pathPrefix: '/npm/v1/',
          methods: ['GET', 'PUT'],
          headers: [],
        },
        upstream: { origin: 'https://packages.internal:8443', basePath: '/base' },
        plan: plainPlan,
        clientCertificate: 'optional',
        scopes: ['npm:read', 'npm:write'],
        audience: 'https://npm.example',
        api: 'npm',
        stepUp: { acrValues: ['mfa', 'phr'], maxAgeSeconds: 300 },
        credential: 'required',
        acceptBasic: true,
        preserveHost: false,
        stripPrefix: true,
        onStale: { kind: 'continue', seconds: 60 },
        priority: 'normal',
        audit: 'counted',
        encodedSlash: 'opaque',
        identityHeaders: false,
        addressRanges: ['10.0.0.0/8', '2001:db8::1'],
        bounds: {
          headersTimeoutSeconds: 5,
          idleTimeoutSeconds: 86_400,
          bodyBytesMax: 2 ** 40,
        },
        cors: { origins: ['https://app.example', 'http://[::1]:3000'], maxAgeSeconds: 5 },
        limits: [],
        limitsMode: 'fast',
        onLimitsDown: 'local',
        cost: 1,
        costAfter: undefined,
      },
    });
  });

  it.each([undefined, null, 1, 'route', [], [small]])('refuses %j as a route', (value) => {
    expect(parseRoute(value)).toMatchObject({ refusal: { reason: 'malformed', path: '' } });
  });

  it.each(['name', 'match', 'upstream'])('requires %s', (key) => {
    expect(refusalOf({ [key]: undefined })).toMatchObject({ reason: 'missing', path: `/${key}` });
  });

  it('suggests the name that was meant', () => {
    expect(refusalOf({ scope: [] })).toMatchObject({
      reason: 'unknown_key',
      path: '/scope',
      message: 'unknown key; did you mean scopes?',
    });
    expect(refusalOf({ match: { path: '/x' } })).toMatchObject({ path: '/match/path' });
    expect(refusalOf({ 'a/b~c': 1 })).toMatchObject({ path: '/a~1b~0c' });
    expect(refusalOf({ on_stale: { continue: 1 } })).toMatchObject({ reason: 'unknown_key' });
  });

  it('takes one star for every page, an empty list for none, and no list for silence', () => {
    const corsOf = (cors: unknown) => {
      const parsed = parseRoute({ ...small, cors });
      return parsed.ok ? parsed.value.cors : parsed.refusal;
    };
    expect(corsOf({ origins: ['*'] })).toEqual({ origins: '*', maxAgeSeconds: 600 });
    expect(corsOf({ origins: [] })).toEqual({ origins: [], maxAgeSeconds: 600 });
    expect(corsOf(undefined)).toBeUndefined();
    expect(refusalOf({ cors: { origins: [], credentials: true } })).toMatchObject({
      reason: 'unknown_key',
      path: '/cors/credentials',
    });
  });

  it('demands a sign-in by its class, by its age, or by both', () => {
    const stepUpOf = (change: Record<string, unknown>) => {
      const parsed = parseRoute({ ...small, ...change });
      return parsed.ok ? parsed.value.stepUp : parsed.refusal.path;
    };
    expect(stepUpOf({ acr_values: ['phr'] })).toEqual({ acrValues: ['phr'] });
    expect(stepUpOf({ max_age: 1 })).toEqual({ maxAgeSeconds: 1 });
    expect(stepUpOf({ acr_values: [] })).toBe('/acr_values');
    expect(stepUpOf({ acr_values: 'mfa' })).toBe('/acr_values');
    expect(stepUpOf({ acr_values: ['mfa', 'gold'] })).toBe('/acr_values/1');
    for (const age of [0, -1, 1.5, '300', null, 2 ** 40]) {
      expect(stepUpOf({ max_age: age })).toBe('/max_age');
    }
    expect(stepUpOf({ credential: 'optional', max_age: 60 })).toBe('/max_age');
    expect(stepUpOf({ credential: 'none', acr_values: ['mfa'] })).toBe('/acr_values');
  });

  const malformed: readonly (readonly [string, Record<string, unknown>])[] = [
    ['/name', { name: '' }],
    ['/audit', { audit: true }],
    ['/priority', { priority: 'highest' }],
    ['/name', { name: '-a' }],
    ['/name', { name: 'a'.repeat(65) }],
    ['/name', { name: 'a b' }],
    ['/name', { name: 1 }],
    ['/match', { match: [] }],
    ['/match/host', { match: { host: 'a:80' } }],
    ['/match/host', { match: { host: '*.a' } }],
    ['/match/host', { match: { host: '' } }],
    ['/match/host', { match: { host: 'a..' } }],
    ['/match/host', { match: { host: 'a/b' } }],
    ['/match/host', { match: { host: 'a'.repeat(254) } }],
    ['/match/path_prefix', { match: { path_prefix: '' } }],
    ['/match/path_prefix', { match: { path_prefix: 'a' } }],
    ['/match/path_prefix', { match: { path_prefix: '//a' } }],
    ['/match/path_prefix', { match: { path_prefix: '/a//b' } }],
    ['/match/path_prefix', { match: { path_prefix: '/a/../b' } }],
    ['/match/path_prefix', { match: { path_prefix: '/.' } }],
    ['/match/path_prefix', { match: { path_prefix: '/%61' } }],
    ['/match/path_prefix', { match: { path_prefix: '/a;b' } }],
    ['/match/path_prefix', { match: { path_prefix: '/a?b' } }],
    ['/match/path_prefix', { match: { path_prefix: `/${'a'.repeat(2048)}` } }],
    ['/match/methods', { match: { methods: [] } }],
    ['/match/methods', { match: { methods: 'GET' } }],
    ['/match/methods/1', { match: { methods: ['GET', 'get'] } }],
    ['/match/methods/0', { match: { methods: ['TRACE'] } }],
    ['/upstream', { upstream: '' }],
    ['/upstream', { upstream: 'ftp://a' }],
    ['/upstream', { upstream: 'http://' }],
    ['/upstream', { upstream: 'http://user@a' }],
    ['/upstream', { upstream: 'http://a?b' }],
    ['/upstream', { upstream: 'http://a#b' }],
    ['/upstream', { upstream: 'http://a/b/../c' }],
    ['/upstream', { upstream: 'http://a//b' }],
    ['/upstream', { upstream: 'http://a/b/.' }],
    ['/upstream', { upstream: 'http://a:99999' }],
    ['/upstream', { upstream: 'http://a\\b' }],
    ['/upstream', { upstream: ' http://a' }],
    ['/upstream', { upstream: 7 }],
    ['/scopes', { scopes: 'read' }],
    ['/scopes', { scopes: new Array(101).fill('a') }],
    ['/scopes/1', { scopes: ['a', 'b c'] }],
    ['/scopes/0', { scopes: [''] }],
    ['/scopes/0', { scopes: ['a'.repeat(129)] }],
    ['/scopes', { scopes: ['a'], credential: 'none' }],
    ['/audience', { audience: '' }],
    ['/audience', { audience: ['a'] }],
    ['/audience', { audience: 'a b' }],
    ['/credential', { credential: 'maybe' }],
    ['/credential', { credential: null }],
    ['/protocol', { protocol: 'h2' }],
    ['/servers', { servers: [] }],
    ['/servers', { servers: 'http://a' }],
    ['/servers/0/url', { servers: [{}] }],
    ['/servers/0/url', { servers: [{ url: 'http://a/b' }] }],
    ['/servers/1/url', { servers: [{ url: 'http://a' }, { url: 'http://a:80' }] }],
    ['/servers/0/weight', { servers: [{ url: 'http://a', weight: 0 }] }],
    ['/health/path', { health: { path: 'ok' } }],
    ['/health/interval_seconds', { health: { path: '/', interval_seconds: 0 } }],
    ['/health/timeout_seconds', { health: { path: '/', timeout_seconds: '1' } }],
    ['/health/healthy_after', { health: { path: '/', healthy_after: 101 } }],
    ['/health/unhealthy_after', { health: { path: '/', unhealthy_after: 1.5 } }],
    ['/circuit/failures', { circuit: { failures: 0 } }],
    ['/circuit/open_seconds', { circuit: { open_seconds: -1 } }],
    ['/circuit/connections', { circuit: { connections: 0 } }],
    ['/circuit/pending', { circuit: { pending: 0 } }],
    ['/retries/attempts', { retries: { attempts: 6 } }],
    ['/retries/statuses', { retries: { statuses: [404] } }],
    ['/retries/try_timeout_seconds', { retries: { try_timeout_seconds: 0 } }],
    ['/retries/body_bytes_max', { retries: { body_bytes_max: 65_537 } }],
    ['/timeout_seconds', { timeout_seconds: 0 }],
    ['/upstream_tls', { upstream_tls: 'a b' }],
    ['/client_certificate', { client_certificate: true }],
    ['/encoded_slash', { encoded_slash: 'decode' }],
    ['/on_stale', { on_stale: 'continue' }],
    ['/on_stale', { on_stale: [] }],
    ['/on_stale/continue_seconds', { on_stale: {} }],
    ['/on_stale/continue_seconds', { on_stale: { continue_seconds: 0 } }],
    ['/on_stale/continue_seconds', { on_stale: { continue_seconds: 1.5 } }],
    ['/on_stale/continue_seconds', { on_stale: { continue_seconds: 86_401 } }],
    ['/address_ranges', { address_ranges: [] }],
    ['/address_ranges', { address_ranges: '10.0.0.0/8' }],
    ['/address_ranges/1', { address_ranges: ['10.0.0.0/8', '10.0.0.1/8'] }],
    ['/address_ranges/0', { address_ranges: [1] }],
    ['/headers_timeout_seconds', { headers_timeout_seconds: 0 }],
    ['/headers_timeout_seconds', { headers_timeout_seconds: '5' }],
    ['/idle_timeout_seconds', { idle_timeout_seconds: 86_401 }],
    ['/idle_timeout_seconds', { idle_timeout_seconds: 1.5 }],
    ['/body_bytes_max', { body_bytes_max: -1 }],
    ['/body_bytes_max', { body_bytes_max: 2 ** 40 + 1 }],
    ['/cors', { cors: ['https://app.example'] }],
    ['/cors/origins', { cors: {} }],
    ['/cors/origins', { cors: { origins: '*' } }],
    ['/cors/origins', { cors: { origins: new Array(101).fill('https://a') } }],
    ['/cors/origins/1', { cors: { origins: ['https://app.example', '*'] } }],
    ['/cors/origins/0', { cors: { origins: ['https://app.example/'] } }],
    ['/cors/origins/0', { cors: { origins: ['https://APP.example'] } }],
    ['/cors/origins/0', { cors: { origins: ['https://app.example:443'] } }],
    ['/cors/origins/0', { cors: { origins: ['http://app.example:80'] } }],
    ['/cors/origins/0', { cors: { origins: ['https://*.example'] } }],
    ['/cors/origins/0', { cors: { origins: ['https://user@app.example'] } }],
    ['/cors/origins/0', { cors: { origins: ['app.example'] } }],
    ['/cors/origins/0', { cors: { origins: ['null'] } }],
    ['/cors/origins/0', { cors: { origins: [7] } }],
    ['/cors/max_age_seconds', { cors: { origins: [], max_age_seconds: 86_401 } }],
    ['/cors/max_age_seconds', { cors: { origins: [], max_age_seconds: -1 } }],
    ['/validate', { validate: 'yes', api: 'a' }],
    ['/validate', { validate: 'enforce' }],
    ['/accept_basic', { accept_basic: 'yes' }],
    ['/preserve_host', { preserve_host: 1 }],
    ['/strip_prefix', { strip_prefix: null }],
    ['/identity_headers', { identity_headers: 'no' }],
  ];
  it.each(malformed)('refuses %s in %j', (path, change) => {
    expect(refusalOf(change)).toMatchObject({ reason: 'malformed', path });
  });

  it('never throws, whatever it is given', () => {
    const route = fc.record(
      {
        name: fc.anything(),
        match: fc.oneof(
          fc.anything(),
          fc.record({ host: fc.anything(), path_prefix: fc.string(), methods: fc.anything() }),
        ),
        upstream: fc.oneof(fc.webUrl(), fc.anything()),
        scopes: fc.anything(),
        on_stale: fc.anything(),
        address_ranges: fc.array(fc.string()),
      },
      { requiredKeys: [] },
    );
    fc.assert(fc.property(fc.oneof(fc.anything(), route), (value) => void parseRoute(value)));
  });

  it('reads a hostile prefix without backtracking for ever', () => {
    const path_prefix = `/${'a'.repeat(2000)}%`;
    expect(refusalOf({ match: { path_prefix } })).toMatchObject({ reason: 'malformed' });
  });
});
