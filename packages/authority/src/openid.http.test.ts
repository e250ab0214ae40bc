/** ID tokens and the userinfo endpoint, as relying parties see them. */
import { createHash } from 'node:crypto';
import { defaultTenant } from '@mintmark/core';
import {
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  type JWTVerifyOptions,
  jwtVerify,
  SignJWT,
} from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { basicHeader } from './authority-bed.ts';
import type { ClientRules } from './clients/client-rules.ts';
import { aliceClaims, appRules, type Credentials, type GrantBed, grantBed } from './grant-bed.ts';
import { buildRequest } from './http/management/request-builder.ts';
import type { CodeTerms } from './issuance/authorization-code.ts';

let bed: GrantBed;
let app: Credentials;

const rules: Partial<ClientRules> = { ...appRules, idTokenAlgorithm: 'ES256' };
const openid = { scopes: ['openid', 'email'], nonce: 'n-1', acr: 'urn:password' };

beforeEach(async () => {
  bed = await grantBed();
  app = await bed.addClient(rules);
});

async function signIn(terms: Partial<CodeTerms> = openid, by: Credentials = app) {
  const answer = await bed.redeem(await bed.code(terms, by), {}, by);
  expect(answer.status).toBe(200);
  return answer.json as Readonly<Record<'access_token' | 'id_token' | 'refresh_token', string>>;
}

async function verified(token: string, options: JWTVerifyOptions = {}) {
  const jwks = (await bed.get('/.well-known/jwks.json')).json;
  const currentDate = new Date(bed.clock.nowMs());
  return jwtVerify(token, createLocalJWKSet(jwks as never), { currentDate, ...options });
}

async function ask(token: string, scheme = 'Bearer') {
  return bed.get('/oauth2/userinfo', { authorization: `${scheme} ${token}` });
}

describe('an ID token', () => {
  it('tells a relying party who signed in, when and how', async () => {
    const { id_token } = await signIn();
    const { payload } = await verified(id_token, {
      issuer: 'https://issuer.example',
      audience: app.clientId,
      typ: 'JWT',
    });
    expect(payload).toMatchObject({
      sub: bed.user,
      azp: app.clientId,
      nonce: 'n-1',
      auth_time: 1_789_999_990,
      acr: 'urn:password',
      amr: ['pwd'],
      sid: 'session',
      exp: 1_790_000_000 + 3600,
    });
    expect(payload['at_hash']).toMatch(/^[\w-]{22}$/);
    // Claims of scopes are for the userinfo endpoint (§5.4).
    expect(payload).not.toHaveProperty('email');
  });

  it('is given for openid only', async () => {
    expect(await signIn({ scopes: ['email'] })).not.toHaveProperty('id_token');
  });

  it('holds the claims that were asked of it by name, where there are any', async () => {
    const claims = { id_token: { email: null, phone_number: { essential: true }, nickname: {} } };
    const { id_token } = await signIn({ ...openid, claims });
    const { payload } = await verified(id_token);
    expect(payload).toMatchObject({ email: aliceClaims.email, phone_number: '+1 555 0100' });
    expect(payload).not.toHaveProperty('nickname');
    expect(payload).not.toHaveProperty('name');
  });

  it('comes again with a refresh: same person, same sign-in, no nonce (§12.2)', async () => {
    const first = await signIn();
    bed.clock.advanceMs(60_000);
    const again = await bed.refresh(first.refresh_token, {}, app);
    const { payload } = await verified(String(again.json['id_token']));
    expect(payload).toMatchObject({ sub: bed.user, auth_time: 1_789_999_990, sid: 'session' });
    expect(payload.iat).toBe(1_790_000_060);
    expect(payload).not.toHaveProperty('nonce');
    const narrow = await bed.refresh(String(again.json['refresh_token']), { scope: 'email' }, app);
    expect(narrow.json).not.toHaveProperty('id_token');
  });

  it.each(['RS256', 'PS256', 'EdDSA', 'ML-DSA-44'] as const)(
    'is signed by %s where the client asks for it, with a key made for that',
    async (idTokenAlgorithm) => {
      const by = await bed.addClient({ ...rules, idTokenAlgorithm });
      const { id_token } = await signIn(openid, by);
      const header = JSON.parse(Buffer.from(id_token.split('.')[0]!, 'base64url').toString());
      expect(header.alg).toBe(idTokenAlgorithm);
      const jwks = (await bed.get('/.well-known/jwks.json')).json['keys'] as { kid: string }[];
      expect(jwks.map(({ kid }) => kid)).toContain(header.kid);
      if (!idTokenAlgorithm.startsWith('ML')) await verified(id_token, { audience: by.clientId });
      const { json } = await bed.get('/.well-known/openid-configuration');
      expect(json['id_token_signing_alg_values_supported']).toContain(idTokenAlgorithm);
    },
  );

  it('is no access token', async () => {
    const { id_token } = await signIn();
    expect(await bed.isActive(id_token, app)).toBe(false);
    expect(await ask(id_token)).toMatchObject({ status: 401 });
  });
});

