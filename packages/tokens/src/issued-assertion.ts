/**
 * Assertions of issuers that the operator trusts (RFC 7521 §5.2, RFC 7523 §3): a cluster, a build
 * service or a partner says whom it vouches for, to this server and for now. Which keys are the
 * issuer's, and what it may say, is the caller's to know.
 */
import {
  type Brand,
  err,
  type JsonObject,
  type JsonValue,
  type JwsAlgorithm,
  limits,
  ok,
  type Result,
  type UnixSeconds,
} from '@mintmark/core';
import { claimText, numericDate } from './claims.ts';
import {
  type ClientAssertionRefusal,
  readAssertionPart,
  signedClaims,
} from './client-assertion.ts';
import type { KeySet } from './key-set.ts';

export type VerifiedIssuedAssertion = Brand<
  {
    readonly subject: string;
    readonly expiresAt: UnixSeconds;
    /** By which it is used once; undefined where it has none. */
    readonly jti: string | undefined;
    readonly claims: JsonObject;
  },
  'VerifiedIssuedAssertion'
>;

export interface IssuedAssertionExpectation {
  /** Exactly its `iss`. */
  readonly issuer: string;
  /** `aud` is one of these, and nothing beside it: it could be used at the others too. */
  readonly audiences: readonly string[];
  /** The issuer's keys and no others. */
  readonly keys: KeySet;
  readonly algorithms: readonly JwsAlgorithm[];
  /** From `iat`, where there is one, and from now. */
  readonly lifetimeSecondsMax: number;
  readonly now: UnixSeconds;
}

/**
 * Verifies an assertion of an outside issuer.
 *
 * @returns whom it speaks of; refusals: those of `verifyJws` (wrong_type for every `typ` but
 *   `JWT`), malformed_claims, wrong_issuer, wrong_audience, expired, not_yet_valid,
 *   lifetime_too_long
 */
export function verifyIssuedAssertion(
  assertion: string,
  expectation: IssuedAssertionExpectation,
): Result<VerifiedIssuedAssertion, ClientAssertionRefusal> {
  // An access token of the same issuer is for its own servers; an explicit type tells it apart.
  const signed = signedClaims(assertion, expectation, ['jwt']);
  if (!signed.ok) return signed;
  const claims = signed.value;
  if (claims['iss'] !== expectation.issuer) return err({ reason: 'wrong_issuer' });
  if (!isForUsAlone(claims['aud'], expectation.audiences)) return err({ reason: 'wrong_audience' });
  const subject = claimText(claims['sub']);
  if (subject === undefined) return malformed('sub');
  const jti = claimText(claims['jti']);
  if (claims['jti'] !== undefined && jti === undefined) return malformed('jti');
  const expiresAt = judgeTime(claims, expectation);
  if (!expiresAt.ok) return expiresAt;
  return ok({ subject, jti, claims, expiresAt: expiresAt.value } as VerifiedIssuedAssertion);
}

function malformed(claim: string): Result<never, ClientAssertionRefusal> {
  return err({ reason: 'malformed_claims', claim });
}

/** A list of one is as good as the one: clusters write no other form. */
function isForUsAlone(aud: JsonValue | undefined, audiences: readonly string[]): boolean {
  const list: readonly JsonValue[] = Array.isArray(aud) ? aud : [aud ?? null];
  const [only, ...others] = list;
  return others.length === 0 && audiences.some((audience) => audience === only);
}

function judgeTime(
  claims: JsonObject,
  { now, lifetimeSecondsMax }: IssuedAssertionExpectation,
): Result<UnixSeconds, ClientAssertionRefusal> {
  const expiresAt = numericDate(claims['exp'], Math.floor);
  if (expiresAt === undefined) return malformed('exp');
  if (now >= expiresAt) return err({ reason: 'expired' });
  const begins: number[] = [now];
  for (const claim of ['iat', 'nbf'] as const) {
    if (claims[claim] === undefined) continue;
    const from = numericDate(claims[claim], Math.ceil);
    if (from === undefined) return malformed(claim);
    if (from > now + limits.clockSkewSeconds) return err({ reason: 'not_yet_valid' });
    if (claim === 'iat') begins.push(from);
  }
  if (expiresAt - Math.min(...begins) > lifetimeSecondsMax) {
    return err({ reason: 'lifetime_too_long' });
  }
  return ok(expiresAt);
}

/** Whom an assertion claims to come from, believed by nobody yet: it selects whose keys judge. */
export function assertionIssuer(assertion: string): string | undefined {
  return claimText(readAssertionPart(assertion, 1)?.['iss']);
}
