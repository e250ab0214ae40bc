/**
 * JSON Web Signatures in compact form (RFC 7515): what is signed, the assembled token, and the
 * verification. A token's header is a claim about itself: it selects a key within the issuer's set
 * and must agree with it, and does nothing else. `jwk`, `jku`, `x5c` and `x5u` are never looked at.
 */
import {
  type Brand,
  base64urlDecode,
  base64urlEncode,
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type JwsAlgorithm,
  limits,
  ok,
  parseJson,
  type Result,
  utf8,
  utf8Decode,
} from '@mintmark/core';
import { parseJwsAlgorithm, signatureMatches } from './algorithms.ts';
import type { VerificationKey } from './jwk.ts';
import type { KeySet } from './key-set.ts';

/** @returns the ASCII text that is signed (RFC 7515 §5.1): both parts in base64url */
export function jwsSigningInput(header: JsonObject, payload: JsonValue): string {
  const part = (value: JsonValue) => base64urlEncode(utf8(JSON.stringify(value)));
  return `${part(header)}.${part(payload)}`;
}

/** @param signature over the bytes of `signingInput`, in its JOSE form */
export function assembleJws(signingInput: string, signature: Uint8Array): string {
  return `${signingInput}.${base64urlEncode(signature)}`;
}

/** Evidence that the payload was signed by a key of the issuer. Made by `verifyJws` only. */
export type VerifiedJws = Brand<
  {
    readonly header: JsonObject;
    readonly payload: Uint8Array;
    readonly algorithm: JwsAlgorithm;
    readonly key: VerificationKey;
  },
  'VerifiedJws'
>;

export type JwsRefusal =
  | {
      readonly reason:
        | 'too_long'
        | 'malformed'
        | 'malformed_header'
        | 'algorithm_not_allowed'
        | 'unsupported_critical'
        | 'unsupported_header'
        | 'wrong_type'
        | 'bad_signature';
    }
  | { readonly reason: 'unknown_key'; readonly kid: string | undefined };

export interface JwsExpectation {
  /**
   * The explicit type of the token (RFC 8725 §3.11), such as `at+jwt`; compared without regard to
   * case and to an `application/` before it (RFC 7515 §4.1.9). `null`: any; foreign tokens only.
   */
  readonly typ: string | null;
  readonly algorithms: readonly JwsAlgorithm[];
}

/**
 * Verifies one compact JWS against one issuer's keys. Cheap refusals come first.
 *
 * @returns the evidence; refusals: too_long, malformed (parts, base64url), malformed_header,
 *   algorithm_not_allowed (`none` among them, and every algorithm that is not the key's),
 *   unsupported_critical (RFC 7515 §4.1.11: we understand no extension), unsupported_header
 *   (`zip`, `b64: false`), wrong_type, unknown_key, bad_signature
 */
export function verifyJws(
  token: string,
  keySet: KeySet,
  expectation: JwsExpectation,
): Result<VerifiedJws, JwsRefusal> {
  const unverified = readJws(token, keySet, expectation);
  return unverified.ok ? verifySignature(unverified.value) : unverified;
}

/** Well formed, and naming a key that may have signed it. Nobody has vouched for it yet. */
export interface UnverifiedJws {
  readonly keySet: KeySet;
  readonly headerText: string;
  readonly header: JsonObject;
  readonly payload: Uint8Array;
  readonly algorithm: JwsAlgorithm;
  readonly key: VerificationKey;
  readonly signingInput: Uint8Array;
  readonly signature: Uint8Array;
}

