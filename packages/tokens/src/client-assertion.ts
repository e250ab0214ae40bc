/**
 * Client assertions (RFC 7523 §3, OpenID Connect Core §9): a client says who it is by a JWT that it
 * signed for this server and for now. That it is used once is the caller's to see to.
 */
import {
  type Brand,
  base64urlDecode,
  err,
  type JsonObject,
  type JsonValue,
  type JwsAlgorithm,
  limits,
  ok,
  type Result,
  type UnixSeconds,
} from '@mintmark/core';
import { claimText, numericDate, readClaims } from './claims.ts';
import { type JwsRefusal, verifyJws } from './jws.ts';
import type { KeySet } from './key-set.ts';

export type VerifiedClientAssertion = Brand<
  { readonly jti: string; readonly expiresAt: UnixSeconds },
  'VerifiedClientAssertion'
>;

export type ClientAssertionRefusal =
  | JwsRefusal
  | { readonly reason: 'malformed_claims'; readonly claim: string | undefined }
  | {
      readonly reason:
        | 'wrong_issuer'
        | 'wrong_subject'
        | 'wrong_audience'
        | 'expired'
        | 'not_yet_valid'
        | 'lifetime_too_long';
    };

export interface ClientAssertionExpectation {
  readonly clientId: string;
  /** What `aud` may be; the first alone, and as a single string, where `strictAudience` is set. */
  readonly audiences: readonly string[];
  /** An assertion for several servers could be used at the other ones too. */
  readonly strictAudience: boolean;
  /** The client's keys and no others. */
  readonly keys: KeySet;
  readonly algorithms: readonly JwsAlgorithm[];
  readonly now: UnixSeconds;
}

/**
 * Verifies a client's assertion.
 *
 * @returns its id and end, by which it is used once; refusals: those of `verifyJws` (wrong_type for
 *   every `typ` but `JWT` and `client-authentication+jwt`), malformed_claims, wrong_issuer,
 *   wrong_subject (both are the client, RFC 7523 §3), wrong_audience, expired, not_yet_valid,
 *   lifetime_too_long
 */
export function verifyClientAssertion(
  assertion: string,
  expectation: ClientAssertionExpectation,
): Result<VerifiedClientAssertion, ClientAssertionRefusal> {
  const claims = signedClaims(assertion, expectation, authenticationTypes);
  if (!claims.ok) return claims;
  // RFC 7523 §3: where it authenticates, both are the client.
  if (claims.value['sub'] !== expectation.clientId) return err({ reason: 'wrong_subject' });
  return judgeClaims(claims.value, expectation);
}

export type VerifiedGrantAssertion = VerifiedClientAssertion & { readonly subject: string };

/**
 * Verifies an assertion that is an authorization grant (RFC 7523 §2.1): signed by the client, for
 * itself or for somebody else. One that is typed for client authentication is none.
 *
 * @returns also whom it speaks for; refusals: as above
 */
export function verifyGrantAssertion(
  assertion: string,
  expectation: ClientAssertionExpectation,
): Result<VerifiedGrantAssertion, ClientAssertionRefusal> {
  const claims = signedClaims(assertion, expectation, ['jwt']);
  if (!claims.ok) return claims;
  const subject = claimText(claims.value['sub']);
  if (subject === undefined) return err({ reason: 'malformed_claims', claim: 'sub' });
  const judged = judgeClaims(claims.value, expectation);
  return judged.ok ? ok({ ...judged.value, subject } as VerifiedGrantAssertion) : judged;
}

const authenticationTypes = ['jwt', 'client-authentication+jwt'];

/** The claims of an assertion whose signature holds, of one of the types. */
export function signedClaims(
  assertion: string,
  { keys, algorithms }: Pick<ClientAssertionExpectation, 'keys' | 'algorithms'>,
  types: readonly string[],
): Result<JsonObject, ClientAssertionRefusal> {
  const jws = verifyJws(assertion, keys, { typ: null, algorithms });
  if (!jws.ok) return jws;
  if (!isAssertionType(jws.value.header['typ'], types)) return err({ reason: 'wrong_type' });
  const claims = readClaims(jws.value.payload);
  return claims === undefined ? err({ reason: 'malformed_claims', claim: undefined }) : ok(claims);
}

/** Explicit for some, plain for most, absent for old ones; that of another kind never. */
function isAssertionType(typ: JsonValue | undefined, types: readonly string[]): boolean {
  if (typ === undefined) return true;
  if (typeof typ !== 'string') return false;
  const name = typ.toLowerCase().replace(/^application\//, '');
  return types.includes(name);
}

function judgeClaims(
  claims: JsonObject,
  expectation: ClientAssertionExpectation,
): Result<VerifiedClientAssertion, ClientAssertionRefusal> {
  const { clientId, now } = expectation;
  if (claims['iss'] !== clientId) return err({ reason: 'wrong_issuer' });
  if (!isForUs(claims['aud'], expectation)) return err({ reason: 'wrong_audience' });
  const expiresAt = numericDate(claims['exp'], Math.floor);
  if (expiresAt === undefined) return err({ reason: 'malformed_claims', claim: 'exp' });
  if (now >= expiresAt) return err({ reason: 'expired' });
  // Its id is remembered until it ends.
  if (expiresAt - now > limits.assertionTtlSecondsMax) return err({ reason: 'lifetime_too_long' });
  for (const claim of ['iat', 'nbf'] as const) {
    if (claims[claim] === undefined) continue;
    const from = numericDate(claims[claim], Math.floor);
    if (from === undefined) return err({ reason: 'malformed_claims', claim });
    if (from > now + limits.clockSkewSeconds) return err({ reason: 'not_yet_valid' });
  }
  const jti = claimText(claims['jti']);
  if (jti === undefined) return err({ reason: 'malformed_claims', claim: 'jti' });
  return ok({ jti, expiresAt } as VerifiedClientAssertion);
}

function isForUs(
  aud: JsonValue | undefined,
  { audiences, strictAudience }: ClientAssertionExpectation,
): boolean {
  if (strictAudience) return aud !== undefined && aud === audiences[0];
  const list: readonly JsonValue[] = Array.isArray(aud) ? aud : [aud ?? null];
  return list.length > 0 && list.every((one) => audiences.some((audience) => audience === one));
}

/**
 * Whom an assertion claims to come from, believed by nobody yet: RFC 7521 §4.2 makes `client_id`
 * beside it optional, and the client's keys must be found before anything can be verified.
 */
export function assertionSubject(assertion: string): string | undefined {
  return claimText(readAssertionPart(assertion, 1)?.['sub']);
}

/** The key that it claims to be signed by. It selects one of the client's own, and no more. */
export function assertionKeyId(assertion: string): string | undefined {
  return claimText(readAssertionPart(assertion, 0)?.['kid']);
}

/** Header or payload as they claim to be, verified by nobody yet. */
export function readAssertionPart(assertion: string, part: 0 | 1): JsonObject | undefined {
  if (assertion.length > limits.tokenCharsMax) return undefined;
  const bytes = base64urlDecode(assertion.split('.', 3)[part] ?? '');
  return bytes === undefined ? undefined : readClaims(bytes);
}
