/** The authorization code grant, as clients and thieves see it. */
import { defaultTenant, limits } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { appRules, type Credentials, type GrantBed, grantBed } from './grant-bed.ts';

let bed: GrantBed;
let other: Credentials;

beforeEach(async () => {
  bed = await grantBed();
  other = await bed.addClient(appRules);
});

const invalidGrant = { status: 400, json: { error: 'invalid_grant' } };

describe('a code', () => {
  it('gives the tokens that were agreed to', async () => {
    const answer = await bed.redeem(await bed.code());
    expect(answer).toMatchObject({
      status: 200,
      json: { token_type: 'Bearer', scope: 'read write', expires_in: 600 },
    });
    const found = await bed.post(
      '/oauth2/introspect',
      { token: String(answer.json['access_token']) },
      bed.app,
    );
    expect(found.json).toMatchObject({
      active: true,
      sub: bed.user,
      client_id: bed.app.clientId,
      aud: 'https://api.example',
      scope: 'read write',
    });
    expect(found.json['mm_family']).toMatch(/^\w+$/);
  });

  it('is recorded with the family that it began', async () => {
    const answer = await bed.redeem(await bed.code());
    const token = String(answer.json['access_token']);
    const found = await bed.post('/oauth2/introspect', { token }, bed.app);
    const [record] = await bed.records('token.issue');
    expect(record).toMatchObject({
      actor: { kind: 'client', id: bed.app.clientId },
      related: { kind: 'family', id: found.json['mm_family'] },
      detail: { subject: bed.user, grant: 'authorization_code', refresh: 'begin' },
    });
  });

  it('gives an opaque token of the same family, where the client has those', async () => {
    const by = await bed.addClient({ ...appRules, accessTokenFormat: 'opaque' });
    const answer = await bed.redeem(await bed.code({}, by), {}, by);
    const [row] = await bed.store.tokens.list({ limit: 1 });
    const [family] = await bed.store.refreshFamilies.list({ limit: 1 });
    expect(row).toMatchObject({ subject: bed.user, family: family?.family });
    expect(await bed.isActive(answer.json['access_token'], by)).toBe(true);
  });

  it('gives a refresh token only to a client that is registered for that', async () => {
    const by = await bed.addClient({ ...appRules, grantTypes: ['authorization_code'] });
    const answer = await bed.redeem(await bed.code({ scopes: ['offline_access'] }, by), {}, by);
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.json).not.toHaveProperty('refresh_token');
  });

  it('may be narrowed to some of its resources, never to others (RFC 8707)', async () => {
    const audience = ['https://api.example', 'https://two.example'];
    const one = await bed.redeem(await bed.code({ audience }), { resource: audience[1] });
    expect(await audienceOf(one.json['access_token'])).toBe('https://two.example');
    const both = await bed.redeem(await bed.code({ audience }));
    expect(await audienceOf(both.json['access_token'])).toEqual(audience);
    const foreign = await bed.redeem(await bed.code(), { resource: 'https://other.example' });
    expect(foreign).toMatchObject({ status: 400, json: { error: 'invalid_target' } });
  });

  async function audienceOf(token: unknown): Promise<unknown> {
    const found = await bed.post('/oauth2/introspect', { token: String(token) }, bed.app);
    return found.json['aud'];
  }

  it('is refused without the grant, or without itself', async () => {
    const by = await bed.addClient({ grantTypes: ['client_credentials'] });
    expect(await bed.redeem(await bed.code({}, by), {}, by)).toMatchObject({
      status: 400,
      json: { error: 'unauthorized_client' },
    });
    expect(await bed.redeem('', { code: undefined })).toMatchObject({
      status: 400,
      json: { error: 'invalid_request', error_description: 'code is missing' },
    });
    expect(await bed.redeem('mm_ac_x')).toMatchObject(invalidGrant);
  });

  it('ends after a minute', async () => {
    const text = await bed.code();
    bed.clock.advanceMs(limits.authorizationCodeSeconds * 1000);
    expect(await bed.redeem(text)).toMatchObject(invalidGrant);
  });
});

describe('a second use', () => {
  it('is refused, and ends all that the first gave, in one recorded act', async () => {
    const text = await bed.code();
    const first = await bed.redeem(text);
    expect(first.status).toBe(200);
    expect(await bed.redeem(text)).toMatchObject(invalidGrant);
    expect(await bed.isActive(first.json['access_token'])).toBe(false);
    expect(await bed.refresh(String(first.json['refresh_token']))).toMatchObject(invalidGrant);
    const [record] = await bed.records('token.refuse');
    expect(record).toMatchObject({ result: 'grant_reused', object: { kind: 'code' } });
    const [revocation] = await bed.store.revocations.list({ limit: 1 });
    expect(revocation).toMatchObject({ targetKind: 'family', actor: `client:${bed.app.clientId}` });
  });

  it('also ends what a refresh gave meanwhile', async () => {
    const text = await bed.code();
    const first = await bed.redeem(text);
    const second = await bed.refresh(String(first.json['refresh_token']));
    expect(second.status).toBe(200);
    await bed.redeem(text);
    expect(await bed.isActive(second.json['access_token'])).toBe(false);
    expect(await bed.refresh(String(second.json['refresh_token']))).toMatchObject(invalidGrant);
  });

  it('and all after it change nothing more', async () => {
    const text = await bed.code();
    await bed.redeem(text);
    for (let use = 0; use < 5; use++) expect(await bed.redeem(text)).toMatchObject(invalidGrant);
    expect(await bed.store.revocations.count()).toBe(1);
    expect(await bed.records('token.refuse')).toHaveLength(1);
  });

  it('by another client, or by nobody, ends nothing', async () => {
    const text = await bed.code();
    const first = await bed.redeem(text);
    expect(await bed.redeem(text, {}, other)).toMatchObject(invalidGrant);
    const impostor = { ...bed.app, secret: 'wrong' };
    expect(await bed.redeem(text, {}, impostor)).toMatchObject({ status: 401 });
    expect(await bed.isActive(first.json['access_token'])).toBe(true);
  });

  it('of many at once, one wins', async () => {
    const text = await bed.code();
    const there = await bed.replica();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 === 0 ? bed : there).post('/oauth2/token', bed.redemption(text), bed.app),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expect(answer).toMatchObject(invalidGrant);
    }
    const winner = answers.find(({ status }) => status === 200);
    expect(await bed.isActive(winner?.json['access_token'])).toBe(false);
  });
});

