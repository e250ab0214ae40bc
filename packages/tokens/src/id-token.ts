/**
 * ID tokens (OpenID Connect Core §2): what a client learns of a sign-in. Built here for signing;
 * whoever receives one verifies it with any library. Their type keeps them apart from access
 * tokens, which have one of their own (RFC 9068 §2.1), so that neither passes for the other.
 */
import { hash } from 'node:crypto';
import type { ClientId, JsonObject, JwsAlgorithm, SigningKeyId, UnixSeconds } from '@mintmark/core';
import { jwsSigningInput } from './jws.ts';

export interface IdTokenClaims {
  readonly issuer: string;
  /** As this client knows the person: pairwise, where its subjects are. */
  readonly subject: string;
  readonly clientId: ClientId;
  readonly issuedAt: UnixSeconds;
  readonly expiresAt: UnixSeconds;
  readonly authTime: UnixSeconds;
  /** Of the authorization request; never repeated at a refresh (§12.2). */
  readonly nonce?: string | undefined;
  readonly acr?: string | undefined;
  readonly amr: readonly string[];
  readonly sessionId?: string | undefined;
  /** The access token of the same answer, where there is one. */
  readonly accessToken?: string | undefined;
  /** Claims of the person that were asked for. None of the names above. */
  readonly person: JsonObject;
}

/** @param key the signer that will sign it */
export function idTokenSigningInput(
  claims: IdTokenClaims,
  key: { readonly kid: SigningKeyId; readonly algorithm: JwsAlgorithm },
): string {
  const { nonce, acr, amr, sessionId, accessToken } = claims;
  return jwsSigningInput(
    { typ: 'JWT', alg: key.algorithm, kid: key.kid },
    {
      // First, so that nothing of a person replaces what the protocol rests on.
      ...claims.person,
      iss: claims.issuer,
      sub: claims.subject,
      aud: claims.clientId,
      azp: claims.clientId,
      iat: claims.issuedAt,
      exp: claims.expiresAt,
      auth_time: claims.authTime,
      ...(accessToken !== undefined && { at_hash: tokenHash(key.algorithm, accessToken) }),
      ...(nonce !== undefined && { nonce }),
      ...(acr !== undefined && { acr }),
      ...(amr.length > 0 && { amr }),
      ...(sessionId !== undefined && { sid: sessionId }),
    },
  );
}

/**
 * `at_hash` and `c_hash` (§3.1.3.6, §3.3.2.11): the left half of the hash that the signature's
 * algorithm uses, over the ASCII text. Ed25519 uses SHA-512 (RFC 8032 §5.1), ML-DSA SHAKE256
 * (FIPS 204), of which relying parties take 64 bytes.
 */
export function tokenHash(algorithm: JwsAlgorithm, text: string): string {
  const digest = digestOf(algorithm, text);
  return digest.subarray(0, digest.length / 2).toString('base64url');
}

function digestOf(algorithm: JwsAlgorithm, text: string): Buffer {
  switch (algorithm) {
    case 'ES256':
    case 'RS256':
    case 'PS256':
    case 'HS256':
      return hash('sha256', text, 'buffer');
    case 'EdDSA':
      return hash('sha512', text, 'buffer');
    case 'ML-DSA-44':
    case 'ML-DSA-65':
    case 'ML-DSA-87':
      return hash('shake256', text, { outputEncoding: 'buffer', outputLength: 64 });
  }
}
