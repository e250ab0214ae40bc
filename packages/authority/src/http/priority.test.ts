import { describe, expect, it } from 'vitest';
import { overloaded, priorityOf } from './priority.ts';
import { protocolPaths } from './protocol-api.ts';

describe('priorityOf', () => {
  it.each([
    ['/login', 'vital'],
    ['/oauth2/authorize', 'vital'],
    ['/oauth2/authorize/resume', 'vital'],
    ['/oauth2/par', 'vital'],
    ['/consent', 'vital'],
    ['/oauth2/revoke', 'vital'],
    ['/v1/revocations', 'vital'],
    ['/v1/revocations/preview', 'low'],
    ['/v1/emergency', 'vital'],
    ['/v1/feed', 'vital'],
    ['/v1/feed/snapshot', 'vital'],
    ['/v1/keys/k1/disable', 'vital'],
    ['/v1/users/u1/disable', 'vital'],
    ['/v1/keys/k1/quarantine', 'vital'],
    ['/leaks/github', 'vital'],
    ['/oauth2/token', 'high'],
    ['/oauth2/introspect', 'high'],
    ['/v1/keys/verify', 'high'],
    ['/v1/keys/k1/spend', 'high'],
    ['/.well-known/jwks.json', 'high'],
    ['/v1/keys', 'normal'],
    ['/oauth2/userinfo', 'normal'],
    ['/docs', 'low'],
    ['/openapi.json', 'low'],
    ['/oauth2/register', 'low'],
    ['/v1/audit/records', 'low'],
  ])('of %s is %s', (path, priority) => expect(priorityOf(path)).toBe(priority));

  it('is never the lowest of what signs in or revokes', () => {
    const paths = [...protocolPaths.map(([, path]) => path)];
    const vital = paths.filter((path) => priorityOf(path) === 'vital');
    expect(vital).toContain('/login');
    expect(vital).toContain('/oauth2/revoke');
    expect(paths.filter((path) => priorityOf(path) === 'low')).toEqual(
      expect.arrayContaining(['/oauth2/register']),
    );
  });
});

describe('overloaded', () => {
  it('says so in the words of the endpoint, and when to come again', () => {
    const token = overloaded('/oauth2/token');
    expect(JSON.parse(String(token.body)).error).toBe('temporarily_unavailable');
    const keys = overloaded('/v1/keys');
    expect(JSON.parse(String(keys.body))).toMatchObject({ status: 503, code: 'overloaded' });
    for (const one of [token, keys]) {
      expect(one.status).toBe(503);
      expect(one.headers).toMatchObject({ 'retry-after': '1', 'cache-control': 'no-store' });
    }
  });
});
