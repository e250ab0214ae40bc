import {
  type ClientId,
  defaultTenant,
  type FamilyId,
  holderId,
  type KeyId,
  type SubjectId,
  type TenantId,
  type UnixMs,
  type UnixSeconds,
} from '@mintmark/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from './conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from './conformance/raw-upstream.ts';
import { openRig, type Rig, startMs, until } from './conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
});
afterAll(() => upstream.close());

beforeEach(async () => {
  const to = { upstream: upstream.url };
  rig = await openRig([
    { name: 'all', match: {}, ...to },
    { name: 'write', match: { path_prefix: '/write' }, scopes: ['read', 'write'], ...to },
    { name: 'other', match: { path_prefix: '/other' }, audience: 'https://other.test', ...to },
    { name: 'open', match: { path_prefix: '/open' }, credential: 'none', ...to },
    { name: 'maybe', match: { path_prefix: '/maybe' }, credential: 'optional', ...to },
    { name: 'basic', match: { path_prefix: '/basic' }, accept_basic: true, ...to },
    { name: 'near', match: { path_prefix: '/near' }, address_ranges: ['127.0.0.2'], ...to },
    { name: 'get', match: { path_prefix: '/get', methods: ['GET'] }, ...to },
    {
      name: 'lasting',
      match: { path_prefix: '/lasting' },
      on_stale: { continue_seconds: 60 },
      ...to,
    },
  ]);
});
afterEach(() => rig.close());

/** Status, and the inside reason of the decision. */
async function judged(
  headers: Record<string, string> = {},
  path = '/',
  options: { method?: string; localAddress?: string } = {},
): Promise<string> {
  const before = rig.decisions.length;
  const { status } = await ask(rig.listener.port, { path, headers, ...options });
  rig.timers.advance(500);
  await until(() => rig.decisions.length > before);
  return `${status} ${rig.decisions.at(-1)?.reason}`;
}