describe('a code tried by whoever it does not belong to', () => {
  it('stays good for its owner', async () => {
    const text = await bed.code();
    expect(await bed.redeem(text, {}, other)).toMatchObject(invalidGrant);
    const wrongVerifier = { code_verifier: 'x'.repeat(43) };
    expect(await bed.redeem(text, wrongVerifier, other)).toMatchObject(invalidGrant);
    const impostor = { ...bed.app, secret: 'wrong' };
    expect(await bed.redeem(text, wrongVerifier, impostor)).toMatchObject({ status: 401 });
    expect(await bed.redeem(text)).toMatchObject({ status: 200 });
  });
});

describe('a wrong guess by its owner', () => {
  it.each<[string, Record<string, string | undefined>]>([
    ['another verifier', { code_verifier: 'x'.repeat(43) }],
    ['no verifier', { code_verifier: undefined }],
    ['a verifier too short to be one', { code_verifier: 'x'.repeat(42) }],
    ['a verifier of other characters', { code_verifier: `${'x'.repeat(43)}+` }],
    ['another redirect URI', { redirect_uri: 'https://app.example/cb/' }],
    ['no redirect URI, where one was named', { redirect_uri: undefined }],
  ])('spends the code: %s', async (_, form) => {
    const text = await bed.code();
    expect(await bed.redeem(text, form)).toMatchObject(invalidGrant);
    expect(await bed.records('token.refuse')).toHaveLength(1);
    expect(await bed.redeem(text)).toMatchObject(invalidGrant);
  });

  it('is the plain challenge itself: S256 only', async () => {
    const codeChallenge = 'c'.repeat(43);
    const text = await bed.code({ codeChallenge });
    expect(await bed.redeem(text, { code_verifier: codeChallenge })).toMatchObject(invalidGrant);
  });

  it('is a verifier where there was no challenge', async () => {
    const text = await bed.code({ codeChallenge: null });
    expect(await bed.redeem(text)).toMatchObject(invalidGrant);
    const plain = await bed.code({ codeChallenge: null });
    expect(await bed.redeem(plain, { code_verifier: undefined })).toMatchObject({ status: 200 });
  });
});

describe('the redirect URI', () => {
  it('need not be repeated where the request named none, and is compared if it is', async () => {
    const terms = { redirectUriGiven: false };
    const without = await bed.redeem(await bed.code(terms), { redirect_uri: undefined });
    expect(without).toMatchObject({ status: 200 });
    expect(await bed.redeem(await bed.code(terms))).toMatchObject({ status: 200 });
    const wrong = await bed.redeem(await bed.code(terms), { redirect_uri: 'https://evil.example' });
    expect(wrong).toMatchObject(invalidGrant);
  });
});

describe('a code of what has ended since', () => {
  it.each([
    ['user', () => bed.user as string],
    ['client', () => bed.app.clientId as string],
  ])('is refused: %s revoked', async (kind, id) => {
    const text = await bed.code();
    const json = { target: { kind, id: id() }, reason: 'x' };
    expect(await bed.manage('POST', '/v1/revocations', { json })).toMatchObject({ status: 200 });
    expect(await bed.redeem(text)).toMatchObject(invalidGrant);
    expect(await bed.redeem(await bed.code())).toMatchObject({ status: 200 });
  });

  it('is refused: revoked by another process, in the act itself', async () => {
    const there = await bed.replica();
    const text = await bed.code();
    const json = { target: { kind: 'user', id: bed.user }, reason: 'x' };
    await there.manage('POST', '/v1/revocations', { json });
    expect(await bed.redeem(text)).toMatchObject(invalidGrant);
  });

  it('is refused: user disabled', async () => {
    const text = await bed.code();
    const where = { tenant: defaultTenant, id: bed.user };
    const set = { status: 'disabled' } as const;
    await bed.store.acts.run({
      steps: [{ do: 'update', table: 'users', where, set }],
      audit: null,
    });
    expect(await bed.redeem(text)).toMatchObject(invalidGrant);
  });

  it('is refused: bound to a key that nobody shows', async () => {
    expect(await bed.redeem(await bed.code({ dpopJkt: 'thumbprint' }))).toMatchObject(invalidGrant);
  });
});
