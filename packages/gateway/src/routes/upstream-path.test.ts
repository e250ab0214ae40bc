import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalisePath } from './path.ts';
import { compileRoute } from './route-table.ts';
import { upstreamPathOf } from './upstream-path.ts';

function pathOf(path: string, wire: Record<string, unknown>): string {
  const match = { path_prefix: '/api' };
  const route = compileRoute({ name: 'a', match, upstream: 'http://a/base', ...wire });
  if (route === undefined) throw new Error('a route does not parse');
  return upstreamPathOf({ route, path });
}

const patterns = [
  { from: '/api/v1/{id}/x', to: '/x/{id}' },
  { from: '/api/v1/{a}/{b}/', to: '/{b}/{a}/' },
  { from: '/api/files/{rest...}', to: '/f/{rest...}' },
  { from: '/api/fixed', to: '/' },
];

describe('a rewritten path', () => {
  it.each([
    ['/api/v1/7/x', '/base/x/7'],
    ['/api/v1/7/y', '/base/api/v1/7/y'],
    ['/api/v1/7/8/', '/base/8/7/'],
    ['/api/v1/7/8', '/base/api/v1/7/8'],
    ['/api/files/a/b%20c/', '/base/f/a/b%20c/'],
    ['/api/files', '/base/api/files'],
    ['/api/files/', '/base/api/files/'],
    ['/api/fixed', '/base/'],
    ['/api/fixed/', '/base/api/fixed/'],
  ])('of %s by patterns is %s', (path, expected) => {
    expect(pathOf(path, { rewrite_path: patterns })).toBe(expected);
  });

  it.each([
    ['/api', '/v2', '/base/v2'],
    ['/api/', '/v2', '/base/v2'],
    ['/api/x', '/v2', '/base/v2/x'],
    ['/api/x/', '/v2/', '/base/v2/x/'],
    ['/api/x', '/', '/base/x'],
    ['/api', '/', '/base/'],
  ])('of %s with the prefix %s is %s', (path, prefix, expected) => {
    expect(pathOf(path, { rewrite_path: { prefix } })).toBe(expected);
  });

  it('is normal and stays below the base path, whatever is asked for', () => {
    const piece = fc.constantFrom(
      'a',
      '..',
      '.',
      '%2e%2e',
      '%2f',
      '%2F..',
      '',
      'x',
      'v1',
      '%41',
      ';',
    );
    const asked = fc.array(piece, { maxLength: 6 }).map((pieces) => `/api/${pieces.join('/')}`);
    const wire = {
      rewrite_path: [{ from: '/api/{a}/{b...}', to: '/{b...}' }],
      encoded_slash: 'opaque',
    };
    fc.assert(
      fc.property(asked, (path) => {
        const normal = normalisePath(path);
        if (!normal.ok) return;
        const made = pathOf(normal.value.path, wire);
        expect(made.startsWith('/base/')).toBe(true);
        expect(normalisePath(made)).toMatchObject({ ok: true, value: { path: made } });
      }),
    );
  });
});
