import type { JsonObject, JwsAlgorithm, UnixSeconds } from '@mintmark/core';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { assertionKeyId, assertionSubject, verifyClientAssertion } from './client-assertion.ts';
import { type KeySet, parseKeySet } from './key-set.ts';

const now = 1_790_000_000 as UnixSeconds;
const issuer = 'https://issuer.example';
const endpoint = `${issuer}/oauth2/token`;
const claims = { iss: 'app', sub: 'app', aud: issuer, exp: now + 60, iat: now, jti: 'one' };
const algorithms: readonly JwsAlgorithm[] = ['ES256', 'PS256', 'EdDSA'];

let keys: KeySet;
let sign: (claims: JWTPayload, header?: JsonObject) => Promise<string>;

beforeAll(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1' } as JsonObject;
  const set = parseKeySet({ keys: [jwk] }, { algorithms, epoch: '1' });
  if (!set.ok) throw new Error(set.refusal.reason);
  keys = set.value.keySet;
  sign = (payload, header) =>
    new SignJWT(payload)
      .setProtectedHeader({ alg: 'ES256', kid: 'k1', ...header })
      .sign(pair.privateKey);
});

function verify(text: string, more: { readonly strictAudience?: boolean } = {}) {
  const { strictAudience = true } = more;
  return verifyClientAssertion(text, {
    ...{ clientId: 'app', audiences: [issuer, endpoint], keys, algorithms, now },
    strictAudience,
  });
}

async function outcome(changed: JsonObject, header?: JsonObject): Promise<string> {
  const kept = Object.entries({ ...claims, ...changed }).filter(([, value]) => value !== null);
  const verified = verify(await sign(Object.fromEntries(kept) as JWTPayload, header));
  if (verified.ok) return 'ok';
  const { refusal } = verified;
  return 'claim' in refusal ? `${refusal.reason} ${refusal.claim}` : refusal.reason;
}

describe('a client’s assertion', () => {
  it('that jose made is taken, with its id and its end', async () => {
    const value = { jti: 'one', expiresAt: now + 60 };
    expect(verify(await sign(claims))).toEqual({ ok: true, value });
  });

  it.each<[string, JsonObject]>([
    ['JWT', { typ: 'JWT' }],
    ['the explicit one', { typ: 'client-authentication+jwt' }],
    ['the explicit one in full', { typ: 'application/Client-Authentication+JWT' }],
  ])('may have the type %s', async (_what, header) => {
    expect(await outcome({}, header)).toBe('ok');
  });

  it.each<[string, JsonObject, string]>([
    ['from another issuer', { iss: 'other' }, 'wrong_issuer'],
    ['of another subject', { sub: 'other' }, 'wrong_subject'],
    ['for an endpoint', { aud: endpoint }, 'wrong_audience'],
    ['for a list, however right', { aud: [issuer] }, 'wrong_audience'],
    ['for somebody else', { aud: 'https://other.example' }, 'wrong_audience'],
    ['for an issuer with a slash more', { aud: `${issuer}/` }, 'wrong_audience'],
    ['for nobody', { aud: null }, 'wrong_audience'],
    ['without end', { exp: null }, 'malformed_claims exp'],
    ['with an end in text', { exp: '9999999999' }, 'malformed_claims exp'],
    ['with an end that is negative', { exp: -1 }, 'malformed_claims exp'],
    ['that has ended', { exp: now }, 'expired'],
    ['that ends too late to remember', { exp: now + 3601 }, 'lifetime_too_long'],
    ['of the future', { iat: now + 61 }, 'not_yet_valid'],
    ['that is not yet good', { nbf: now + 61 }, 'not_yet_valid'],
    ['with a beginning in text', { nbf: 'now' }, 'malformed_claims nbf'],
    ['made at no time', { iat: 'now' }, 'malformed_claims iat'],
    ['without id', { jti: null }, 'malformed_claims jti'],
    ['with an empty id', { jti: '' }, 'malformed_claims jti'],
    ['with an id that is a number', { jti: 1 }, 'malformed_claims jti'],
    ['with an endless id', { jti: 'x'.repeat(2000) }, 'malformed_claims jti'],
  ])('%s is refused', async (_what, changed, reason) => {
    expect(await outcome(changed)).toBe(reason);
  });

  it.each<[string, JsonObject]>([
    ['ended a second later', { exp: now + 1 }],
    ['a whole hour long', { exp: now + 3600 }],
    ['from a clock a minute ahead', { iat: now + 60, nbf: now + 60 }],
    ['without a beginning', { iat: null }],
  ])('%s is taken', async (_what, changed) => {
    expect(await outcome(changed)).toBe('ok');
  });

  it.each(['at+jwt', 'dpop+jwt', 'oauth-authz-req+jwt', ''])(
    'of the type %j is refused',
    async (typ) => {
      expect(await outcome({}, { typ })).toBe('wrong_type');
    },
  );

  it('goes to endpoints where the client may say so, and to nobody else beside', async () => {
    const lenient = { strictAudience: false };
    for (const aud of [issuer, endpoint, [issuer, endpoint]]) {
      expect(verify(await sign({ ...claims, aud }), lenient).ok).toBe(true);
    }
    for (const aud of [[], [issuer, 'https://other.example'], 'https://other.example']) {
      expect(verify(await sign({ ...claims, aud }), lenient)).toMatchObject({ ok: false });
    }
  });

  it('by another key, another algorithm or no signature is refused', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const forged = new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k1' });
    const reason = 'bad_signature';
    expect(verify(await forged.sign(privateKey))).toMatchObject({ refusal: { reason } });
    const secret = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .sign(new Uint8Array(32));
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${secret.split('.')[1]}.`;
    for (const text of [secret, none]) {
      expect(verify(text)).toMatchObject({ refusal: { reason: 'algorithm_not_allowed' } });
    }
    const unknown = await outcome({}, { kid: 'k2' });
    expect(unknown).toBe('unknown_key');
  });

  it('whose payload is no object is refused', async () => {
    const text = await sign(claims);
    const [header] = text.split('.');
    expect(assertionSubject(`${header}.W10.AA`)).toBeUndefined();
  });
});

describe('what an assertion says of itself', () => {
  it('is its subject and its key, believed by nobody', async () => {
    const text = await sign(claims);
    expect(assertionSubject(text)).toBe('app');
    expect(assertionKeyId(text)).toBe('k1');
  });

  it.each(['', 'x', 'e30', 'e30.e30.', '..', `e30.${'A'.repeat(20_000)}.`, 'W10.W10.'])(
    'is nothing in %j',
    (text) => {
      expect(assertionSubject(text)).toBeUndefined();
      expect(assertionKeyId(text)).toBeUndefined();
    },
  );
});