/** Everything that can be refused without the cost of a signature check. */
export function readJws(
  token: string,
  keySet: KeySet,
  expectation: JwsExpectation,
): Result<UnverifiedJws, JwsRefusal> {
  if (token.length > limits.tokenCharsMax) return err({ reason: 'too_long' });
  const headerEnd = token.indexOf('.');
  const payloadEnd = token.indexOf('.', headerEnd + 1);
  // A third dot, as in a JWE, is found by the strict decoding of the signature.
  if (headerEnd < 1 || payloadEnd < 0) return err({ reason: 'malformed' });
  const headerText = token.slice(0, headerEnd);
  const known = keySet.headers.get(headerText);
  const header = known === undefined ? readHeader(headerText) : ok(known);
  if (!header.ok) return header;
  const algorithm = agreedAlgorithm(header.value, expectation);
  if (!algorithm.ok) return algorithm;
  const key = agreedKey(header.value, keySet, algorithm.value);
  if (!key.ok) return key;
  const payload = base64urlDecode(token.slice(headerEnd + 1, payloadEnd));
  const signature = base64urlDecode(token.slice(payloadEnd + 1));
  if (payload === undefined || signature === undefined) return err({ reason: 'malformed' });
  // Decoding has shown that there is nothing but ASCII before the second dot.
  const signingInput = Buffer.from(token.slice(0, payloadEnd), 'latin1');
  return ok({
    keySet,
    headerText,
    header: header.value,
    payload,
    algorithm: algorithm.value,
    key: key.value,
    signingInput,
    signature,
  });
}

export function verifySignature(jws: UnverifiedJws): Result<VerifiedJws, JwsRefusal> {
  const { header, payload, algorithm, key, signingInput: input, signature } = jws;
  if (!signatureMatches(algorithm, key.keyObject, { input, signature })) {
    return err({ reason: 'bad_signature' });
  }
  // Only what was verified is remembered, and nothing is evicted: garbage cannot displace it.
  const { headers } = jws.keySet;
  if (headers.size < limits.jwsHeadersMax) headers.set(jws.headerText, header);
  return ok({ header, payload, algorithm, key } as VerifiedJws);
}

/** The header of a JWS that nobody has verified yet, for what a key must be read out of. */
export function readHeaderOf(token: string): Result<JsonObject, JwsRefusal> {
  if (token.length > limits.tokenCharsMax) return err({ reason: 'too_long' });
  const end = token.indexOf('.');
  return end < 1 ? err({ reason: 'malformed' }) : readHeader(token.slice(0, end));
}

function readHeader(part: string): Result<JsonObject, JwsRefusal> {
  const bytes = base64urlDecode(part);
  if (bytes === undefined) return err({ reason: 'malformed' });
  const text = utf8Decode(bytes);
  if (text === undefined) return err({ reason: 'malformed_header' });
  const header = parseJson(text);
  if (!header.ok || !isJsonObject(header.value)) return err({ reason: 'malformed_header' });
  return ok(header.value);
}

function agreedAlgorithm(
  header: JsonObject,
  expectation: JwsExpectation,
): Result<JwsAlgorithm, JwsRefusal> {
  const algorithm = parseJwsAlgorithm(header['alg']);
  if (algorithm === undefined || !expectation.algorithms.includes(algorithm)) {
    return err({ reason: 'algorithm_not_allowed' });
  }
  if (header['crit'] !== undefined) return err({ reason: 'unsupported_critical' });
  // `zip` belongs to JWE (RFC 7516 §4.1.3). `b64` must be in `crit` (RFC 7797 §6), but some
  // libraries honour it without, and would then read another payload than we do.
  if (header['zip'] !== undefined || (header['b64'] !== undefined && header['b64'] !== true)) {
    return err({ reason: 'unsupported_header' });
  }
  if (expectation.typ !== null && !isType(header['typ'], expectation.typ)) {
    return err({ reason: 'wrong_type' });
  }
  return ok(algorithm);
}

function isType(found: JsonValue | undefined, expected: string): boolean {
  if (found === expected) return true;
  if (typeof found !== 'string') return false;
  return found.toLowerCase().replace(/^application\//, '') === expected.toLowerCase();
}

function agreedKey(
  header: JsonObject,
  keySet: KeySet,
  algorithm: JwsAlgorithm,
): Result<VerificationKey, JwsRefusal> {
  const { kid } = header;
  if (kid !== undefined && typeof kid !== 'string') return err({ reason: 'malformed_header' });
  const key = keySet.lookup(kid);
  if (key === undefined) return err({ reason: 'unknown_key', kid });
  if (!key.algorithms.includes(algorithm)) return err({ reason: 'algorithm_not_allowed' });
  return ok(key);
}
