/** What a client gets that no one but it can read: ID tokens, userinfo, authorization responses. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { compactDecrypt, createLocalJWKSet, jwtVerify } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { ruleFaults } from './clients/check-rules.ts';
import { type ClientRules, clientAuthMethods, grantTypes } from './clients/client-rules.ts';
import { freshRules } from './clients/fresh-rules.ts';
import { aliceClaims, appRules, type Credentials, type GrantBed, grantBed } from './grant-bed.ts';
import { answerOf, signInBed } from './sign-in-bed.ts';

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwkOf = ({ publicKey }: { publicKey: KeyObject }, more: object) => ({
  ...publicKey.export({ format: 'jwk' }),
  ...more,
});
const jwks = {
  keys: [
    jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }), { use: 'sig', kid: 's' }),
    jwkOf(pair, { use: 'enc', kid: 'e' }),
    jwkOf(rsa, { kid: 'r' }),
  ],
} as never;
const jwksUri = 'https://app.example/jwks';

const rules: Partial<ClientRules> = {
  ...appRules,
  jwks,
  idTokenAlgorithm: 'ES256',
  idTokenKeyEncryption: 'ECDH-ES',
  userinfoKeyEncryption: 'ECDH-ES+A256KW',
  userinfoEncryption: 'A256GCM',
};
const openid = { scopes: ['openid', 'email'] };

let bed: GrantBed;

beforeEach(async () => {
  bed = await grantBed();
});

async function signIn(by: Credentials) {
  return bed.redeem(await bed.code(openid, by), {}, by);
}

async function read(token: unknown, key: { privateKey: KeyObject } = pair) {
  const { plaintext, protectedHeader } = await compactDecrypt(String(token), key.privateKey);
  return { text: Buffer.from(plaintext).toString(), header: protectedHeader };
}

async function verified(jwt: string, audience: string, get = bed.get) {
  const set = (await get('/.well-known/jwks.json')).json;
  const currentDate = new Date(bed.clock.nowMs());
  return (await jwtVerify(jwt, createLocalJWKSet(set as never), { currentDate, audience })).payload;
}

const ask = (token: unknown) =>
  bed.get('/oauth2/userinfo', { authorization: `Bearer ${String(token)}` });

describe('an encrypted ID token', () => {
  it('is a signed one inside, for the key of the client that is for encryption', async () => {
    const by = await bed.addClient(rules);
    const { json } = await signIn(by);
    const { text, header } = await read(json['id_token']);
    expect(header).toMatchObject({ alg: 'ECDH-ES', enc: 'A128CBC-HS256', kid: 'e', cty: 'JWT' });
    expect(await verified(text, by.clientId)).toMatchObject({ sub: bed.user });
    const again = await bed.refresh(String(json['refresh_token']), {}, by);
    expect((await read(again.json['id_token'])).header).toMatchObject({ alg: 'ECDH-ES' });
  });

  it('is made by RSA where the client asks for that', async () => {
    const by = await bed.addClient({
      ...rules,
      idTokenKeyEncryption: 'RSA-OAEP-256',
      idTokenEncryption: 'A256CBC-HS512',
    });
    const { header } = await read((await signIn(by)).json['id_token'], rsa);
    expect(header).toMatchObject({ alg: 'RSA-OAEP-256', enc: 'A256CBC-HS512', kid: 'r' });
  });

  it('waits for the client’s keys, and its code is not spent meanwhile', async () => {
    const { jwks: _, ...more } = rules;
    const by = await bed.addClient({ ...more, jwksUri });
    const code = await bed.code(openid, by);
    const refused = await bed.redeem(code, {}, by);
    expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    bed.web.pages.set(jwksUri, { keys: [jwkOf(pair, { use: 'sig' })] });
    bed.clock.advanceMs(5_000);
    expect((await bed.redeem(code, {}, by)).status).toBe(400);
    bed.web.pages.set(jwksUri, jwks);
    // A set without a key for it is asked for again, like one without the key that signed.
    bed.clock.advanceMs(30_000);
    const { json } = await bed.redeem(code, {}, by);
    expect((await read(json['id_token'])).header).toMatchObject({ kid: 'e' });
  });
});

describe('encrypted userinfo', () => {
  it.each([undefined, 'ES256'] as const)(
    'is read by the client alone, signed by %s',
    async (by) => {
      const app = await bed.addClient({ ...rules, ...(by && { userinfoAlgorithm: by }) });
      const { access_token } = (await signIn(app)).json;
      const answer = await ask(access_token);
      expect(answer.headers['content-type']).toBe('application/jwt');
      const { text, header } = await read(answer.text);
      expect(header).toMatchObject({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM' });
      expect(header.cty).toBe(by === undefined ? undefined : 'JWT');
      const claims = by === undefined ? JSON.parse(text) : await verified(text, app.clientId);
      expect(claims).toMatchObject({ sub: bed.user, email: aliceClaims.email });
    },
  );

  it('is never given as it is because the keys are away', async () => {
    const { jwks: _, idTokenKeyEncryption: _id, ...more } = rules;
    const app = await bed.addClient({ ...more, jwksUri });
    const { access_token } = (await signIn(app)).json;
    const answer = await ask(access_token);
    expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    expect(answer.text).not.toContain(aliceClaims.email);
  });
});

describe('an encrypted authorization response', () => {
  const jarm = {
    jwks,
    authorizationResponseAlgorithm: 'ES256',
    authorizationResponseKeyEncryption: 'ECDH-ES',
  } as const;

  it('holds a signed one', async () => {
    const people = await signInBed(jarm);
    const browser = await people.settled();
    const url = people.authorizeUrl({ response_mode: 'jwt' });
    const { response, ...rest } = answerOf(await browser.open(url));
    expect(rest).toEqual({});
    const { text, header } = await read(response);
    expect(header).toMatchObject({ enc: 'A128CBC-HS256', cty: 'JWT' });
    const payload = await verified(text, people.app.clientId, people.get);
    expect(payload).toMatchObject({ code: expect.any(String), state: 'st-1' });
  });

  it('is not sent at all while the client has no key for it', async () => {
    const { jwks: _, ...more } = jarm;
    const people = await signInBed({ ...more, jwksUri });
    const browser = await people.settled();
    const shown = await browser.open(people.authorizeUrl({ response_mode: 'jwt' }));
    expect(shown.status).toBe(503);
    expect(shown.text).toContain('not available');
  });
});

describe('a client that is encrypted to', () => {
  const defaults = { clientId: 'c', owner: 'x', algorithm: 'ES256' } as const;
  const faults = (given: Partial<ClientRules>) => {
    const whole = freshRules({ ...appRules, ...given }, defaults);
    return ruleFaults(whole, { grantTypes, authMethods: clientAuthMethods }).map(
      ({ member }) => member,
    );
  };

  it.each([
    [{ jwks, idTokenKeyEncryption: 'RSA-OAEP-256' }, []],
    [{ jwksUri, idTokenKeyEncryption: 'RSA-OAEP-256' }, []],
    [{ idTokenKeyEncryption: 'ECDH-ES' }, ['idTokenKeyEncryption']],
    [{ jwks, userinfoEncryption: 'A256GCM' }, ['userinfoEncryption']],
    [
      { jwks: { keys: [jwkOf(pair, {})] }, authorizationResponseKeyEncryption: 'RSA-OAEP-256' },
      ['authorizationResponseKeyEncryption'],
    ],
  ])('is registered with a key for it: case %#', (given, expected) => {
    expect(faults(given as Partial<ClientRules>)).toEqual(expected);
  });

  it('is managed and described by the standards’ names', async () => {
    const made = await bed.manage('POST', '/v1/clients', {
      json: {
        ...{ client_name: 'app', redirect_uris: ['https://app.example/cb'], jwks_uri: jwksUri },
        id_token_encrypted_response_alg: 'ECDH-ES',
        id_token_encrypted_response_enc: 'A256GCM',
        userinfo_encrypted_response_alg: 'RSA-OAEP-256',
        authorization_encrypted_response_alg: 'ECDH-ES+A256KW',
      },
    });
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({
      id_token_encrypted_response_alg: 'ECDH-ES',
      id_token_encrypted_response_enc: 'A256GCM',
      userinfo_encrypted_response_alg: 'RSA-OAEP-256',
      authorization_encrypted_response_alg: 'ECDH-ES+A256KW',
    });
    const { json } = await bed.get('/.well-known/openid-configuration');
    for (const answer of ['id_token', 'userinfo', 'authorization']) {
      expect(json[`${answer}_encryption_alg_values_supported`]).toContain('ECDH-ES');
      expect(json[`${answer}_encryption_enc_values_supported`]).toContain('A128CBC-HS256');
    }
  });
});
