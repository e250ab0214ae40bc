/**
 * DPoP proofs (RFC 9449): a request shows that its sender holds a key. Everything is judged here
 * but the two things that need a memory or a secret: that the proof is used once, and whose nonce
 * it carries. The key comes out of the proof itself, the one place where an embedded `jwk` counts.
 */
import { hash } from 'node:crypto';
import {
  type Brand,
  err,
  type JsonObject,
  type JwsAlgorithm,
  limits,
  ok,
  RecentMap,
  type Result,
  type UnixSeconds,
} from '@mintmark/core';
import { jwsAlgorithms } from './algorithms.ts';
import { claimText, numericDate, readClaims } from './claims.ts';
import { importVerificationKey, type VerificationKey } from './jwk.ts';
import { type JwsRefusal, readHeaderOf, verifyJws } from './jws.ts';
import type { KeySet } from './key-set.ts';

/** Algorithms of proofs: every one with a public key (RFC 9449 §4.2). */
export const dpopAlgorithms: readonly JwsAlgorithm[] = jwsAlgorithms.filter(
  (algorithm) => algorithm !== 'HS256',
);

/** A proof that fits its request. Made by `verifyDpopProof` only. */
export type VerifiedDpopProof = Brand<
  {
    /** RFC 7638 thumbprint of the key: the `jkt` of what is bound to it. */
    readonly jkt: string;
    readonly jti: string;
    /** From this second on the proof is too old for everybody. */
    readonly endsAt: UnixSeconds;
    readonly nonce: string | undefined;
  },
  'VerifiedDpopProof'
>;

export type DpopRefusal =
  | JwsRefusal
  | { readonly reason: 'malformed_key' }
  | { readonly reason: 'malformed_claims'; readonly claim: string | undefined }
  | {
      readonly reason:
        | 'wrong_method'
        | 'wrong_url'
        | 'too_old'
        | 'not_yet_valid'
        | 'wrong_access_token';
    };

export interface DpopExpectation {
  readonly method: string;
  /** The request's URL as its sender knows it; query and fragment do not count. */
  readonly url: string;
  /** The access token that is presented beside the proof; undefined where none is. */
  readonly accessToken: string | undefined;
  readonly now: UnixSeconds;
  /** 0–60, also for a clock ahead; default `limits.dpopProofAgeSecondsMax`. */
  readonly ageSecondsMax?: number;
  /** Default: all of `dpopAlgorithms`. */
  readonly algorithms?: readonly JwsAlgorithm[];
}

/**
 * Keys of proofs whose signature was good, by the proof's whole header as it came: a sender's
 * header is the same each time, and reading its key costs more than half of a signature check.
 */
export type ProofKeys = RecentMap<string, VerificationKey>;

/** Longer headers are read each time: keys of ML-DSA, certificates that nobody asked for. */
const headerCharsMax = 1_024;

export function createProofKeys(): ProofKeys {
  return new RecentMap(limits.proofKeysMax);
}

/**
 * Verifies a proof against its request (RFC 9449 §4.3).
 *
 * @param keys what earlier calls have read
 * @returns the thumbprint, and by what the proof is used once; refusals: those of `verifyJws`
 *   (algorithm_not_allowed: symmetric ones and `none`), malformed_key (missing, private, weak),
 *   malformed_claims, wrong_method, wrong_url, too_old, not_yet_valid, wrong_access_token
 */
export function verifyDpopProof(
  proof: string,
  expectation: DpopExpectation,
  keys: ProofKeys = createProofKeys(),
): Result<VerifiedDpopProof, DpopRefusal> {
  const { algorithms = dpopAlgorithms } = expectation;
  const header = proof.slice(0, Math.max(0, proof.indexOf('.')));
  const known = keys.peek(header);
  const read = known === undefined ? readKey(proof) : ok(known);
  if (!read.ok) return read;
  const own = read.value;
  // A set of this one key, whatever `kid` a header may carry beside it.
  const set: KeySet = { epoch: '', keys: [own], headers: new Map(), lookup: () => own };
  const jws = verifyJws(proof, set, { typ: 'dpop+jwt', algorithms });
  if (!jws.ok) return jws;
  if (known !== undefined) keys.touch(header);
  else if (header.length <= headerCharsMax) keys.set(header, own);
  const claims = readClaims(jws.value.payload);
  if (claims === undefined) return err({ reason: 'malformed_claims', claim: undefined });
  return judgeClaims(claims, own.thumbprint, expectation);
}