describe('tokens', () => {
  it('lets a good token through and records who it was', async () => {
    expect(await judged(bearer(rig.token({ tokenId: 'T1' as never })))).toBe('200 ok');
    expect(rig.decisions.at(-1)).toMatchObject({
      type: 'decision',
      node: 'node-1',
      tenant: 'default',
      route: 'all',
      method: 'GET',
      path: '/',
      address: '127.0.0.1',
      credential: 'jwt',
      credentialId: 'T1',
      authenticated: true,
      subject: 'subject-1',
      clientId: 'client-1',
      verdict: 'allow',
      degraded: false,
    });
  });

  it('verifies a signature once', async () => {
    const token = rig.token();
    await judged(bearer(token));
    await judged(bearer(token));
    const count = (kind: string): number =>
      rig.gateway.metrics.value('mintmark_gateway_signature_cache_total', kind);
    expect([count('unknown'), count('known')]).toEqual([1, 1]);
  });

  it('garbage never evicts a good signature', async () => {
    const token = rig.token();
    await judged(bearer(token));
    for (let i = 0; i < 20; i++) await ask(rig.listener.port, { headers: bearer(`${token}${i}`) });
    expect(rig.gateway.renderMetrics()).toContain('signature_cache_entries 1');
    await judged(bearer(token));
    expect(rig.gateway.metrics.value('mintmark_gateway_signature_cache_total', 'known')).toBe(1);
  });

  it('asks nobody about a token', async () => {
    await judged(bearer(rig.token()));
    expect(rig.asked).toEqual([]);
  });

  const start = startMs / 1000;
  it.each([
    ['expired', { issuedAt: (start - 700) as UnixSeconds, expiresAt: start as UnixSeconds }],
    ['wrong_issuer', { issuer: 'https://else.test' }],
    ['wrong_audience', { audience: ['https://else.test'] }],
    ['wrong_tenant', { tenant: 'else' as TenantId }],
    ['bound_token', { confirmation: { jkt: 'x' } }],
  ])('refuses one that is %s', async (reason, claims) => {
    expect(await judged(bearer(rig.token(claims)))).toBe(`401 ${reason}`);
  });

  it('refuses one with a changed signature', async () => {
    const token = rig.token();
    const changed = token.slice(0, -10) + (token.at(-10) === 'A' ? 'B' : 'A') + token.slice(-9);
    expect(await judged(bearer(changed))).toBe('401 bad_signature');
    expect(rig.decisions.at(-1)).toMatchObject({ authenticated: false, credential: 'jwt' });
  });

  it('demands the audience of the route', async () => {
    expect(await judged(bearer(rig.token()), '/other')).toBe('401 wrong_audience');
    const token = rig.token({ audience: ['https://other.test'] });
    expect(await judged(bearer(token), '/other')).toBe('200 ok');
  });

  it('demands every scope of the route', async () => {
    expect(await judged(bearer(rig.token()), '/write')).toBe('403 insufficient_scope');
    const token = rig.token({ scopes: ['read', 'write', 'more'] });
    expect(await judged(bearer(token), '/write')).toBe('200 ok');
  });

  it('says with each decision which scopes it needed, whatever the token has', async () => {
    const token = rig.token({ scopes: ['read', 'write', 'more'] });
    expect(await judged(bearer(token), '/write')).toBe('200 ok');
    expect(rig.decisions.at(-1)).toMatchObject({ needed: ['read', 'write'], verdict: 'allow' });
    expect(await judged(bearer(rig.token()), '/write')).toBe('403 insufficient_scope');
    expect(rig.decisions.at(-1)).toMatchObject({ needed: ['read', 'write'], verdict: 'deny' });
  });

  it('leaves a client alone when the user of the same name is revoked', async () => {
    const own = { clientId: 'it' as ClientId, subject: 'it' as SubjectId };
    const token = rig.token(own);
    rig.revoke({ kind: 'user', id: 'it' });
    await rig.caughtUp();
    expect(await judged(bearer(token))).toBe('200 ok');
    rig.revoke({ kind: 'user', id: 'client:it' });
    await rig.caughtUp();
    expect(await judged(bearer(token))).toBe('401 revoked');
  });

  it('ends what one client holds for one subject, and nothing else of the two', async () => {
    const own = { clientId: 'c-1' as ClientId, subject: 's' as SubjectId };
    const token = rig.token(own);
    const others = [{ subject: 'other' as SubjectId }, { clientId: 'c' as ClientId }];
    const rest = others.map((change) => rig.token({ ...own, ...change }));
    rig.revoke({ kind: 'holder', id: holderId('c-1', 's') });
    await rig.caughtUp();
    expect(await judged(bearer(token))).toBe('401 revoked');
    for (const other of rest) expect(await judged(bearer(other))).toBe('200 ok');
  });

  it('refuses by the date of issue where only what is from before a moment ended', async () => {
    const now = startMs / 1000;
    const tokens = [now - 1, now].map((second) => rig.token({ issuedAt: second as UnixSeconds }));
    rig.revoke({ kind: 'tenant', id: defaultTenant }, now as UnixSeconds);
    await rig.caughtUp();
    expect(await judged(bearer(tokens[0]!))).toBe('401 revoked');
    expect(await judged(bearer(tokens[1]!))).toBe('200 ok');
  });

  it.each([
    ['token', { tokenId: 'it' as never }],
    ['client', { clientId: 'it' as ClientId }],
    ['user', { subject: 'it' as SubjectId }],
    ['family', { family: 'it' as FamilyId }],
  ] as const)(
    'refuses it once its %s is revoked, and not what was minted later',
    async (kind, claims) => {
      const token = rig.token(claims);
      expect(await judged(bearer(token))).toBe('200 ok');
      rig.revoke({ kind, id: 'it' });
      await rig.caughtUp();
      expect(await judged(bearer(token))).toBe('401 revoked');
      expect(await judged(bearer(rig.token(claims)))).toBe('200 ok');
    },
  );

  it('refuses everything of the tenant when that is revoked', async () => {
    const token = rig.token();
    rig.revoke({ kind: 'tenant', id: 'default' });
    await rig.caughtUp();
    expect(await judged(bearer(token))).toBe('401 revoked');
  });

  it('refuses a token whose signing key is retired, even one it remembers', async () => {
    const token = rig.token();
    expect(await judged(bearer(token))).toBe('200 ok');
    const kid = rig.gateway.view.keySet!.keys[0]!.kid as never;
    rig.feed.push({ type: 'signing_key', kid, jwk: {}, status: 'retired' });
    await rig.caughtUp();
    expect(await judged(bearer(token))).toBe('401 unknown_key');
  });
});

