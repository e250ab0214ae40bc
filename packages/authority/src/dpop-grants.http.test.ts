/** DPoP where codes, refresh tokens and pushed requests meet it (RFC 9449 §5, §8, §10). */
import { nowSeconds } from '@mintmark/core';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { basicHeader, bedConfig } from './authority-bed.ts';
import { appRules, type Credentials, type GrantBed, grantBed } from './grant-bed.ts';
import { buildRequest } from './http/management/request-builder.ts';

type Sender = Awaited<ReturnType<typeof generateKeyPair>>;

let sender: Sender;
let thief: Sender;
let jkt: string;
let proofs = 0;

beforeAll(async () => {
  sender = await generateKeyPair('ES256');
  thief = await generateKeyPair('ES256');
  jkt = await calculateJwkThumbprint(await exportJWK(sender.publicKey));
});

async function prove(bed: GrantBed, path: string, more: object = {}, by = sender) {
  const claims = { htm: 'POST', htu: `${bedConfig.issuer}${path}`, iat: nowSeconds(bed.clock) };
  return new SignJWT({ ...claims, jti: `p${proofs++}`, ...more })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(by.publicKey) })
    .sign(by.privateKey);
}

async function post(
  bed: GrantBed,
  path: string,
  input: {
    readonly form: Record<string, string>;
    readonly by?: Credentials;
    readonly dpop?: string;
  },
) {
  const { form, by, dpop } = input;
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    ...(by === undefined ? {} : { authorization: basicHeader(by.clientId, by.secret) }),
    ...(dpop === undefined ? {} : { dpop }),
  };
  const body = new URLSearchParams(form).toString();
  const answer = await bed.authority.handle(buildRequest('POST', path, { headers, body }));
  const json = JSON.parse(String(answer.body)) as Record<string, unknown>;
  return { status: answer.status, headers: answer.headers, json };
}

const token = '/oauth2/token';

describe('a code that is bound to a key', () => {
  it('is redeemed with a proof by that key alone', async () => {
    const bed = await grantBed();
    const form = bed.redemption(await bed.code({ dpopJkt: jkt }));
    const dpop = await prove(bed, token);
    const given = await post(bed, token, { form, by: bed.app, dpop });
    expect(given).toMatchObject({ status: 200, json: { token_type: 'DPoP' } });
    for (const proof of [undefined, await prove(bed, token, {}, thief)]) {
      const bound = bed.redemption(await bed.code({ dpopJkt: jkt }));
      const more = proof === undefined ? {} : { dpop: proof };
      const refused = await post(bed, token, { form: bound, by: bed.app, ...more });
      expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
    }
  });

  it('is not used up by a proof that has to come again, or by a wrong client', async () => {
    const bed = await grantBed();
    const form = bed.redemption(await bed.code({ dpopJkt: jkt }));
    const foreign = await prove(bed, token, { nonce: 'not-ours' });
    const sentBack = await post(bed, token, { form, by: bed.app, dpop: foreign });
    expect(sentBack).toMatchObject({ status: 400, json: { error: 'use_dpop_nonce' } });
    const nonce = String(sentBack.headers['dpop-nonce']);
    const wrong = { clientId: bed.app.clientId, secret: 'wrong' };
    const dpop = await prove(bed, token, { nonce });
    expect((await post(bed, token, { form, by: wrong, dpop })).status).toBe(401);
    expect((await post(bed, token, { form, by: bed.app, dpop })).status).toBe(200);
  });
});

describe('a refresh token', () => {
  it('of a public client is bound to the key of its first proof', async () => {
    const bed = await grantBed();
    const app = await bed.addClient({ ...appRules, authMethod: 'none' });
    const form = { ...bed.redemption(await bed.code({}, app)), client_id: app.clientId };
    const dpop = await prove(bed, token);
    const { json } = await post(bed, token, { form, dpop });
    const refresh = {
      grant_type: 'refresh_token',
      refresh_token: String(json['refresh_token']),
      client_id: app.clientId,
    };
    expect((await post(bed, token, { form: refresh })).status).toBe(400);
    const stolen = await prove(bed, token, {}, thief);
    expect((await post(bed, token, { form: refresh, dpop: stolen })).status).toBe(400);
    const again = await post(bed, token, { form: refresh, dpop: await prove(bed, token) });
    expect(again).toMatchObject({ status: 200, json: { token_type: 'DPoP' } });
  });

  it('of a confidential client binds what it gives to the key of the moment', async () => {
    const bed = await grantBed();
    const form = bed.redemption(await bed.code());
    const { json } = await post(bed, token, { form, by: bed.app, dpop: await prove(bed, token) });
    const refresh = { grant_type: 'refresh_token', refresh_token: String(json['refresh_token']) };
    const dpop = await prove(bed, token, {}, thief);
    const other = await post(bed, token, { form: refresh, by: bed.app, dpop });
    const shown = await bed.post(
      '/oauth2/introspect',
      { token: String(other.json['access_token']) },
      bed.app,
    );
    const cnf = { jkt: await calculateJwkThumbprint(await exportJWK(thief.publicKey)) };
    expect(shown.json).toMatchObject({ active: true, cnf });
  });
});

