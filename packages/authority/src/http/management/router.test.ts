import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRouter, type Routable } from './router.ts';

const endpoints = [
  { method: 'GET', path: '/v1/keys' },
  { method: 'POST', path: '/v1/keys' },
  { method: 'POST', path: '/v1/keys/verify' },
  { method: 'GET', path: '/v1/keys/{id}' },
  { method: 'PATCH', path: '/v1/keys/{id}' },
  { method: 'POST', path: '/v1/keys/{id}/rotate' },
  { method: 'GET', path: '/v1/audit/history/{kind}/{id}' },
] as const satisfies readonly Routable[];
const router = createRouter<Routable>(endpoints);

function found(method: string, path: string) {
  const match = router.match(method, path);
  return match.kind === 'found' ? [match.endpoint.path, match.params] : match.kind;
}

describe('createRouter', () => {
  it('finds literals before parameters', () => {
    expect(found('POST', '/v1/keys/verify')).toEqual(['/v1/keys/verify', {}]);
    expect(found('GET', '/v1/keys/abc')).toEqual(['/v1/keys/{id}', { id: 'abc' }]);
    expect(found('POST', '/v1/keys/abc/rotate')).toEqual(['/v1/keys/{id}/rotate', { id: 'abc' }]);
    expect(found('GET', '/v1/audit/history/key/abc')).toEqual([
      '/v1/audit/history/{kind}/{id}',
      { kind: 'key', id: 'abc' },
    ]);
  });

  it('decodes a parameter once', () => {
    expect(found('GET', '/v1/keys/a%2Fb%2525')).toEqual(['/v1/keys/{id}', { id: 'a/b%25' }]);
  });

  it('answers HEAD where there is GET', () => {
    expect(found('HEAD', '/v1/keys')).toEqual(['/v1/keys', {}]);
  });

  it.each([
    '/v1/keys/',
    '/v1//keys',
    '/v1/keys/a/rotate/b',
    '/v1/keys/%ff',
    '/v1/keys/%00',
    '/v1/keys/a%00b',
    '/v1/keys/%',
    '/v1',
    '/',
    '',
    '/__proto__',
  ])('finds nothing at %s', (path) => {
    expect(found('GET', path)).toBe('not_found');
  });

  it('says which methods a path has', () => {
    expect(router.match('DELETE', '/v1/keys')).toEqual({
      kind: 'method_not_allowed',
      allow: ['GET', 'HEAD', 'OPTIONS', 'POST'],
    });
    expect(router.match('toString', '/v1/keys/x').kind).toBe('method_not_allowed');
  });

  it('gives back any segment that was encoded into a path', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (id) => {
        fc.pre(id.isWellFormed() && id !== 'verify');
        expect(found('GET', `/v1/keys/${encodeURIComponent(id)}`)).toEqual([
          '/v1/keys/{id}',
          { id },
        ]);
      }),
    );
  });

  it('refuses two endpoints for one method and path', () => {
    const twins = [endpoints[3], { method: 'GET', path: '/v1/keys/{name}' } as const];
    expect(() => createRouter<Routable>(twins)).toThrow('two endpoints');
  });
});
