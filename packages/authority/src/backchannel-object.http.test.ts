import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { bedConfig } from './authority-bed.ts';
import { type BackchannelBed, backchannelBed, clientKey } from './backchannel-bed.ts';

const es256 = clientKey();
const bare = { scope: undefined, login_hint: undefined };

async function sign(
  bed: BackchannelBed,
  claims: Readonly<Record<string, unknown>> = {},
  by: { readonly key?: KeyObject; readonly alg?: string; readonly typ?: string } = {},
): Promise<string> {
  const { key = es256.key, alg = 'ES256', typ } = by;
  return new SignJWT(bed.claimsOf(claims))
    .setProtectedHeader({ alg, kid: 'k1', ...(typ === undefined ? {} : { typ }) })
    .sign(key);
}

describe('a signed request', () => {
  let bed: BackchannelBed;
  beforeAll(async () => {
    bed = await backchannelBed({ jwks: es256.jwks, backchannelRequestAlgorithm: 'ES256' });
  });
  const askWith = async (
    ...input: Parameters<typeof sign> extends [unknown, ...infer R] ? R : never
  ) => bed.ask({ ...bare, request: await sign(bed, ...input) });
  const now = () => Math.floor(bed.clock.nowMs() / 1000);

  it.each(['JWT', 'oauth-authz-req+jwt', undefined])('of type %s is taken', async (typ) => {
    const answer = await askWith({}, typ === undefined ? {} : { typ });
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('auth_req_id')]);
  });

  it('says how long it shall live as a number or as a text', async () => {
    const json = async (requested_expiry: unknown) =>
      (await askWith({ requested_expiry })).json['expires_in'];
    expect([await json(30), await json('30')]).toEqual([30, 30]);
  });

  it('is taken once', async () => {
    const request = await sign(bed);
    expect((await bed.ask({ ...bare, request })).status).toBe(200);
    const again = await bed.ask({ ...bare, request });
    expect(again.json).toEqual({
      error: 'invalid_request',
      error_description: 'the signed request was used before',
    });
    const other = await bed.addClient({});
    expect(other.clientId).not.toBe(bed.caller.clientId);
  });

  it.each<[string, (now: number) => Record<string, unknown>]>([
    ['without iss', () => ({ iss: undefined })],
    ['by another client', () => ({ iss: 'other' })],
    ['without aud', () => ({ aud: undefined })],
    ['for another server', () => ({ aud: 'https://other.example' })],
    ['without exp', () => ({ exp: undefined })],
    ['that has ended', (now) => ({ exp: now })],
    ['that ends as a text', (now) => ({ exp: String(now + 60) })],
    ['of more than an hour', (now) => ({ exp: now + 3601 })],
    ['without nbf', () => ({ nbf: undefined })],
    ['of later', (now) => ({ nbf: now + 61 })],
    ['of more than an hour ago', (now) => ({ nbf: now - 3601, exp: now + 10 })],
    ['without iat', () => ({ iat: undefined })],
    ['made later', (now) => ({ iat: now + 61 })],
    ['without jti', () => ({ jti: undefined })],
    ['with a number for jti', () => ({ jti: 7 })],
    ['with an endless jti', () => ({ jti: 'x'.repeat(2000) })],
    ['that could be an assertion', () => ({ sub: bed.caller.clientId })],
    ['that names another client', () => ({ client_id: 'other' })],
    ['that holds another', () => ({ request: 'x' })],
    ['that holds a list', () => ({ login_hint: ['alice'] })],
  ])('%s is refused', async (_, claims) => {
    const answer = await askWith(claims(now()));
    expect([answer.status, answer.json['error']]).toEqual([400, 'invalid_request']);
  });

  it('is judged like any other', async () => {
    expect((await askWith({ login_hint: 'carol' })).json['error']).toBe('unknown_user_id');
    expect((await askWith({ binding_message: '\n' })).json['error']).toBe(
      'invalid_binding_message',
    );
    const two = await askWith({ id_token_hint: 'x' });
    expect(two.json['error']).toBe('invalid_request');
    // For several servers, this one among them.
    const aud = ['https://other.example', bedConfig.issuer];
    expect((await askWith({ aud })).status).toBe(200);
  });

  it('of another type, algorithm or key is refused', async () => {
    const rsa = clientKey('RS256');
    const refused = [
      await askWith({}, { typ: 'at+jwt' }),
      await askWith({}, { key: clientKey().key }),
      await askWith({}, { key: rsa.key, alg: 'RS256' }),
      await bed.ask({ ...bare, request: `${btoa('{"alg":"none"}')}.${btoa('{}')}.` }),
    ];
    for (const { status, json } of refused) {
      expect([status, json['error']]).toEqual([400, 'invalid_request']);
    }
  });

  it('counts alone: nothing stands beside it, and none is missing', async () => {
    const request = await sign(bed);
    for (const beside of [{ scope: 'openid' }, { login_hint: 'alice' }, { binding_message: 'x' }]) {
      const answer = await bed.ask({ ...bare, ...beside, request });
      expect(answer.json['error']).toBe('invalid_request');
    }
    const unsigned = await bed.ask();
    expect(unsigned.json['error_description']).toBe('the request must be signed');
  });
});

it('an algorithm that the client registered is the only one', async () => {
  const rsa = clientKey('PS256');
  const bed = await backchannelBed({ jwks: rsa.jwks, backchannelRequestAlgorithm: 'PS256' });
  const by = async (alg: string) =>
    (await bed.ask({ ...bare, request: await sign(bed, {}, { key: rsa.key, alg }) })).status;
  expect([await by('PS256'), await by('RS256')]).toEqual([200, 400]);
});

it('a client that signs by none of its own choice may sign, and may leave it', async () => {
  const bed = await backchannelBed({ jwks: es256.jwks });
  expect((await bed.ask({ ...bare, request: await sign(bed) })).status).toBe(200);
  expect((await bed.ask()).status).toBe(200);
  const strict = await backchannelBed({ jwks: es256.jwks, requireSignedRequestObject: true });
  expect((await strict.ask()).json['error']).toBe('invalid_request');
});

it('under FAPI-CIBA no request goes without a message to compare', async () => {
  const bed = await backchannelBed({
    jwks: es256.jwks,
    backchannelRequestAlgorithm: 'ES256',
    securityProfile: 'fapi-ciba',
  });
  const ask = async (claims: Record<string, unknown>) =>
    bed.ask({ ...bare, request: await sign(bed, claims) });
  expect((await ask({})).json['error_description']).toBe('binding_message is missing');
  expect((await ask({ binding_message: 'W4SCT' })).status).toBe(200);
});