describe('the userinfo endpoint', () => {
  it('gives the claims of the scopes, to GET and POST', async () => {
    const { access_token } = await signIn();
    const expected = { sub: bed.user, email: aliceClaims.email, email_verified: true };
    const got = await ask(access_token);
    expect(got).toMatchObject({ status: 200, json: expected });
    expect(got.json).toEqual(expected);
    expect(got.headers).toMatchObject({
      'cache-control': 'no-store',
      vary: 'Authorization, Origin',
    });
    const posted = await bed.post('/oauth2/userinfo', { access_token });
    expect(posted).toMatchObject({ status: 200, json: expected });
    const headers = { authorization: `bearer ${access_token}` };
    const bare = await bed.authority.handle(buildRequest('POST', '/oauth2/userinfo', { headers }));
    expect(bare.status).toBe(200);
  });

  it('gives what was asked of it by name, also after a refresh', async () => {
    const claims = { userinfo: { name: null, unknown_claim: null } };
    const first = await signIn({ ...openid, claims });
    expect((await ask(first.access_token)).json).toMatchObject({ name: 'Alice', sub: bed.user });
    const again = await bed.refresh(first.refresh_token, {}, app);
    expect((await ask(String(again.json['access_token']))).json).toMatchObject({ name: 'Alice' });
    expect((await ask((await signIn()).access_token)).json).not.toHaveProperty('name');
  });

  it('is signed where the client asks for it', async () => {
    const by = await bed.addClient({ ...rules, userinfoAlgorithm: 'ES256' });
    const answer = await ask((await signIn(openid, by)).access_token);
    expect(answer.headers['content-type']).toBe('application/jwt');
    const { payload } = await verified(answer.text, {
      issuer: 'https://issuer.example',
      audience: by.clientId,
    });
    expect(payload).toMatchObject({ sub: bed.user, email: aliceClaims.email });
  });

  it('asks for a token, and says no more (RFC 6750 §3.1)', async () => {
    const answer = await bed.get('/oauth2/userinfo');
    expect(answer).toMatchObject({ status: 401, json: {} });
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="mintmark"');
  });

  it('refuses what is no live token of a person', async () => {
    const { access_token, refresh_token } = await signIn();
    for (const token of ['x', `${access_token}x`, refresh_token]) {
      const answer = await ask(token);
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
    }
    const machine = await bed.addClient({ scopes: ['openid'] });
    const own = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, machine);
    expect(await ask(String(own.json['access_token']))).toMatchObject({ status: 401 });
    await bed.post('/oauth2/revoke', { token: access_token }, app);
    expect(await ask(access_token)).toMatchObject({ status: 401 });
  });

  it('refuses a token of a user who was disabled', async () => {
    const { access_token } = await signIn();
    const where = { tenant: defaultTenant, id: bed.user };
    const set = { status: 'disabled' } as const;
    await bed.store.acts.run({
      steps: [{ do: 'update', table: 'users', where, set }],
      audit: null,
    });
    expect(await ask(access_token)).toMatchObject({ status: 401 });
  });

  it('refuses a token without openid: 403', async () => {
    const answer = await ask((await signIn({ scopes: ['email'] })).access_token);
    expect(answer).toMatchObject({ status: 403, json: { error: 'insufficient_scope' } });
    expect(answer.headers['www-authenticate']).toContain('scope="openid"');
  });

  it('refuses a token in the URL, and two tokens at once', async () => {
    const { access_token } = await signIn();
    const request = buildRequest('GET', `/oauth2/userinfo?access_token=${access_token}`, {});
    expect(await bed.authority.handle(request)).toMatchObject({ status: 400 });
    const headers = {
      authorization: `Bearer ${access_token}`,
      'content-type': 'application/x-www-form-urlencoded',
    };
    const body = `access_token=${access_token}`;
    const twice = buildRequest('POST', '/oauth2/userinfo', { headers, body });
    expect(await bed.authority.handle(twice)).toMatchObject({ status: 400 });
  });
});

