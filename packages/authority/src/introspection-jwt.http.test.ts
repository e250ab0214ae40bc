/** Introspection answers as signed, and encrypted, JWTs (RFC 9701). */
import { generateKeyPairSync } from 'node:crypto';
import { compactDecrypt, createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { authorityBed, basicHeader } from './authority-bed.ts';
import type { ClientRules } from './clients/client-rules.ts';
import { buildRequest } from './http/management/request-builder.ts';

const type = 'application/token-introspection+jwt';
const api = 'https://api.example';
const pair = generateKeyPairSync('x25519');
const jwks = {
  keys: [{ ...pair.publicKey.export({ format: 'jwk' }), use: 'enc', kid: 'e' }],
} as never;

type Bed = Awaited<ReturnType<typeof authorityBed>>;
type Credentials = Awaited<ReturnType<Bed['addClient']>>;

let bed: Bed;
let token: string;
let caller: Credentials;

beforeEach(async () => {
  bed = await authorityBed();
  caller = await bed.addClient({ scopes: ['read', 'write'] });
  const issued = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, caller);
  token = String(issued.json['access_token']);
});

const server = (rules: Partial<ClientRules> = {}) =>
  bed.addClient({ resources: [api], introspectionAlgorithm: 'ES256', ...rules });

async function ask(by: Credentials, text: string, accept?: string) {
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    authorization: basicHeader(by.clientId, by.secret),
    ...(accept && { accept }),
  };
  const body = new URLSearchParams({ token: text }).toString();
  const request = buildRequest('POST', '/oauth2/introspect', { headers, body });
  const answer = await bed.authority.handle(request);
  return { ...answer, text: Buffer.from(answer.body ?? '').toString() };
}

async function verified(jwt: string, by: Credentials) {
  const set = (await bed.get('/.well-known/jwks.json')).json;
  const options = {
    ...{ issuer: 'https://issuer.example', audience: by.clientId, typ: 'token-introspection+jwt' },
    currentDate: new Date(bed.clock.nowMs()),
  };
  return (await jwtVerify(jwt, createLocalJWKSet(set as never), options)).payload;
}

describe('an introspection answer as a JWT', () => {
  it('holds what JSON would have, for whoever asked, and nothing that a token has', async () => {
    const by = await server();
    const plain = await ask(by, token);
    expect(plain.headers['content-type']).toBe('application/json');
    const answer = await ask(by, token, `application/json;q=0.5, ${type}`);
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': type } });
    expect(answer.headers['cache-control']).toBe('no-store');
    const payload = await verified(answer.text, by);
    expect(Object.keys(payload).sort()).toEqual(['aud', 'iat', 'iss', 'token_introspection']);
    expect(payload['token_introspection']).toEqual(JSON.parse(plain.text));
    expect(payload['token_introspection']).toMatchObject({ active: true, scope: 'read write' });
  });

  it('says no more of a token that is not good, or none of the caller’s business', async () => {
    const stranger = await bed.addClient({ introspectionAlgorithm: 'ES256' });
    for (const [by, text] of [
      [await server(), 'x'],
      [stranger, token],
    ] as const) {
      const payload = await verified((await ask(by, text, type)).text, by);
      expect(payload['token_introspection']).toEqual({ active: false });
    }
  });

  it('is signed by RS256 where the caller says nothing (§6)', async () => {
    const by = await bed.addClient({ resources: [api] });
    const { text } = await ask(by, token, type);
    expect(decodeProtectedHeader(text)).toMatchObject({
      alg: 'RS256',
      typ: 'token-introspection+jwt',
    });
  });

  it.each(['application/json', `${type};q=0`, '*/*', 'application/jwt'])(
    'is not given for Accept: %s',
    async (accept) => {
      const answer = await ask(await server(), token, accept);
      expect(answer.headers['content-type']).toBe('application/json');
    },
  );

  it('is never an access token', async () => {
    const by = await server();
    const { text } = await ask(by, token, type);
    const introspected = await ask(by, text);
    expect(JSON.parse(introspected.text)).toEqual({ active: false });
    const authorization = `Bearer ${text}`;
    expect((await bed.get('/oauth2/userinfo', { authorization })).status).toBe(401);
    expect((await bed.get('/v1/clients', { authorization })).status).toBe(401);
  });

  it('is encrypted to a server that is registered for that, whatever it accepts', async () => {
    const by = await server({
      jwks,
      introspectionKeyEncryption: 'ECDH-ES',
      introspectionEncryption: 'A256GCM',
    });
    for (const accept of [undefined, type]) {
      const answer = await ask(by, token, accept);
      expect(answer.headers['content-type']).toBe(type);
      const { plaintext, protectedHeader } = await compactDecrypt(answer.text, pair.privateKey);
      expect(protectedHeader).toMatchObject({ alg: 'ECDH-ES', enc: 'A256GCM', cty: 'JWT' });
      const payload = await verified(Buffer.from(plaintext).toString(), by);
      expect(payload['token_introspection']).toMatchObject({ active: true });
    }
  });

  it('is kept back while the keys of such a server are away', async () => {
    const jwksUri = 'https://rs.example/jwks';
    const by = await server({ jwksUri, introspectionKeyEncryption: 'ECDH-ES' });
    const answer = await ask(by, token, type);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toMatchObject({ error: 'invalid_request' });
  });

  it('is described in the metadata (§7)', async () => {
    const { json } = await bed.get('/.well-known/oauth-authorization-server');
    expect(json['introspection_signing_alg_values_supported']).toContain('RS256');
    expect(json['introspection_encryption_alg_values_supported']).toContain('ECDH-ES');
    expect(json['introspection_encryption_enc_values_supported']).toContain('A256GCM');
  });
});
