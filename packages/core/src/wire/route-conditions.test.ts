import { describe, expect, it } from 'vitest';
import { parseRoute } from './route.ts';

const small = { name: 'api', upstream: 'http://127.0.0.1:9000' };

function read(match: unknown, more: Record<string, unknown> = {}) {
  const parsed = parseRoute({ ...small, match, ...more });
  return parsed.ok ? parsed.value : parsed.refusal;
}

describe('match.headers and match.token', () => {
  it('read values, lists of them and true for any', () => {
    const headers = { 'X-Beta': true, 'x-version': ['1', '2'] };
    const claims = { department: 'sales', level: [3, 4], staff: true, 'a/b': ['x'] };
    const token = {
      tenant: 'acme',
      scopes: ['read'],
      client: ['web', 'app'],
      plan: 'gold',
      claims,
    };
    expect(read({ headers, token })).toMatchObject({
      tenant: 'acme',
      match: {
        headers: [
          { name: 'x-beta', values: undefined },
          { name: 'x-version', values: ['1', '2'] },
        ],
        token: {
          ...{ tenant: 'acme', scopes: ['read'], clients: ['web', 'app'], plans: ['gold'] },
          claims: [
            { name: 'department', values: ['sales'] },
            { name: 'level', values: [3, 4] },
            { name: 'staff', values: undefined },
            { name: 'a/b', values: ['x'] },
          ],
        },
      },
    });
    expect(read({})).toMatchObject({ match: { headers: [], token: undefined } });
  });

  const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`x-${i}`, true]));
  const refused: readonly [string, unknown, Record<string, unknown>?][] = [
    ['/match/headers', { headers: [] }],
    ['/match/headers', { headers: {} }],
    ['/match/headers', { headers: many }],
    ['/match/headers', { headers: { 'x beta': true } }],
    ['/match/headers', { headers: { x_beta: true } }],
    ['/match/headers/authorization', { headers: { Authorization: true } }],
    ['/match/headers/x-forwarded-for', { headers: { 'x-forwarded-for': '1.2.3.4' } }],
    ['/match/headers/te', { headers: { te: true } }],
    ['/match/headers/x-beta', { headers: { 'x-beta': true, 'X-Beta': '1' } }],
    ['/match/headers/x-beta', { headers: { 'x-beta': [] } }],
    ['/match/headers/x-beta', { headers: { 'x-beta': ' a' } }],
    ['/match/headers/x-beta', { headers: { 'x-beta': 'a\r\nb' } }],
    ['/match/headers/x-beta', { headers: { 'x-beta': false } }],
    ['/match/headers/x-beta', { headers: { 'x-beta': 'a'.repeat(257) } }],
    ['/match/token', { token: {} }],
    ['/match/token', { token: 'gold' }],
    ['/match/token/tenant', { token: { tenant: 'A B' } }],
    ['/match/token/tenant', { token: { tenant: 'acme' } }, { tenant: 'bank' }],
    ['/match/token/scopes', { token: { scopes: [] } }],
    ['/match/token/scopes/1', { token: { scopes: ['a', 'b c'] } }],
    ['/match/token/client', { token: { client: true } }],
    ['/match/token/plan', { token: { plan: 7 } }],
    ['/match/token/claims', { token: { claims: [] } }],
    ['/match/token/claims', { token: { claims: { '': true } } }],
    ['/match/token/claims/a~1b', { token: { claims: { 'a/b': {} } } }],
    ['/match/token/claims/a', { token: { claims: { a: Number.NaN } } }],
    ['/match/token', { token: { plan: 'gold' } }, { credential: 'none' }],
    ['/match/token', { token: { plan: 'gold' } }, { credential: 'optional' }],
  ];
  it.each(refused)('refuses %s in %j', (path, match, more = {}) => {
    expect(read(match, more)).toMatchObject({ reason: 'malformed', path });
  });

  it('names an unknown member', () => {
    expect(read({ token: { clients: 'a' } })).toMatchObject({ reason: 'unknown_key' });
  });
});
