import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bedConfig } from './authority-bed.ts';
import { answerOf, asAlice, redirectUri, type SignInBed, signInBed } from './sign-in-bed.ts';

let own: Awaited<ReturnType<typeof generateKeyPair>>;
let foreign: Awaited<ReturnType<typeof generateKeyPair>>;
let bed: SignInBed;

beforeAll(async () => {
  own = await generateKeyPair('ES256');
  foreign = await generateKeyPair('ES256');
});

const jwksOf = async () => ({
  keys: [{ ...(await exportJWK(own.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }],
});

beforeEach(async () => {
  bed = await signInBed({ jwks: (await jwksOf()) as never });
});

interface Signing {
  readonly claims?: JWTPayload;
  readonly typ?: string | undefined;
  readonly kid?: string;
  readonly by?: CryptoKey;
}

async function signed({ claims = {}, typ, kid = 'k1', by = own.privateKey }: Signing = {}) {
  const all = { iss: bed.app.clientId, aud: bedConfig.issuer, ...bed.parametersOf(), ...claims };
  const header = { alg: 'ES256', kid, ...(typ === undefined ? {} : { typ }) };
  return new SignJWT(all).setProtectedHeader(header).sign(by);
}

const outer = (more: Record<string, string>) =>
  `/oauth2/authorize?${new URLSearchParams({ client_id: bed.app.clientId, ...more })}`;

const seconds = () => Math.floor(bed.clock.nowMs() / 1000);

describe('a signed request', () => {
  test.each([undefined, 'JWT', 'oauth-authz-req+jwt'])('of the type %s is taken', async (typ) => {
    const browser = bed.browse();
    const login = await browser.open(outer({ request: await signed({ typ }) }));
    const consent = await browser.submit(login, asAlice);
    expect(answerOf(await browser.submit(consent))).toMatchObject({ state: 'st-1' });
  });

  test('counts alone: nothing beside it adds or changes anything', async () => {
    const browser = await bed.settled();
    const more = { scope: 'openid profile read', state: 'other', prompt: 'none' };
    const request = await signed({ claims: { state: 'signed' } });
    expect(answerOf(await browser.open(outer({ ...more, request })))).toMatchObject({
      code: expect.any(String),
      state: 'signed',
    });
    const nothing = await signed({ claims: { redirect_uri: undefined } });
    const shown = await browser.open(outer({ redirect_uri: redirectUri, request: nothing }));
    expect([shown.status, shown.headers['location']]).toEqual([400, undefined]);
  });

  test('may hold numbers, objects and lists where a form holds their text', async () => {
    const browser = await bed.settled();
    const claims = {
      max_age: 3600,
      claims: { id_token: { auth_time: { essential: true } } },
      resource: ['https://api.example'],
      prompt: 'none',
    };
    const request = await signed({ claims });
    expect(answerOf(await browser.open(outer({ request })))).toMatchObject({
      error: 'consent_required',
    });
  });

  test('may be pushed', async () => {
    const { status, json } = await bed.post('/oauth2/par', { request: await signed() }, bed.app);
    expect(status).toBe(201);
    const visit = outer({ request_uri: String(json['request_uri']) });
    expect((await bed.browse().open(visit)).url).toMatch(/^\/login/);
  });

  test.each<[string, () => Signing]>([
    ['another key', () => ({ by: foreign.privateKey })],
    ['an unknown key', () => ({ kid: 'k2' })],
    ['another issuer', () => ({ claims: { iss: 'other' } })],
    ['another client', () => ({ claims: { client_id: 'other' } })],
    ['no client', () => ({ claims: { client_id: undefined } })],
    ['another server', () => ({ claims: { aud: 'https://other.example' } })],
    ['no server', () => ({ claims: { aud: undefined as never } })],
    ['the past', () => ({ claims: { exp: seconds() } })],
    ['the future', () => ({ claims: { nbf: seconds() + 61 } })],
    ['a client assertion', () => ({ claims: { sub: bed.app.clientId } })],
    ['another type', () => ({ typ: 'at+jwt' })],
    ['a request inside', () => ({ claims: { request: 'x' } })],
    ['a reference inside', () => ({ claims: { request_uri: 'https://x.example' } })],
    ['a list', () => ({ claims: { scope: ['openid'] } })],
    ['null', () => ({ claims: { state: null } })],
  ])('is refused with %s, where the plain parameters lead', async (_title, of) => {
    const request = await signed(of());
    const plain = { redirect_uri: redirectUri, state: 'plain' };
    expect(answerOf(await bed.browse().open(outer({ ...plain, request })))).toMatchObject({
      error: 'invalid_request_object',
      state: 'plain',
    });
    const nowhere = await bed.browse().open(outer({ scope: 'openid', request }));
    expect([nowhere.status, nowhere.headers['location']]).toEqual([400, undefined]);
    expect(nowhere.text).toContain('The signed request of the application cannot be accepted.');
    const pushed = await bed.post('/oauth2/par', { request }, bed.app);
    expect([pushed.status, pushed.json['error']]).toEqual([400, 'invalid_request_object']);
  });

  test.each(['x', 'a.b.c', `e30.e30.`, 'eyJhbGciOiJub25lIn0.e30.'])(
    'is not %j',
    async (request) => {
      const plain = { redirect_uri: redirectUri };
      expect(answerOf(await bed.browse().open(outer({ ...plain, request })))).toMatchObject({
        error: 'invalid_request_object',
      });
    },
  );

  test('does not stand beside a reference', async () => {
    const plain = { redirect_uri: redirectUri, request_uri: 'https://x.example/1' };
    const request = await signed();
    expect(answerOf(await bed.browse().open(outer({ ...plain, request })))).toMatchObject({
      error: 'request_uri_not_supported',
    });
    const pushed = await bed.post('/oauth2/par', { ...plain, request }, bed.app);
    expect([pushed.status, pushed.json['error']]).toEqual([400, 'request_uri_not_supported']);
  });

  test('leads nowhere that the client did not register', async () => {
    const request = await signed({ claims: { redirect_uri: 'https://evil.example/' } });
    const shown = await bed.browse().open(outer({ redirect_uri: redirectUri, request }));
    expect([shown.status, shown.headers['location']]).toEqual([400, undefined]);
  });
});

describe('a client', () => {
  test('that has no keys signs nothing', async () => {
    const app = await bed.addApp();
    const request = await signed({ claims: { iss: app.clientId, client_id: app.clientId } });
    const more = { client_id: app.clientId, redirect_uri: redirectUri, request };
    expect(answerOf(await bed.browse().open(outer(more)))).toMatchObject({
      error: 'invalid_request_object',
    });
  });

  test('that chose an algorithm is held to it', async () => {
    const app = await bed.addApp({
      jwks: (await jwksOf()) as never,
      requestObjectAlgorithm: 'PS256',
    });
    const request = await signed({ claims: { iss: app.clientId, client_id: app.clientId } });
    const more = { client_id: app.clientId, redirect_uri: redirectUri, request };
    expect(answerOf(await bed.browse().open(outer(more)))).toMatchObject({
      error: 'invalid_request_object',
    });
  });

  test('that must sign is refused without', async () => {
    const app = await bed.addApp({ requireSignedRequestObject: true });
    const open = bed.authorizeUrl({ client_id: app.clientId });
    expect(answerOf(await bed.browse().open(open))).toMatchObject({
      error: 'invalid_request',
      error_description: 'the request must be signed',
    });
  });

  test('under FAPI 2.0 signs for a time', async () => {
    const app = await bed.addApp({
      jwks: (await jwksOf()) as never,
      securityProfile: 'fapi2',
    });
    const claims = { iss: app.clientId, client_id: app.clientId };
    const push = async (more: JWTPayload) => {
      const request = await signed({ claims: { ...claims, ...more } });
      return bed.post('/oauth2/par', { request }, app);
    };
    expect((await push({})).json['error']).toBe('invalid_request_object');
    expect((await push({ exp: seconds() + 60 })).json['error']).toBe('invalid_request_object');
    expect((await push({ exp: seconds() + 60, nbf: seconds() })).status).toBe(201);
    const [hour, now] = [3600, seconds()];
    expect((await push({ nbf: now - hour, exp: now + 1 })).status).toBe(400);
    expect((await push({ nbf: now - hour, exp: now })).status).toBe(400);
    expect((await push({ nbf: now - hour - 1, exp: now + 1 })).status).toBe(400);
    expect((await push({ nbf: now, exp: now + hour })).status).toBe(201);
    expect((await push({ nbf: now, exp: now + hour + 1 })).status).toBe(400);
    expect((await push({ nbf: now - 10, exp: now + hour - 10 })).status).toBe(201);
  });

  test('under FAPI 2.0 does not sign by RS256', async () => {
    const rsa = await generateKeyPair('RS256');
    const jwks = { keys: [{ ...(await exportJWK(rsa.publicKey)), kid: 'r1', use: 'sig' }] };
    for (const [securityProfile, status] of [
      ['none', 201],
      ['fapi2', 400],
    ] as const) {
      const app = await bed.addApp({ jwks: jwks as never, securityProfile });
      const times = { nbf: seconds(), exp: seconds() + 60 };
      const named = { iss: app.clientId, client_id: app.clientId, aud: bedConfig.issuer };
      const request = await new SignJWT({ ...bed.parametersOf(), ...named, ...times })
        .setProtectedHeader({ alg: 'RS256', kid: 'r1' })
        .sign(rsa.privateKey);
      expect((await bed.post('/oauth2/par', { request }, app)).status).toBe(status);
    }
  });
});

describe('a signed request by reference', () => {
  const url = 'https://app.example/request.jwt';
  const refer = (request_uri = url, more: Record<string, string> = {}) =>
    outer({ request_uri, ...more });

  async function publish(claims: JWTPayload = {}) {
    const headers = new Headers({ 'content-type': 'application/oauth-authz-req+jwt' });
    bed.web.texts.set(url, { text: await signed({ claims }), headers });
  }

  beforeEach(async () => {
    bed = await signInBed({ jwks: (await jwksOf()) as never, requestUris: [url] });
  });

  test('is fetched from where the client registered it, and counts alone', async () => {
    await publish({ state: 'fetched' });
    const browser = bed.browse();
    const login = await browser.open(refer(url, { state: 'other', scope: 'openid profile' }));
    const consent = await browser.submit(login, asAlice);
    expect(answerOf(await browser.submit(consent))).toMatchObject({
      code: expect.any(String),
      state: 'fetched',
    });
    expect(bed.web.asked).toEqual([url]);
  });

  test('is fetched from nowhere else, and beside no other request', async () => {
    await publish();
    const plain = { redirect_uri: redirectUri };
    const elsewhere = refer('https://app.example/other.jwt', plain);
    expect(answerOf(await bed.browse().open(elsewhere))).toMatchObject({
      error: 'invalid_request_uri',
    });
    const nowhere = await bed.browse().open(refer('https://app.example/other.jwt'));
    expect(answerOf(nowhere)).toMatchObject({ error: 'invalid_request_uri' });
    const both = refer(url, { ...plain, request: await signed() });
    expect(answerOf(await bed.browse().open(both))).toMatchObject({
      error: 'request_uri_not_supported',
    });
    const pushed = await bed.post('/oauth2/par', { request_uri: url, ...plain }, bed.app);
    expect([pushed.status, pushed.json['error']]).toEqual([400, 'request_uri_not_supported']);
    expect(bed.web.asked).toEqual([]);
  });

  test('is not fetched for a client that must push', async () => {
    const rules = { jwks: (await jwksOf()) as never, requestUris: [url] };
    bed = await signInBed({ ...rules, requirePushedAuthorizationRequests: true });
    await publish();
    const shown = await bed.browse().open(refer(url, { redirect_uri: redirectUri }));
    expect(answerOf(shown)).toMatchObject({ error: 'invalid_request' });
    expect(bed.web.asked).toEqual([]);
  });

  test('must be what any signed request is', async () => {
    await publish({ aud: 'https://other.example' });
    const shown = await bed.browse().open(refer(url, { redirect_uri: redirectUri }));
    expect(answerOf(shown)).toMatchObject({ error: 'invalid_request_object' });
  });
});
