import { describe, expect, it } from 'vitest';
import { compileRoute, createRouteTable } from './route-table.ts';

function tableOf(...wires: readonly Record<string, unknown>[]) {
  const routes = wires.map((wire) => compileRoute({ upstream: 'http://127.0.0.1:1', ...wire }));
  if (routes.some((route) => route === undefined)) throw new Error('a route does not parse');
  return createRouteTable(routes as Exclude<(typeof routes)[number], undefined>[]);
}

/** The name of the route, or why there is none. */
function find(table: ReturnType<typeof tableOf>, path: string, host = 'a.test', method = 'GET') {
  const found = table.find({ method, host, path });
  return found.ok ? found.value.route.name : found.refusal.reason;
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
    const found = table.find({ method: 'GET', host: undefined, path: '/api' });
    expect(found.ok && found.value.route.name).toBe('api');
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
    expect(byMethod.find({ method: 'GET', host: 'a', path: '/y' })).toEqual({
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

  it('does not compile what it cannot read', () => {
    expect(compileRoute({ name: 'x' })).toBeUndefined();
  });
});