describe('a pushed request', () => {
  const par = '/oauth2/par';
  const formOf = (bed: GrantBed, more: Record<string, string> = {}) => ({
    ...{ client_id: bed.app.clientId, response_type: 'code', scope: 'read' },
    ...{ redirect_uri: 'https://app.example/cb', code_challenge_method: 'S256' },
    ...{ code_challenge: 'A'.repeat(43), ...more },
  });
  const boundTo = async (bed: GrantBed) => {
    const rows = await bed.store.pushedRequests.list({ limit: 10 });
    return JSON.stringify(rows.at(-1)).includes(jkt);
  };

  it('with a proof is bound to its key as by dpop_jkt', async () => {
    const bed = await grantBed();
    const dpop = await prove(bed, par);
    const answer = await post(bed, par, { form: formOf(bed), by: bed.app, dpop });
    expect(answer.status).toBe(201);
    expect(answer.headers).toHaveProperty('dpop-nonce');
    expect(await boundTo(bed)).toBe(true);
    const again = await post(bed, par, { form: formOf(bed), by: bed.app, dpop });
    expect(again).toMatchObject({ status: 400, json: { error: 'invalid_dpop_proof' } });
  });

  it('is bound by a proof beside a signed request too', async () => {
    const bed = await grantBed();
    const keys = { keys: [{ ...(await exportJWK(sender.publicKey)), kid: 'k1', use: 'sig' }] };
    const app = await bed.addClient({ ...appRules, jwks: keys as never });
    const signed = (more: object) =>
      new SignJWT({ ...formOf(bed), ...{ client_id: app.clientId, iss: app.clientId }, ...more })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .setAudience(bedConfig.issuer)
        .sign(sender.privateKey);
    const push = async (more: object, by?: Sender) =>
      post(bed, par, {
        form: { request: await signed(more) },
        by: app,
        dpop: await prove(bed, par, {}, by),
      });
    expect((await push({})).status).toBe(201);
    expect(await boundTo(bed)).toBe(true);
    expect((await push({ dpop_jkt: jkt })).status).toBe(201);
    const refused = await push({ dpop_jkt: jkt }, thief);
    expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_dpop_proof' } });
  });

  it('without one is bound to no key', async () => {
    const bed = await grantBed();
    expect((await post(bed, par, { form: formOf(bed), by: bed.app })).status).toBe(201);
    expect(await boundTo(bed)).toBe(false);
  });

  it('is refused where proof and dpop_jkt differ, or the proof is for elsewhere', async () => {
    const bed = await grantBed();
    const form = formOf(bed, { dpop_jkt: jkt });
    for (const dpop of [await prove(bed, par, {}, thief), await prove(bed, token)]) {
      const refused = await post(bed, par, { form, by: bed.app, dpop });
      expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_dpop_proof' } });
    }
    const dpop = await prove(bed, par);
    expect((await post(bed, par, { form, by: bed.app, dpop })).status).toBe(201);
  });
});

describe('an exchange of a bound token', () => {
  it('gives a bound one to who shows a key, and nothing to a bearer', async () => {
    const bed = await grantBed();
    const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
    const service = await bed.addClient({
      grantTypes: [grantType],
      scopes: ['read'],
      resources: ['https://api.example'],
      audiences: ['https://bank.example'],
    });
    const code = bed.redemption(await bed.code());
    const dpop = await prove(bed, token);
    const bound = await post(bed, token, { form: code, by: bed.app, dpop });
    const form = {
      grant_type: grantType,
      subject_token: String(bound.json['access_token']),
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: 'https://bank.example',
    };
    const bare = await post(bed, token, { form, by: service });
    expect(bare).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    const own = await prove(bed, token, {}, thief);
    const given = await post(bed, token, { form, by: service, dpop: own });
    expect(given).toMatchObject({ status: 200, json: { token_type: 'DPoP' } });
    const asked = { token: String(given.json['access_token']) };
    const shown = await bed.post('/oauth2/introspect', asked, service);
    const cnf = { jkt: await calculateJwkThumbprint(await exportJWK(thief.publicKey)) };
    expect(shown.json).toMatchObject({ active: true, sub: bed.user, cnf });
  });

  it('asks a client that exchanges its own for the very key', async () => {
    const bed = await grantBed();
    const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
    const app = await bed.addClient({
      ...appRules,
      ...{ grantTypes: ['authorization_code', grantType], authMethod: 'none' },
      audiences: ['https://bank.example'],
    });
    const as = { client_id: app.clientId };
    const code = { ...bed.redemption(await bed.code({}, app)), ...as };
    const bound = await post(bed, token, { form: code, dpop: await prove(bed, token) });
    const form = {
      ...as,
      grant_type: grantType,
      subject_token: String(bound.json['access_token']),
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: 'https://bank.example',
    };
    // Whoever stole the token can name its public client, and has a key too.
    const stolen = await post(bed, token, { form, dpop: await prove(bed, token, {}, thief) });
    expect(stolen).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    const given = await post(bed, token, { form, dpop: await prove(bed, token) });
    expect(given).toMatchObject({ status: 200, json: { token_type: 'DPoP' } });
  });
});
