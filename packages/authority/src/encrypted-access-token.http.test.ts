/** Access tokens that only their resource can read. */
import { generateKeyPairSync } from 'node:crypto';
import { limits } from '@mintmark/core';
import { compactDecrypt, createLocalJWKSet, jwtVerify } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ClientRules } from './clients/client-rules.ts';
import { appRules, type Credentials, type GrantBed, grantBed } from './grant-bed.ts';

const api = 'https://api.example';
const other = 'https://other.example';
const pair = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const jwks = { keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'e' }] } as never;

let bed: GrantBed;
let server: Credentials;

const serverRules: Partial<ClientRules> = {
  resources: [api],
  jwks,
  accessTokenKeyEncryption: 'ECDH-ES+A256KW',
  accessTokenEncryption: 'A256GCM',
};

beforeEach(async () => {
  bed = await grantBed();
  server = await bed.addClient(serverRules);
});

async function tokenFor(resource: string, rules: Partial<ClientRules> = {}) {
  const by = await bed.addClient(rules);
  const form = { grant_type: 'client_credentials', resource };
  const answer = await bed.post('/oauth2/token', form, by);
  expect(answer.status).toBe(200);
  return { by, token: String(answer.json['access_token']) };
}

async function inside(token: string): Promise<string> {
  const { plaintext, protectedHeader } = await compactDecrypt(token, pair.privateKey);
  expect(protectedHeader).toMatchObject({
    ...{ alg: 'ECDH-ES+A256KW', enc: 'A256GCM', kid: 'e', cty: 'JWT' },
    jti: expect.any(String),
  });
  return Buffer.from(plaintext).toString();
}

const introspected = async (token: string, by: Credentials) =>
  (await bed.post('/oauth2/introspect', { token }, by)).json;

describe('an access token for a resource that asks for encryption', () => {
  it('is a JWT of the usual kind inside', async () => {
    const { by, token } = await tokenFor(api);
    const set = (await bed.get('/.well-known/jwks.json')).json;
    const options = {
      ...{ issuer: 'https://issuer.example', audience: api, typ: 'at+jwt' },
      currentDate: new Date(bed.clock.nowMs()),
    };
    const jwt = await inside(token);
    const { payload } = await jwtVerify(jwt, createLocalJWKSet(set as never), options);
    expect(payload).toMatchObject({ client_id: by.clientId, scope: 'read write' });
    const header = JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString());
    expect(header.jti).toBe(payload.jti);
  });

  it('is introspected as it came, and as it is inside', async () => {
    const { by, token } = await tokenFor(api);
    const jwt = await inside(token);
    const expected = { active: true, client_id: by.clientId, aud: api, scope: 'read write' };
    for (const text of [token, jwt]) {
      for (const who of [server, by]) {
        expect(await introspected(text, who)).toMatchObject(expected);
      }
    }
    expect((await introspected(token, server))['jti']).toBe(
      (await introspected(jwt, server))['jti'],
    );
    expect(await introspected(token, await bed.addClient())).toEqual({ active: false });
  });

  it('is nothing once a character of it was changed', async () => {
    const { token } = await tokenFor(api);
    const { token: another } = await tokenFor(api);
    const [head, ...rest] = token.split('.');
    for (const forged of [
      [head, ...another.split('.').slice(1)].join('.'),
      [another.split('.')[0], ...rest].join('.'),
      `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`,
      'a.b.c.d.e',
      `${Buffer.from('{"jti":"x","mm_kid":"y"}').toString('base64url')}.b.c.d.e`,
      `${Buffer.from('[]').toString('base64url')}.b.c.d.e`,
    ]) {
      expect(await introspected(forged, server)).toEqual({ active: false });
    }
  });

  it('ends like any other: by itself, with its client, with the key that signed it', async () => {
    const one = await tokenFor(api);
    expect((await bed.post('/oauth2/revoke', { token: one.token }, one.by)).status).toBe(200);
    expect(await introspected(one.token, server)).toEqual({ active: false });
    const two = await tokenFor(api);
    await bed.manage('POST', '/v1/revocations', {
      json: { target: { kind: 'client', id: two.by.clientId }, reason: 'leaked' },
    });
    expect(await introspected(two.token, server)).toEqual({ active: false });
    const three = await tokenFor(api);
    const { kid } = JSON.parse(
      Buffer.from((await inside(three.token)).split('.')[0]!, 'base64url').toString(),
    );
    await bed.manage('POST', `/v1/signing-keys/${kid}/emergency`, { json: { reason: 'stolen' } });
    expect(await introspected(three.token, server)).toEqual({ active: false });
    const four = await tokenFor(api);
    bed.clock.advanceMs(600_000);
    expect(await introspected(four.token, server)).toEqual({ active: false });
  });

  it('opens userinfo', async () => {
    const app = await bed.addClient(appRules);
    const code = await bed.code({ scopes: ['openid'], audience: [api] }, app);
    const { json } = await bed.redeem(code, {}, app);
    const authorization = `Bearer ${String(json['access_token'])}`;
    expect(await inside(String(json['access_token']))).toMatch(/^ey/);
    const answer = await bed.get('/oauth2/userinfo', { authorization });
    expect(answer).toMatchObject({ status: 200, json: { sub: bed.user } });
  });

  it('is for that resource alone', async () => {
    const by = await bed.addClient();
    const form = new URLSearchParams([
      ['grant_type', 'client_credentials'],
      ['resource', api],
      ['resource', other],
    ]);
    const answer = await bed.post('/oauth2/token', form as never, by);
    expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_target' } });
    const { token } = await tokenFor(other);
    expect(token.split('.')).toHaveLength(3);
  });

  it('is not given while the resource has no key, and never unencrypted', async () => {
    const jwksUri = 'https://api.example/jwks';
    const { jwks: _, ...rules } = serverRules;
    await bed.addClient({ ...rules, resources: [other], jwksUri });
    bed.clock.advanceMs(limits.resourceViewMs);
    const by = await bed.addClient();
    const form = { grant_type: 'client_credentials', resource: other };
    const refused = await bed.post('/oauth2/token', form, by);
    expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    bed.web.pages.set(jwksUri, jwks);
    bed.clock.advanceMs(limits.jwksRetryMs);
    const given = await bed.post('/oauth2/token', form, by);
    expect(await inside(String(given.json['access_token']))).toMatch(/^ey/);
  });

  it('stays opaque where its client gets opaque ones', async () => {
    const { token } = await tokenFor(api, { accessTokenFormat: 'opaque' });
    expect(token).toMatch(/^mm_at_/);
  });

  it('is asked for by administrators, for resources that the client serves', async () => {
    const json = {
      client_name: 'api',
      jwks,
      access_token_encryption_alg: 'ECDH-ES',
      access_token_encryption_enc: 'A128GCM',
    };
    expect((await bed.manage('POST', '/v1/clients', { json })).status).toBe(422);
    const made = await bed.manage('POST', '/v1/clients', { json: { ...json, resources: [other] } });
    expect(made).toMatchObject({ status: 201, json: { access_token_encryption_alg: 'ECDH-ES' } });
  });
});
