import { describe, expect, it } from 'vitest';
import { parseRoute } from './route.ts';

const small = { name: 'api', match: {}, upstream: 'http://127.0.0.1:9000' };

function read(change: Record<string, unknown>) {
  const parsed = parseRoute({ ...small, ...change });
  return parsed.ok ? parsed.value.rewrites : parsed.refusal;
}

describe('rewrites of a route', () => {
  it('are read into what a gateway does', () => {
    expect(
      read({
        request_headers: { set: { 'X-User': 'u:{subject}, {claims.a.b}' }, remove: ['Cookie'] },
        response_headers: { add: { vary: 'Accept' } },
        rewrite_path: [{ from: '/v1/{id}/x/{rest...}', to: '/x/{id}/{rest...}' }],
      }),
    ).toEqual({
      requestHeaders: {
        set: [{ name: 'x-user', parts: ['u:', { fact: 'subject' }, ', ', { claim: 'a.b' }] }],
        add: [],
        remove: ['cookie'],
      },
      responseHeaders: { set: [], add: [{ name: 'vary', parts: ['Accept'] }], remove: [] },
      path: {
        kind: 'patterns',
        patterns: [
          {
            from: ['v1', { name: 'id', rest: false }, 'x', { name: 'rest', rest: true }],
            to: ['x', { name: 'id', rest: false }, { name: 'rest', rest: true }],
          },
        ],
      },
    });
    expect(read({ rewrite_path: { prefix: '/a/' } })).toMatchObject({ path: { to: '/a' } });
    expect(read({ rewrite_path: { prefix: '/' } })).toMatchObject({ path: { to: '' } });
    expect(read({})).toBeUndefined();
  });

  const many = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`x-${i}`, 'a']));
  it.each([
    ['/request_headers/set', { request_headers: { set: [] } }],
    ['/request_headers/set', { request_headers: { set: many } }],
    ['/request_headers/set', { request_headers: { set: { 'x a': 'b' } } }],
    ['/request_headers/set/x-a', { request_headers: { set: { 'x-a': '' } } }],
    ['/request_headers/set/x-a', { request_headers: { set: { 'x-a': 'b\r\nc: d' } } }],
    ['/request_headers/set/x-a', { request_headers: { set: { 'x-a': 'a'.repeat(513) } } }],
    ['/request_headers/set/x-a', { request_headers: { set: { 'x-a': '{password}' } } }],
    ['/request_headers/set/x-a', { request_headers: { set: { 'x-a': '{subject' } } }],
    ['/request_headers/set/x-a', { request_headers: { set: { 'x-a': 'a}b' } } }],
    ['/request_headers/set/x-a', { request_headers: { set: { 'x-a': 'a}subject{' } } }],
    ['/request_headers/set/x-a', { request_headers: { set: { 'X-A': 'b', 'x-a': 'b' } } }],
    ...['Host', 'authorization', 'X-Forwarded-For', 'x-mintmark-subject', 'Connection'].map(
      (name) => [
        `/request_headers/add/${name.toLowerCase()}`,
        { request_headers: { add: { [name]: 'a' } } },
      ],
    ),
    [
      '/request_headers/set/content-encoding',
      { request_headers: { set: { 'content-encoding': 'a' } } },
    ],
    ['/request_headers/remove', { request_headers: { remove: 'cookie' } }],
    ['/request_headers/remove/1', { request_headers: { remove: ['cookie', 'via'] } }],
    ...[
      'content-length',
      'www-authenticate',
      'access-control-allow-origin',
      'ratelimit',
      'vary',
      'set-cookie',
    ].map((name) => [
      `/response_headers/set/${name}`,
      { response_headers: { set: { [name]: 'a' } } },
    ]),
    ['/response_headers/remove/0', { response_headers: { remove: ['vary'] } }],
    ['/rewrite_path', { rewrite_path: '/a' }],
    ['/rewrite_path', { rewrite_path: [] }],
    ['/rewrite_path', { rewrite_path: { prefix: '/' }, strip_prefix: true }],
    ['/rewrite_path/prefix', { rewrite_path: { prefix: 'a' } }],
    ['/rewrite_path/prefix', { rewrite_path: { prefix: '/{a}' } }],
    ['/rewrite_path/prefix', { rewrite_path: { prefix: '/a/../b' } }],
    ['/rewrite_path/0/from', { rewrite_path: [{ from: '/{a...}/b', to: '/' }] }],
    ['/rewrite_path/0/from', { rewrite_path: [{ from: '/{a}/{a}', to: '/{a}' }] }],
    ['/rewrite_path/0/from', { rewrite_path: [{ from: '/v{a}', to: '/' }] }],
    ['/rewrite_path/0/from', { rewrite_path: [{ from: '/a//b', to: '/' }] }],
    ['/rewrite_path/0/to', { rewrite_path: [{ from: '/{a}', to: '/{b}' }] }],
    ['/rewrite_path/0/to', { rewrite_path: [{ from: '/{a}', to: '/{a...}' }] }],
    ['/rewrite_path/0/to', { rewrite_path: [{ from: '/a', to: '/%2e%2e' }] }],
    ['/rewrite_path/0/to', { rewrite_path: [{ from: '/a', to: '/..' }] }],
    ['/rewrite_path/0/to', { rewrite_path: [{ from: '/a', to: '/a;b' }] }],
  ] as [string, Record<string, unknown>][])('refuse %s in %j', (path, change) => {
    expect(read(change)).toMatchObject({ reason: 'malformed', path });
  });

  it('name what is missing', () => {
    expect(read({ rewrite_path: {} })).toMatchObject({ reason: 'missing' });
    expect(read({ rewrite_path: [{ from: '/a' }] })).toMatchObject({ path: '/rewrite_path/0/to' });
  });

  it('let a cookie be taken away, and an answer depend on more', () => {
    const changes = { remove: ['Set-Cookie', 'Server'], add: { Vary: 'X-Tier' } };
    expect(read({ response_headers: changes })).toMatchObject({
      responseHeaders: { remove: ['set-cookie', 'server'] },
    });
  });
});
