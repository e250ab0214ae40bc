import type { UnixSeconds } from '@mintmark/core';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expect, it } from 'vitest';
import { assertionIssuer, verifyIssuedAssertion } from './issued-assertion.ts';
import { parseKeySet } from './key-set.ts';

const now = 1_790_000_000;
const { publicKey, privateKey } = await generateKeyPair('ES256');
const jwk = { ...(await exportJWK(publicKey)), kid: 'k' };
const parsed = parseKeySet({ keys: [jwk] } as never, { algorithms: ['ES256'], epoch: 'e' });
if (!parsed.ok) throw new Error(parsed.refusal.reason);
const { keySet } = parsed.value;

async function verify(claims: Record<string, unknown> = {}, header = {}, change = {}) {
  const whole = {
    ...{ iss: 'https://i.example', sub: 's', aud: 'us', jti: 'j', iat: now, exp: now + 60 },
    ...claims,
  };
  const text = await new SignJWT(JSON.parse(JSON.stringify(whole)))
    .setProtectedHeader({ alg: 'ES256', kid: 'k', ...header })
    .sign(privateKey);
  const found = verifyIssuedAssertion(text, {
    ...{ issuer: 'https://i.example', audiences: ['us', 'also us'], keys: keySet },
    ...{ algorithms: ['ES256'], lifetimeSecondsMax: 300, now: now as UnixSeconds },
    ...change,
  });
  return found.ok ? found.value : found.refusal;
}

it('an assertion of an outside issuer says of whom it speaks', async () => {
  expect(await verify({ extra: 1 })).toMatchObject({
    ...{ subject: 's', jti: 'j', expiresAt: now + 60, claims: { extra: 1 } },
  });
  expect(await verify({ aud: ['also us'], jti: undefined, iat: undefined })).toMatchObject({
    ...{ subject: 's', jti: undefined },
  });
  expect(await verify({}, { typ: 'JWT' })).toMatchObject({ subject: 's' });
});

it.each<[string, object, object, object]>([
  ['wrong_issuer', { iss: 'https://other.example' }, {}, {}],
  ['wrong_issuer', { iss: undefined }, {}, {}],
  ['wrong_audience', { aud: ['us', 'also us'] }, {}, {}],
  ['wrong_audience', { aud: 'them' }, {}, {}],
  ['wrong_audience', { aud: undefined }, {}, {}],
  ['expired', { exp: now }, {}, {}],
  ['not_yet_valid', { nbf: now + 61 }, {}, {}],
  ['not_yet_valid', { iat: now + 61, exp: now + 100 }, {}, {}],
  ['lifetime_too_long', { exp: now + 301 }, {}, {}],
  ['lifetime_too_long', { iat: now - 250, exp: now + 60 }, {}, {}],
  ['malformed_claims', { sub: '' }, {}, {}],
  ['malformed_claims', { sub: 's'.repeat(1025) }, {}, {}],
  ['malformed_claims', { jti: 1 }, {}, {}],
  ['malformed_claims', { exp: '1' }, {}, {}],
  ['malformed_claims', { nbf: 'now' }, {}, {}],
  ['wrong_type', {}, { typ: 'at+jwt' }, {}],
  ['algorithm_not_allowed', {}, {}, { algorithms: ['RS256'] }],
])('is refused: %s with %j', async (reason, claims, header, change) => {
  expect(await verify({ ...claims }, header, change)).toMatchObject({ reason });
});

it('names its issuer to whoever has to find the keys, and nothing where it has none', () => {
  const of = (claims: object) => {
    const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
    return assertionIssuer(`e30.${payload}.x`);
  };
  expect(of({ iss: 'https://i.example' })).toBe('https://i.example');
  for (const iss of [undefined, 7, '', ['a']]) expect(of({ iss })).toBeUndefined();
  expect(assertionIssuer('no token')).toBeUndefined();
});