describe('API keys', () => {
  it('lets a good key through, by either header', async () => {
    const { text, id } = rig.key();
    await rig.caughtUp();
    expect(await judged(bearer(text))).toBe('200 ok');
    expect(await judged({ 'x-api-key': text })).toBe('200 ok');
    expect(rig.decisions.at(-1)).toMatchObject({
      credential: 'api_key',
      credentialId: id,
      subject: 'owner-1',
      authenticated: true,
    });
    expect(rig.asked).toEqual([]);
  });

  const past = (startMs / 1000) as UnixSeconds;
  const later = (past + 3600) as UnixSeconds;
  it.each([
    ['disabled', { status: 'disabled' }],
    ['quarantined', { status: 'quarantined' }],
    ['revoked', { status: 'revoked' }],
    ['expired', { expiresAt: past }],
    ['not_yet_valid', { notBefore: later }],
    ['wrong_tenant', { tenant: 'else' as TenantId }],
  ] as const)('refuses one that is %s', async (reason, view) => {
    const { text } = rig.key(view);
    await rig.caughtUp();
    expect(await judged(bearer(text))).toBe(`401 ${reason}`);
  });

  it.each(['user', 'tenant'] as const)('refuses those of a %s that was revoked', async (kind) => {
    const { text } = rig.key();
    const target = { kind, id: kind === 'user' ? 'owner-1' : defaultTenant } as const;
    await rig.caughtUp();
    expect(await judged(bearer(text))).toBe('200 ok');
    rig.revoke(target);
    await rig.caughtUp();
    expect(await judged(bearer(text))).toBe('401 revoked');
    rig.clock.advanceMs(1);
    const { text: later } = rig.key({ createdAt: rig.clock.nowMs() });
    await rig.caughtUp();
    expect(await judged(bearer(later))).toBe('200 ok');
  });

  it('goes on refusing those that are edited after their owner was revoked', async () => {
    const createdAt = rig.clock.nowMs();
    const { text, id } = rig.key({ createdAt });
    rig.clock.advanceMs(1);
    rig.revoke({ kind: 'user', id: 'owner-1' });
    rig.feed.push({ type: 'key', key: { ...rig.feed.lastKey()!, scopes: ['read', 'write'] } });
    await rig.caughtUp();
    expect(rig.gateway.view.key(id)?.view.scopes).toContain('write');
    expect(await judged(bearer(text))).toBe('401 revoked');
  });

  it('refuses those made before a moment, and takes those made since', async () => {
    const createdAt = rig.clock.nowMs();
    const old = rig.key({ createdAt: (createdAt - 1) as UnixMs });
    const young = rig.key({ createdAt });
    rig.revoke({ kind: 'user', id: 'owner-1' }, (createdAt / 1000) as UnixSeconds);
    await rig.caughtUp();
    expect(await judged(bearer(old.text))).toBe('401 revoked');
    expect(await judged(bearer(young.text))).toBe('200 ok');
  });

  it('names the first of several reasons in the fixed order', async () => {
    const elsewhere = { allowedAddresses: ['10.0.0.0/8'], scopes: [] };
    const { text } = rig.key({ status: 'disabled', expiresAt: past, ...elsewhere });
    const second = rig.key({ expiresAt: past, ...elsewhere });
    const third = rig.key(elsewhere);
    await rig.caughtUp();
    expect(await judged(bearer(text), '/write')).toBe('401 disabled');
    expect(await judged(bearer(second.text), '/write')).toBe('401 expired');
    expect(await judged(bearer(third.text), '/write')).toBe('403 address_not_allowed');
  });

  it('refuses a wrong secret under a known id', async () => {
    const { id } = rig.key();
    const other = rig.key({ id: `${id.slice(0, -1)}Z` as KeyId });
    await rig.caughtUp();
    rig.feed.push({
      type: 'key',
      key: { ...rig.gateway.view.key(id)!.view, id: other.id as KeyId },
    });
    await rig.caughtUp();
    expect(await judged(bearer(other.text))).toBe('401 wrong_secret');
    expect(rig.decisions.at(-1)).toMatchObject({ authenticated: false, credentialId: other.id });
  });

  it('refuses a key once it is revoked, and never takes it back', async () => {
    const { text, id } = rig.key();
    await rig.caughtUp();
    const { view } = rig.gateway.view.key(id)!;
    expect(await judged(bearer(text))).toBe('200 ok');
    rig.revoke({ kind: 'key', id });
    await rig.caughtUp();
    expect(await judged(bearer(text))).toBe('401 revoked');
    rig.feed.push({ type: 'key', key: view });
    await rig.caughtUp();
    expect(await judged(bearer(text))).toBe('401 revoked');
  });

  it('keeps a key to its addresses, however the peer is spelt', async () => {
    const { text } = rig.key({ allowedAddresses: ['127.0.0.2/32'] });
    await rig.caughtUp();
    expect(await judged(bearer(text))).toBe('403 address_not_allowed');
    expect(await judged(bearer(text), '/', { localAddress: '127.0.0.2' })).toBe('200 ok');
  });

  it('lets nobody use a key whose address list cannot be read', async () => {
    const { text } = rig.key({ allowedAddresses: ['everywhere'] });
    await rig.caughtUp();
    expect(await judged(bearer(text))).toBe('403 address_not_allowed');
  });

  it('refuses what is no key of ours before any look-up', async () => {
    const { text } = rig.key();
    await rig.caughtUp();
    const wrong = text.slice(0, -1) + (text.endsWith('0') ? '1' : '0');
    expect(await judged(bearer(wrong))).toBe('401 bad_checksum');
    expect(await judged(bearer('other_key_abc'))).toBe('401 foreign_prefix');
    expect(rig.asked).toEqual([]);
  });
});

