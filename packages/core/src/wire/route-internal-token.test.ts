import { describe, expect, it } from 'vitest';
import { parseRoute } from './route.ts';

function read(internalToken: unknown): unknown {
  const small = { name: 'api', match: {}, upstream: 'http://127.0.0.1:9000' };
  const parsed = parseRoute({ ...small, internal_token: internalToken });
  return parsed.ok ? parsed.value.internalToken : parsed.refusal;
}

describe('internal_token', () => {
  it('has careful defaults, and says what it is told', () => {
    const defaults = { audience: undefined, claims: [], ttlSeconds: 30, reuseSeconds: 0 };
    expect(read({})).toEqual({ ...defaults, header: 'authorization' });
    expect(
      read({
        ...{ audience: 'orders', claims: ['roles', 'org', 'roles'], ttl_seconds: 60 },
        ...{ reuse_seconds: 10, header: 'X-Internal-Token' },
      }),
    ).toEqual({
      ...{ audience: 'orders', claims: ['roles', 'org'], ttlSeconds: 60 },
      ...{ reuseSeconds: 10, header: 'x-internal-token' },
    });
  });

  it.each([
    ['/internal_token', 'yes'],
    ['/internal_token/audience', { audience: 'a b' }],
    ['/internal_token/claims', { claims: 'roles' }],
    ['/internal_token/claims/0', { claims: ['cnf'] }],
    ['/internal_token/claims/1', { claims: ['roles', 'sub'] }],
    ['/internal_token/claims/0', { claims: [''] }],
    ['/internal_token/ttl_seconds', { ttl_seconds: 61 }],
    ['/internal_token/ttl_seconds', { ttl_seconds: 0 }],
    ['/internal_token/reuse_seconds', { reuse_seconds: 11 }],
    ['/internal_token/reuse_seconds', { ttl_seconds: 5, reuse_seconds: 5 }],
    ['/internal_token/header', { header: 'host' }],
    ['/internal_token/header', { header: 'x-forwarded-for' }],
    ['/internal_token/header', { header: 'content-type' }],
    ['/internal_token/header', { header: 7 }],
  ])('refuses %s in %j', (path, value) => {
    expect(read(value)).toMatchObject({ reason: 'malformed', path });
  });
});