describe('the userinfo endpoint, with a token that is bound to a key', () => {
  const at = 'https://issuer.example/oauth2';
  let sender: Awaited<ReturnType<typeof generateKeyPair>>;
  let token = '';
  let count = 0;

  async function prove(claims: Record<string, unknown> = {}, by = sender): Promise<string> {
    const iat = Math.floor(bed.clock.nowMs() / 1000);
    const ath = createHash('sha256').update(token).digest('base64url');
    const whole = { htm: 'GET', htu: `${at}/userinfo`, iat, jti: `proof-${count++}`, ath };
    return new SignJWT({ ...whole, ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(by.publicKey) })
      .sign(by.privateKey);
  }

  const use = (dpop: string, scheme = 'DPoP') =>
    bed.get('/oauth2/userinfo', { authorization: `${scheme} ${token}`, dpop });

  beforeEach(async () => {
    sender = await generateKeyPair('ES256');
    const body = new URLSearchParams(bed.redemption(await bed.code(openid, app))).toString();
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: basicHeader(app.clientId, app.secret),
      dpop: await prove({ htm: 'POST', htu: `${at}/token` }),
    };
    const request = buildRequest('POST', '/oauth2/token', { headers, body });
    token = JSON.parse(String((await bed.authority.handle(request)).body)).access_token;
  });

  it('answers its holder, once for each proof', async () => {
    const proof = await prove();
    expect(await use(proof)).toMatchObject({ status: 200, json: { sub: bed.user } });
    const again = await use(proof);
    expect(again).toMatchObject({ status: 401, json: { error: 'invalid_dpop_proof' } });
    expect(again.headers['www-authenticate']).toMatch(/^DPoP .*algs="/);
    expect(again.headers['dpop-nonce']).toBeDefined();
  });

  it('refuses it from its bearer, by another key, for another request or token', async () => {
    expect(await ask(token)).toMatchObject({ status: 401, json: { error: 'invalid_token' } });
    expect(await use(await prove(), 'Bearer')).toMatchObject({ status: 401 });
    const other = await generateKeyPair('ES256');
    expect(await use(await prove({}, other))).toMatchObject({ status: 401 });
    for (const claims of [{ htm: 'POST' }, { htu: `${at}/token` }, { ath: 'x' }, { nonce: 'x' }]) {
      expect(await use(await prove(claims))).toMatchObject({ status: 401 });
    }
    expect(await ask(token, 'DPoP')).toMatchObject({ status: 401 });
  });

  it('takes no proof for a token of whoever bears it', async () => {
    token = (await signIn()).access_token;
    expect(await use(await prove())).toMatchObject({ status: 401 });
    expect(await ask(token)).toMatchObject({ status: 200 });
  });
});

describe('a pairwise client', () => {
  const pairwise: Partial<ClientRules> = { ...rules, subjectType: 'pairwise' };

  it('knows a person by a subject of its own, the same everywhere and for ever', async () => {
    const by = await bed.addClient(pairwise);
    const first = await signIn(openid, by);
    const { sub } = (await verified(first.id_token)).payload;
    expect(sub).not.toBe(bed.user);
    expect((await ask(first.access_token)).json['sub']).toBe(sub);
    await bed.restart();
    const second = await signIn(openid, by);
    expect((await verified(second.id_token)).payload.sub).toBe(sub);
    // A JWT would show it the subject of everybody else.
    expect(first.access_token).toMatch(/^mm_at_/);
    const found = await bed.post('/oauth2/introspect', { token: first.access_token }, by);
    expect(found.json['sub']).toBe(sub);
  });

  it('shares it with its sector, and with nobody else', async () => {
    const sector = (host: string) => ({ ...pairwise, redirectUris: [`https://${host}/cb`] });
    const subjects = [];
    for (const host of ['app.example', 'app.example', 'other.example']) {
      const by = await bed.addClient(sector(host));
      const redirectUri = `https://${host}/cb`;
      const code = await bed.code({ ...openid, redirectUri }, by);
      const answer = await bed.redeem(code, { redirect_uri: redirectUri }, by);
      subjects.push((await verified(String(answer.json['id_token']))).payload.sub);
    }
    expect(subjects[0]).toBe(subjects[1]);
    expect(subjects[2]).not.toBe(subjects[0]);
    const sectorIdentifierUri = 'https://app.example/sector.json';
    const by = await bed.addClient({ ...sector('third.example'), sectorIdentifierUri });
    const redirectUri = 'https://third.example/cb';
    const code = await bed.code({ ...openid, redirectUri }, by);
    const answer = await bed.redeem(code, { redirect_uri: redirectUri }, by);
    expect((await verified(String(answer.json['id_token']))).payload.sub).toBe(subjects[0]);
  });
});