describe('routes', () => {
  it('lets anybody use an open route, and passes no credential on', async () => {
    expect(await judged({}, '/open')).toBe('200 ok');
    expect(await judged(bearer('nonsense'), '/open')).toBe('200 ok');
    expect(upstream.received()).not.toContain('nonsense');
  });

  it('takes no credential or a good one where it is optional', async () => {
    expect(await judged({}, '/maybe')).toBe('200 ok');
    expect(await judged(bearer(rig.token()), '/maybe')).toBe('200 ok');
    expect(await judged(bearer('nonsense'), '/maybe')).toBe('401 malformed');
  });

  it('takes the password of Basic only where the route says so', async () => {
    const { text } = rig.key();
    await rig.caughtUp();
    const basic = { authorization: `Basic ${Buffer.from(`user:${text}`).toString('base64')}` };
    expect(await judged(basic, '/basic')).toBe('200 ok');
    expect(await judged(basic, '/')).toBe('401 unsupported_scheme');
  });

  it('keeps a route to its addresses', async () => {
    const token = bearer(rig.token());
    expect(await judged(token, '/near')).toBe('403 address_not_allowed');
    expect(await judged(token, '/near', { localAddress: '127.0.0.2' })).toBe('200 ok');
  });

  it('refuses methods that no route takes', async () => {
    rig.route({ name: 'all', match: { methods: ['GET'] }, upstream: upstream.url });
    await rig.caughtUp();
    expect(await judged({}, '/get', { method: 'DELETE' })).toBe('405 method_not_allowed');
    expect(await judged(bearer(rig.token()), '/get', { method: 'HEAD' })).toBe('200 ok');
  });

  it('knows no route before it is told one, and none after it is deleted', async () => {
    rig.feed.push({ type: 'route', name: 'all', route: null });
    await rig.caughtUp();
    expect(await judged({}, '/elsewhere')).toBe('404 no_route');
    rig.route({ name: 'late', match: { path_prefix: '/elsewhere' }, upstream: upstream.url });
    await rig.caughtUp();
    expect(await judged(bearer(rig.token()), '/elsewhere')).toBe('200 ok');
  });

  it('drops a route that it cannot read, and says so', async () => {
    rig.feed.push({ type: 'route', name: 'all', route: { name: 'all', later: true } });
    await rig.caughtUp();
    expect(await judged(bearer(rig.token()), '/elsewhere')).toBe('404 no_route');
    expect(rig.events).toContainEqual({ type: 'route_unreadable', name: 'all' });
  });

  it('refuses a path that could be read in two ways', async () => {
    const headers = bearer(rig.token());
    expect(await judged(headers, '/a/%2e%2e/b')).toBe('400 dot_segment');
    expect(await judged(headers, '/a%2fb')).toBe('400 encoded_slash');
    expect(await judged(headers, '/a;b')).toBe('400 path_parameter');
  });
});

