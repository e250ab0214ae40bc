/**
 * JWT access tokens (RFC 9068): built for signing, and verified. What a verified token still has to
 * pass is the caller's: binding, revocation by its position, scope, policy.
 */
import {
  type Brand,
  err,
  type JsonObject,
  type JwsAlgorithm,
  limits,
  ok,
  type Result,
  type SigningKeyId,
  type UnixSeconds,
} from '@mintmark/core';
import { jwsAlgorithms } from './algorithms.ts';
import {
  type AccessTokenClaims,
  type ClaimsRefusal,
  parseAccessTokenClaims,
  readClaims,
  renderAccessTokenClaims,
} from './claims.ts';
import { type JwsRefusal, jwsSigningInput, readJws, verifySignature } from './jws.ts';
import type { KeySet } from './key-set.ts';
import { digestToken, type VerifiedCache } from './verified-cache.ts';

/** RFC 9068 §2.1: the type that keeps an ID token from ever being an access token. */
export const accessTokenType = 'at+jwt';

/** The claims of a token whose signature, issuer and time were judged. */
export type VerifiedAccessToken = Brand<
  AccessTokenClaims & {
    /**
     * `bearer`: whoever holds it may use it. `bound`: it has a `cnf`, and the caller must check the
     * binding or refuse.
     */
    readonly use: 'bearer' | 'bound';
    /** All claims as they were signed, for policies that know more names than we. */
    readonly payload: JsonObject;
    readonly keyId: string | undefined;
    readonly algorithm: JwsAlgorithm;
  },
  'VerifiedAccessToken'
>;

export type AccessTokenRefusal =
  | JwsRefusal
  | ClaimsRefusal
  | {
      readonly reason:
        | 'wrong_issuer'
        | 'wrong_audience'
        | 'expired'
        | 'not_yet_valid'
        | 'lifetime_too_long';
    };

/**
 * The text to be signed for an access token (RFC 9068 §2).
 *
 * @param key the signer that will sign it
 * @param further claims that only their readers know; those of `claims` take precedence
 */
export function accessTokenSigningInput(
  claims: AccessTokenClaims,
  key: SigningName,
  further?: JsonObject,
): string {
  return jwsSigningInput(headerOf(key), renderAccessTokenClaims(claims, further));
}

/**
 * The first part of every access token that a key signs, as text of the token: who compares it has
 * compared type, algorithm and key at once.
 */
export function accessTokenHeader(key: SigningName): string {
  return jwsSigningInput(headerOf(key), null).split('.')[0]!;
}

interface SigningName {
  readonly kid: SigningKeyId;
  readonly algorithm: JwsAlgorithm;
}

function headerOf({ kid, algorithm }: SigningName): JsonObject {
  return { typ: accessTokenType, alg: algorithm, kid };
}

export interface AccessTokenExpectation {
  /** Exactly the `iss` of the tokens. */
  readonly issuer: string;
  /** The keys of this issuer and of no other. */
  readonly keys: KeySet;
  /** Must be among the token's; left out only where the caller judges the audience itself. */
  readonly audience?: string;
  readonly now: UnixSeconds;
  /** Accepted after the expiry; 0–60, default 0. */
  readonly clockSkewSeconds?: number;
  /** Default: all that we know; the key decides among them in any case. */
  readonly algorithms?: readonly JwsAlgorithm[];
  readonly cache?: VerifiedCache<VerifiedAccessToken>;
}

/**
 * Verifies an access token. The order is that of cost: form, key, claims and time are judged before
 * the signature, so that an expired or misdirected token costs no signature check; a refusal of
 * that kind says nothing about who made the token.
 *
 * Times are judged against `now` alone. The beginning (`iat`, `nbf`) tolerates a clock that runs
 * `limits.clockSkewSeconds` behind the issuer's, which harms nobody; the end tolerates nothing
 * unless the caller says so.
 *
 * @returns the claims; refusals: those of `verifyJws`, malformed_claims, wrong_issuer,
 *   wrong_audience, expired, not_yet_valid, lifetime_too_long (longer than revocations are kept)
 */
export function verifyAccessToken(
  token: string,
  expectation: AccessTokenExpectation,
): Result<VerifiedAccessToken, AccessTokenRefusal> {
  if (token.length > limits.tokenCharsMax) return err({ reason: 'too_long' });
  const { issuer, keys, cache } = expectation;
  const digest = cache === undefined ? '' : digestToken(token);
  const seen = cache?.find(digest, issuer, keys);
  const algorithms = expectation.algorithms ?? jwsAlgorithms;
  if (seen !== undefined) {
    if (!algorithms.includes(seen.algorithm)) return err({ reason: 'algorithm_not_allowed' });
    return judgeClaims(seen, expectation) ?? ok(seen);
  }
  const jws = readJws(token, keys, { typ: accessTokenType, algorithms });
  if (!jws.ok) return jws;
  const payload = readClaims(jws.value.payload);
  if (payload === undefined) return err({ reason: 'malformed_claims', claim: undefined });
  const claims = parseAccessTokenClaims(payload);
  if (!claims.ok) return claims;
  const refused = judgeClaims(claims.value, expectation);
  if (refused !== undefined) return refused;
  const verified = verifySignature(jws.value);
  if (!verified.ok) return verified;

  const { key, algorithm } = verified.value;
  const value = {
    ...claims.value,
    use: claims.value.confirmation === undefined ? 'bearer' : 'bound',
    payload,
    keyId: key.kid,
    algorithm,
  } as VerifiedAccessToken;
  cache?.remember(digest, { issuer, keys, key, value });
  return ok(value);
}

/** What can change between two sights of one token, and the issuer; undefined where all is well. */
function judgeClaims(claims: AccessTokenClaims, expectation: AccessTokenExpectation) {
  const { issuer, audience, now, clockSkewSeconds = 0 } = expectation;
  if (!(clockSkewSeconds >= 0 && clockSkewSeconds <= limits.clockSkewSeconds)) {
    throw new RangeError('verifyAccessToken: clockSkewSeconds');
  }
  if (claims.issuer !== issuer) return err({ reason: 'wrong_issuer' } as const);
  if (now >= claims.expiresAt + clockSkewSeconds) return err({ reason: 'expired' } as const);
  const start = Math.max(claims.issuedAt, claims.notBefore ?? 0);
  if (now + limits.clockSkewSeconds < start) return err({ reason: 'not_yet_valid' } as const);
  // A revocation is kept only as long as the longest-lived token that it could touch.
  if (claims.expiresAt - claims.issuedAt > limits.accessTokenTtlSecondsMax) {
    return err({ reason: 'lifetime_too_long' } as const);
  }
  if (audience !== undefined && !claims.audience.includes(audience)) {
    return err({ reason: 'wrong_audience' } as const);
  }
  return undefined;
}
