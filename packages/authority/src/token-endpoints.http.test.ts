/** What the standards ask of every answer about tokens, whatever grant or client it is for. */
import { generateKeyPairSync } from 'node:crypto';
import { decodeProtectedHeader, SignJWT } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { authorityBed, bedConfig } from './authority-bed.ts';

type Bed = Awaited<ReturnType<typeof authorityBed>>;

let bed: Bed;
let client: Awaited<ReturnType<Bed['addClient']>>;

beforeEach(async () => {
  bed = await authorityBed();
  client = await bed.addClient();
});

const grant = { grant_type: 'client_credentials' };

describe('the endpoints of tokens', () => {
  it.each(['token', 'introspect', 'revoke', 'par'])('take POST alone: %s', async (name) => {
    const asked = await bed.get(`/oauth2/${name}`);
    expect(asked.status).toBe(405);
    expect(asked.headers['allow']).toContain('POST');
  });
});

describe('an answer with tokens', () => {
  it('says what RFC 6749 §5.1 asks of it, and no cache keeps it', async () => {
    const { status, headers, json } = await bed.post('/oauth2/token', grant, client);
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      pragma: 'no-cache',
    });
    expect(json).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'read write',
    });
  });
});

describe('token_type_hint', () => {
  it.each(['refresh_token', 'access_token', 'saml2'])(
    'is a hint alone: %s finds the token all the same',
    async (token_type_hint) => {
      const { json } = await bed.post('/oauth2/token', grant, client);
      const form = { token: String(json['access_token']), token_type_hint };
      expect((await bed.post('/oauth2/introspect', form, client)).json['active']).toBe(true);
      expect((await bed.post('/oauth2/revoke', form, client)).status).toBe(200);
      expect((await bed.post('/oauth2/introspect', form, client)).json['active']).toBe(false);
    },
  );
});

describe('introspection', () => {
  it('calls a token active whose signature, issuer and type are ours, and no other', async () => {
    const { json } = await bed.post('/oauth2/token', grant, client);
    const [head = '', payload = '', signature = ''] = String(json['access_token']).split('.');
    const again = (part: string, more: object) => {
      const whole = { ...JSON.parse(Buffer.from(part, 'base64url').toString()), ...more };
      return Buffer.from(JSON.stringify(whole)).toString('base64url');
    };
    const isActive = async (token: string) =>
      (await bed.post('/oauth2/introspect', { token }, client)).json['active'];
    expect(await isActive(`${head}.${payload}.${signature}`)).toBe(true);
    for (const token of [
      `${head}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
      `${head}.${again(payload, { scope: 'admin' })}.${signature}`,
      `${head}.${again(payload, { iss: 'https://other.example' })}.${signature}`,
      `${again(head, { typ: 'JWT' })}.${payload}.${signature}`,
      `${again(head, { alg: 'none' })}.${payload}.`,
    ]) {
      expect(await isActive(token), token).toBe(false);
    }
  });
});

describe('resource', () => {
  it.each([
    ['no URI', 'api'],
    ['a path', '/v1'],
    ['one with a fragment', 'https://api.example#x'],
    ['longer than one that may be asked for', 'https://api.example/'],
    ['in another case', 'https://API.example'],
  ])('is refused where it is %s', async (_what, resource) => {
    const answer = await bed.post('/oauth2/token', { ...grant, resource }, client);
    expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_target' } });
  });
});

describe('an access token', () => {
  it.each(['RS256', 'ES256', 'EdDSA'] as const)(
    'is signed by %s where the client is registered for it',
    async (accessTokenAlgorithm) => {
      const by = await bed.addClient({ accessTokenAlgorithm });
      const { json } = await bed.post('/oauth2/token', grant, by);
      expect(decodeProtectedHeader(String(json['access_token']))).toMatchObject({
        alg: accessTokenAlgorithm,
        typ: 'at+jwt',
      });
    },
  );
});

describe('an assertion of a client', () => {
  it('may be signed by RS256, as every server must take it (RFC 7523 §5)', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = { ...publicKey.export({ format: 'jwk' }), kid: 'k1' } as never;
    const { clientId } = await bed.addClient({
      authMethod: 'private_key_jwt',
      jwks: { keys: [key] },
    });
    const now = Math.floor(bed.clock.nowMs() / 1000);
    const client_assertion = await new SignJWT({
      ...{ iss: clientId, sub: clientId, aud: bedConfig.issuer, exp: now + 60, jti: 'one' },
    })
      .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
      .sign(privateKey);
    const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    const answer = await bed.post('/oauth2/token', {
      ...grant,
      client_assertion,
      client_assertion_type,
    });
    expect(answer.status, answer.text).toBe(200);
  });
});