describe('challenges (RFC 6750 §3)', () => {
  async function challenge(headers: Record<string, string>, path = '/'): Promise<unknown> {
    const answer = await ask(rig.listener.port, { path, headers });
    const told = answer.headers['www-authenticate']?.toString();
    // The scheme of bound tokens, and where the metadata is, stand in tests of their own.
    const plain = told?.replace(/, DPoP .*$/, '').replace(/, resource_metadata="[^"]+"$/, '');
    return [answer.status, plain, JSON.parse(answer.body).code];
  }

  it('tells whoever came without a credential no error', async () => {
    expect(await challenge({})).toEqual([401, 'Bearer realm="mintmark"', 'unauthenticated']);
  });

  it('says the same of every bad credential', async () => {
    const { text } = rig.key({ status: 'disabled' });
    const unknown = rig.key();
    rig.feed.push({
      type: 'revocation',
      target: { kind: 'key', id: unknown.id },
      expiresAt: 0 as never,
    });
    await rig.caughtUp();
    const expected = [401, 'Bearer realm="mintmark", error="invalid_token"', 'invalid_token'];
    expect(await challenge(bearer(text))).toEqual(expected);
    expect(await challenge(bearer(unknown.text))).toEqual(expected);
    expect(await challenge(bearer('a.b.c'))).toEqual(expected);
  });

  it('names the scopes that were missing', async () => {
    expect(await challenge(bearer(rig.token()), '/write')).toEqual([
      403,
      'Bearer realm="mintmark", error="insufficient_scope", scope="read write"',
      'insufficient_scope',
    ]);
  });

  it('refuses two credentials, and one in the query', async () => {
    const token = rig.token();
    const expected = [400, 'Bearer realm="mintmark", error="invalid_request"', 'invalid_request'];
    expect(await challenge({ ...bearer(token), 'x-api-key': 'mm_key_x' })).toEqual(expected);
    expect(await challenge({}, `/?access_token=${token}`)).toEqual(expected);
    expect(await challenge({}, `/?%61ccess_token=${token}`)).toEqual(expected);
    for (const query of [
      'q=mm_key_abc',
      'q=%6d%6D_key_abc',
      'q=%zz%6dm%5fkey_abc',
      'a=1;access_token=x',
      'a=1&Access%5FToken',
      'Access_Token=x',
      'a=1&ACCESS_TOKEN',
    ]) {
      expect(await challenge({}, `/?${query}`)).toEqual(expected);
    }
    expect(await challenge({}, '/?access_token_type=x&q=%6dm_keys')).toEqual([
      ...[401, 'Bearer realm="mintmark"', 'unauthenticated'],
    ]);
  });

  it('marks its answers as nobody else’s', async () => {
    const refused = await ask(rig.listener.port, {});
    expect(refused.headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(refused.headers['vary']).toContain('Authorization');
    const allowed = await ask(rig.listener.port, { headers: bearer(rig.token()) });
    expect(allowed.headers['vary']).toBe('Authorization, X-Api-Key');
  });
});

describe('what is recorded', () => {
  it('never holds a token', async () => {
    const { text } = rig.key();
    const token = rig.token();
    await rig.caughtUp();
    await judged({}, `/x?access_token=${token}`);
    await judged({ 'x-api-key': text }, `/in-path/${text}`);
    await judged(bearer(`${token}x`));
    const record = JSON.stringify(rig.decisions) + JSON.stringify(rig.events);
    expect(record).not.toContain(text.slice(-20));
    expect(record).not.toContain(token.split('.')[2]);
  });

  it('says that a key was rotated, inside its overlap and after it', async () => {
    const seconds = Math.floor(rig.clock.nowMs() / 1000);
    const old = rig.key({ successor: 'next' as KeyId, expiresAt: (seconds + 60) as UnixSeconds });
    const plain = rig.key();
    await rig.caughtUp();
    await judged({ 'x-api-key': plain.text });
    expect(rig.decisions.at(-1)).not.toHaveProperty('rotated');
    await judged({ 'x-api-key': old.text });
    expect(rig.decisions.at(-1)).toMatchObject({ verdict: 'allow', rotated: true });
    rig.clock.setWallMs((seconds + 60) * 1000);
    await judged({ 'x-api-key': old.text });
    expect(rig.decisions.at(-1)).toMatchObject({
      verdict: 'deny',
      reason: 'expired',
      authenticated: true,
      rotated: true,
    });
  });

  it('bounds the path', async () => {
    await judged(bearer(rig.token()), `/${'a'.repeat(4000)}`);
    expect(rig.decisions.at(-1)?.path).toHaveLength(512);
  });
});