function readKey(proof: string): Result<VerificationKey, DpopRefusal> {
  const header = readHeaderOf(proof);
  if (!header.ok) return header;
  const jwk = header.value['jwk'];
  if (jwk === undefined) return err({ reason: 'malformed_key' });
  const key = importVerificationKey(jwk, { algorithms: dpopAlgorithms });
  return key.ok && !key.value.symmetric ? key : err({ reason: 'malformed_key' });
}

function judgeClaims(
  claims: JsonObject,
  jkt: string,
  expectation: DpopExpectation,
): Result<VerifiedDpopProof, DpopRefusal> {
  const { htm, htu, iat, ath, nonce } = claims;
  const { now, accessToken, ageSecondsMax = limits.dpopProofAgeSecondsMax } = expectation;
  const jti = claimText(claims['jti']);
  if (jti === undefined) return err({ reason: 'malformed_claims', claim: 'jti' });
  if (htm !== expectation.method) return err({ reason: 'wrong_method' });
  // As it mostly comes, it need not be taken apart.
  if (htu !== expectation.url) {
    const url = typeof htu === 'string' ? normalizedUrl(htu) : undefined;
    if (url === undefined) return err({ reason: 'malformed_claims', claim: 'htu' });
    if (url !== normalizedUrl(expectation.url)) return err({ reason: 'wrong_url' });
  }
  const issuedAt = numericDate(iat, Math.floor);
  if (issuedAt === undefined) return err({ reason: 'malformed_claims', claim: 'iat' });
  // Also where a nonce says how fresh it is: what is remembered of it must have an end.
  const endsAt = (issuedAt + ageSecondsMax + 1) as UnixSeconds;
  if (now >= endsAt) return err({ reason: 'too_old' });
  if (issuedAt > now + Math.min(limits.clockSkewSeconds, ageSecondsMax))
    return err({ reason: 'not_yet_valid' });
  if (nonce !== undefined && claimText(nonce) === undefined) {
    return err({ reason: 'malformed_claims', claim: 'nonce' });
  }
  // Beside no access token `ath` says nothing to us; beside one it must be of this very token.
  if (accessToken !== undefined && ath !== accessTokenHash(accessToken)) {
    return err({ reason: 'wrong_access_token' });
  }
  return ok({ jkt, jti, endsAt, nonce: claimText(nonce) } as VerifiedDpopProof);
}

/** RFC 9449 §4.2: SHA-256 of the token's ASCII text. */
function accessTokenHash(token: string): string {
  return hash('sha256', token, 'base64url');
}

const urlPattern = /^https?:\/\/[A-Za-z0-9\-._~:/?#[\]!$&'()*+,;=%@]+$/i;

/**
 * RFC 3986 §6.2.2 and §6.2.3: case, percent-encoding, dot segments, default port, empty path;
 * without query and fragment (RFC 9449 §4.3).
 *
 * @returns undefined for what is no http(s) URL, and for one with a user name
 */
function normalizedUrl(text: string): string | undefined {
  if (text.length > limits.outboundUrlCharsMax || !urlPattern.test(text)) return undefined;
  if (!URL.canParse(text)) return undefined;
  const { protocol, username, password, host, pathname } = new URL(text);
  if (username !== '' || password !== '') return undefined;
  const path = pathname.replace(/%[0-9a-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : encoded.toUpperCase();
  });
  return `${protocol}//${host}${path}`;
}
