import type { ClientId, UnixSeconds } from '@mintmark/core';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { verifyAccessToken } from './access-token.ts';
import { type IdTokenClaims, idTokenSigningInput, tokenHash } from './id-token.ts';
import { assembleJws } from './jws.ts';
import { parseKeySet } from './key-set.ts';
import { type AsymmetricAlgorithm, generateSigningKey, localSigner } from './signing-key.ts';

const now = 1_790_000_000 as UnixSeconds;
const issuer = 'https://issuer.example';

const claims: IdTokenClaims = {
  issuer,
  subject: 'alice',
  clientId: 'app' as ClientId,
  issuedAt: now,
  expiresAt: (now + 600) as UnixSeconds,
  authTime: (now - 5) as UnixSeconds,
  nonce: 'n-1',
  acr: 'urn:example:password',
  amr: ['pwd'],
  sessionId: 'session',
  accessToken: 'access',
  person: { email: 'alice@example.com', sub: 'mallory', iss: 'https://evil.example' },
};

async function signed(algorithm: AsymmetricAlgorithm) {
  const { privateKey, publicJwk, kid } = await generateSigningKey(algorithm);
  const signer = localSigner({ privateKey, algorithm, kid });
  const input = idTokenSigningInput(claims, signer);
  const token = assembleJws(input, signer.sign(Buffer.from(input, 'latin1')));
  return { token, jwks: { keys: [publicJwk] } };
}

describe('an ID token', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'] as const)(
    'signed by %s is verified by another library',
    async (algorithm) => {
      const { token, jwks } = await signed(algorithm);
      const { payload, protectedHeader } = await jwtVerify(
        token,
        createLocalJWKSet(jwks as never),
        { issuer, audience: 'app', typ: 'JWT', currentDate: new Date(now * 1000) },
      );
      expect(protectedHeader.alg).toBe(algorithm);
      expect(payload).toEqual({
        iss: issuer,
        sub: 'alice',
        aud: 'app',
        azp: 'app',
        iat: now,
        exp: now + 600,
        auth_time: now - 5,
        nonce: 'n-1',
        acr: 'urn:example:password',
        amr: ['pwd'],
        sid: 'session',
        email: 'alice@example.com',
        at_hash: tokenHash(algorithm, 'access'),
      });
    },
  );

  it('is no access token', async () => {
    const { token, jwks } = await signed('ES256');
    const parsed = parseKeySet(jwks as never, { algorithms: ['ES256'], epoch: '' });
    if (!parsed.ok) throw new Error(parsed.refusal.reason);
    expect(verifyAccessToken(token, { issuer, keys: parsed.value.keySet, now })).toEqual({
      ok: false,
      refusal: { reason: 'wrong_type' },
    });
  });
});

describe('the hash of a token', () => {
  it('is that of the example in OpenID Connect Core §A.3', () => {
    // The access token and at_hash of appendix A.3; SHA-256.
    expect(tokenHash('RS256', 'jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y')).toBe(
      '77QmUPtjPfzWtF2AnpK9RQ',
    );
  });

  it.each([
    ['ES256', 16],
    ['EdDSA', 32],
    ['ML-DSA-65', 32],
  ] as const)('of %s has %i bytes', (algorithm, count) => {
    expect(Buffer.from(tokenHash(algorithm, 'x'), 'base64url')).toHaveLength(count);
  });
});
