import { base64urlEncode, limits, type UnixSeconds, utf8 } from '@mintmark/core';
import type { VerifiedAccessToken } from '@mintmark/tokens';
import { assembleJws, createVerifiedCache, verifyAccessToken } from '@mintmark/tokens';
import { type Harness, invariant } from '../harness.ts';
import { sampleKeySet, sampleSigner } from './sample-keys.ts';

const now = 1_790_000_000 as UnixSeconds;
const claims = {
  iss: 'https://as.example',
  sub: 'user',
  aud: 'api',
  client_id: 'client',
  scope: 'read write',
  iat: now,
  exp: now + 600,
  jti: 'token',
  mm_tenant: 'default',
  mm_pos: 7,
};
const header = base64urlEncode(utf8('{"typ":"at+jwt","alg":"EdDSA","kid":"okp"}'));
const keys = sampleKeySet();

/** The input is the payload, signed with a good key: what a careless issuer might send. */
export const verifyAccessTokenHarness: Harness = {
  name: 'verify-access-token',
  seeds: [
    JSON.stringify(claims),
    JSON.stringify({ ...claims, aud: ['a', 'b'], nbf: now, cnf: { jkt: 'x' }, mm_family: 'f' }),
    JSON.stringify({ ...claims, exp: `${now}` }),
    JSON.stringify({ ...claims, exp: 1e99 }),
    JSON.stringify({ ...claims, scope: '' }),
  ],
  dictionary: [
    ...['"iss":', '"sub":', '"aud":', '"client_id":', '"scope":', '"iat":', '"exp":', '"nbf":'],
    ...['"jti":', '"mm_tenant":', '"mm_pos":', '"mm_family":', '"cnf":', '{"jkt":"x"}', '[]', '{}'],
    ...['1e99', '-1', '0.5', 'null', 'true', '1790000000', ' ', '"', ',', '[', ']', '\u0000'],
  ],
  run(input) {
    const signed = `${header}.${base64urlEncode(input)}`;
    const token = assembleJws(signed, sampleSigner.sign(utf8(signed)));
    const cache = createVerifiedCache<VerifiedAccessToken>({ entriesMax: 2 });
    const expectation = { issuer: claims.iss, keys, now, cache };
    const first = verifyAccessToken(token, expectation);
    const second = verifyAccessToken(token, expectation);
    invariant(first.ok === second.ok, 'another verdict at the second sight');
    invariant(cache.size() === (first.ok ? 1 : 0), 'remembered what was refused');
    if (!first.ok) {
      const { refusal } = first;
      return 'claim' in refusal ? `${refusal.reason} ${refusal.claim}` : refusal.reason;
    }
    check(first.value);
    return `accepted ${first.value.use}`;
  },
};

function check(token: VerifiedAccessToken): void {
  const { issuedAt, expiresAt, notBefore = 0, position, scopes, audience } = token;
  invariant(token.issuer === claims.iss, 'accepted another issuer');
  invariant(expiresAt > now, 'accepted an expired token');
  invariant(Math.max(issuedAt, notBefore) <= now + limits.clockSkewSeconds, 'accepted too early');
  invariant([issuedAt, expiresAt, notBefore, position].every(Number.isSafeInteger), 'no integers');
  invariant(scopes.length <= limits.scopesMax && !scopes.includes(''), 'accepted bad scopes');
  invariant(audience.length > 0 && !audience.includes(''), 'accepted an empty audience');
  invariant((token.use === 'bound') === (token.confirmation !== undefined), 'hides its binding');
  invariant(Object.hasOwn(token.payload, 'cnf') === (token.use === 'bound'), 'lost its binding');
}
