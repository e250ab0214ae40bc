import { describe, expect, it } from 'vitest';
import { compileRoute, createRouteTable } from './route-table.ts';

function tableOf(...wires: readonly Record<string, unknown>[]) {
  const routes = wires.map((wire) => compileRoute({ upstream: 'http://127.0.0.1:1', ...wire }));
  if (routes.some((route) => route === undefined)) throw new Error('a route does not parse');
  return createRouteTable(routes as Exclude<(typeof routes)[number], undefined>[]);
}

const bare = { header: () => undefined, rawHeaders: [] };

/** The name of the route, or why there is none. */
function find(table: ReturnType<typeof tableOf>, path: string, host = 'a.test', method = 'GET') {
  const found = table.find({ method, host, path, ...bare });
  return found.ok ? found.value.routes[0]?.name : found.refusal.reason;
}

describe('createRouteTable', () => {
  const table = tableOf(
    { name: 'any', match: {} },
    { name: 'api', match: { path_prefix: '/api' } },
    { name: 'api-v2', match: { path_prefix: '/api/v2' } },
    { name: 'slash', match: { path_prefix: '/dir/' } },
    { name: 'host', match: { host: 'B.test' } },
    { name: 'host-api', match: { host: 'b.test', path_prefix: '/api' } },
    { name: 'v6', match: { host: '[::1]' } },
  );

  it.each([
    ['/', 'any'],
    ['/api', 'api'],
    ['/api/', 'api'],
    ['/api/x', 'api'],
    ['/apix', 'any'],
    ['/API', 'any'],
    ['/api/v2', 'api-v2'],
    ['/api/v20', 'api'],
    ['/api%2fv2', 'bad_path'],
    ['/%61pi/v2', 'api-v2'],
    ['//api//v2', 'api-v2'],
    ['/dir', 'any'],
    ['/dir/', 'slash'],
    ['/dir/x', 'slash'],
  ])('%s is served by %s', (path, name) => {
    expect(find(table, path)).toBe(name);
  });

  it.each([
    ['b.test', '/', 'host'],
    ['b.test', '/api/v2', 'host-api'],
    ['b.test:8080', '/', 'host'],
    ['b.test.', '/', 'host'],
    ['b.test.:8080', '/', 'host'],
    ['xb.test', '/', 'any'],
    ['b.test.evil', '/', 'any'],
    ['[::1]', '/', 'v6'],
    ['[::1]:8080', '/', 'v6'],
  ])('a host of %s with %s is served by %s', (host, path, name) => {
    expect(find(table, path, host)).toBe(name);
  });

  it('serves requests without a host by routes without one', () => {
    const found = table.find({ method: 'GET', host: undefined, path: '/api', ...bare });
    expect(found.ok && found.value.routes[0]?.name).toBe('api');
  });

  it('prefers named methods, and tells which a path has', () => {
    const byMethod = tableOf(
      { name: 'read', match: { path_prefix: '/x', methods: ['GET'] } },
      { name: 'rest', match: { path_prefix: '/x' } },
      { name: 'put', match: { path_prefix: '/y', methods: ['PUT', 'POST'] } },
    );
    expect(find(byMethod, '/x')).toBe('read');
    expect(find(byMethod, '/x', 'a', 'HEAD')).toBe('read');
    expect(find(byMethod, '/x', 'a', 'PUT')).toBe('rest');
    expect(byMethod.find({ method: 'GET', host: 'a', path: '/y', ...bare })).toEqual({
      ok: false,
      refusal: { reason: 'method_not_allowed', allow: ['PUT', 'POST'] },
    });
    expect(find(byMethod, '/z')).toBe('no_route');
  });

  it('takes an encoded slash only where the route says that it is data', () => {
    const packages = tableOf(
      { name: 'npm', match: { path_prefix: '/npm' }, encoded_slash: 'opaque' },
      { name: 'any', match: {} },
    );
    expect(find(packages, '/npm/@a%2fb')).toBe('npm');
    expect(find(packages, '/x/@a%2fb')).toBe('bad_path');
    expect(find(packages, '/npm%2fx')).toBe('bad_path');
  });

  it('takes no encoded slash that would lead to another route if it were one', () => {
    const nested = tableOf(
      { name: 'all', match: {}, encoded_slash: 'opaque' },
      { name: 'admin', match: { path_prefix: '/api/admin' } },
      { name: 'put', match: { path_prefix: '/put', methods: ['PUT'] }, encoded_slash: 'opaque' },
    );
    expect(find(nested, '/api/%2fother')).toBe('all');
    for (const path of ['/api%2fadmin', '/api%2Fadmin/x', '/api/%2fadmin', '/api%2f%2fadmin%2fx']) {
      expect(find(nested, path)).toBe('bad_path');
    }
    expect(find(nested, '/put%2fx', 'a', 'PUT')).toBe('bad_path');
    expect(find(nested, '/put%2fx')).toBe('all');
  });

  it('does not depend on the order in which routes were made', () => {
    const a = { name: 'a', match: { path_prefix: '/x' } };
    const b = { name: 'b', match: { path_prefix: '/x' } };
    expect(find(tableOf(a, b), '/x')).toBe(find(tableOf(b, a), '/x'));
  });

  describe('by headers', () => {
    const byHeader = tableOf(
      { name: 'v2', match: { path_prefix: '/x', headers: { 'X-Api-Version': ['2', '3'] } } },
      { name: 'beta', match: { headers: { 'x-beta': true, 'x-api-version': '2' } } },
      { name: 'any', match: { path_prefix: '/x' } },
    );
    const with_ = (...rawHeaders: string[]) => {
      const header = (name: string) => {
        const at = rawHeaders.findIndex((one, i) => i % 2 === 0 && one.toLowerCase() === name);
        return at < 0 ? undefined : rawHeaders[at + 1];
      };
      const found = byHeader.find({ method: 'GET', host: 'a', path: '/x/y', header, rawHeaders });
      return found.ok ? found.value.routes.map(({ name }) => name).join() : found.refusal.reason;
    };

    it('takes the longer prefix first, then the route with more conditions', () => {
      expect(with_('X-API-Version', '2')).toBe('v2');
      expect(with_('x-api-version', '3', 'X-Beta', '')).toBe('v2');
      expect(with_('x-api-version', '4')).toBe('any');
      expect(with_()).toBe('any');
    });

    it('takes no header that says two things, or says it under another spelling', () => {
      expect(with_('X-Api-Version', '2', 'x-api-version', '2')).toBe('ambiguous_header');
      expect(with_('X-Api-Version', '4', 'X_Api_Version', '2')).toBe('ambiguous_header');
      expect(with_('X.Api.Version', '2')).toBe('ambiguous_header');
      expect(with_('X_Beta', '2')).toBe('any');
    });

    it('names methods only of routes that its headers lead to', () => {
      const table = tableOf({
        name: 'put',
        match: { methods: ['PUT'], headers: { 'x-beta': true } },
      });
      expect(find(table, '/')).toBe('no_route');
    });
  });

  it('lets a credential choose among the routes of one place, and of no shorter prefix', () => {
    const table = tableOf(
      { name: 'gold', match: { path_prefix: '/x', token: { plan: 'gold' } } },
      { name: 'acme', match: { path_prefix: '/x', token: { plan: 'gold', client: 'acme' } } },
      { name: 'rest', match: { path_prefix: '/x' } },
      { name: 'never', match: { path_prefix: '/x', token: { plan: 'x' }, methods: ['PUT'] } },
      { name: 'alone', match: { path_prefix: '/y', token: { scopes: ['a'] } } },
      { name: 'all', match: {} },
    );
    const names = (path: string) => {
      const found = table.find({ method: 'GET', host: undefined, path, ...bare });
      return found.ok ? found.value.routes.map(({ name }) => name) : found.refusal;
    };
    expect(names('/x')).toEqual(['acme', 'gold', 'rest']);
    expect(names('/y')).toEqual(['alone']);
    expect(names('/z')).toEqual(['all']);
    const possible = table.possible({ method: 'PUT', host: undefined, path: '/x' });
    expect(possible.map(({ name }) => name)).toEqual(['never', 'acme', 'gold', 'rest']);
  });

  it('does not compile what it cannot read', () => {
    expect(compileRoute({ name: 'x' })).toBeUndefined();
  });
});
