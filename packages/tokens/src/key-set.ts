/**
 * The keys of one issuer. A `kid` is looked up inside one such set and nowhere else, so that a key
 * of one issuer never vouches for another.
 */
import {
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type JwsAlgorithm,
  limits,
  ok,
  type Result,
} from '@mintmark/core';
import { importVerificationKey, type JwkRefusal, type VerificationKey } from './jwk.ts';

export interface KeySet {
  /** Changes whenever what was verified before must be verified again. */
  readonly epoch: string;
  readonly keys: readonly VerificationKey[];
  /**
   * @param kid undefined where a token names none: that is clear only in a set of one key
   */
  lookup(kid: string | undefined): VerificationKey | undefined;
  /**
   * Headers of tokens that these keys have verified, parsed, by their text: an issuer writes the
   * same few again and again. Parsing is all that it saves; at most `limits.jwsHeadersMax`.
   */
  readonly headers: Map<string, JsonObject>;
}

export type KeySetRefusal =
  | { readonly reason: 'duplicate_kid'; readonly kid: string }
  | { readonly reason: 'mixed_symmetry' };

/**
 * @returns the set; refusals: duplicate_kid (which of them signed would be a guess), mixed_symmetry
 *   (a shared secret beside public keys invites RS256 → HS256 confusion)
 */
export function createKeySet(input: {
  readonly keys: readonly VerificationKey[];
  readonly epoch: string;
}): Result<KeySet, KeySetRefusal> {
  const { keys, epoch } = input;
  const byKid = new Map<string, VerificationKey>();
  for (const key of keys) {
    if (key.symmetric !== keys[0]!.symmetric) return err({ reason: 'mixed_symmetry' });
    if (key.kid === undefined) continue;
    if (byKid.has(key.kid)) return err({ reason: 'duplicate_kid', kid: key.kid });
    byKid.set(key.kid, key);
  }
  const only = keys.length === 1 ? keys[0] : undefined;
  return ok({
    epoch,
    keys,
    headers: new Map(),
    lookup: (kid) => (kid === undefined ? only : byKid.get(kid)),
  });
}

export type JwksRefusal = KeySetRefusal | { readonly reason: 'not_a_key_set' };

/**
 * Reads a JWK Set (RFC 7517 §5). Keys that cannot be used are left out, as the RFC asks, and told.
 *
 * @param jwks from `parseJson`
 * @returns the set and the keys left out, by index; refusals: not_a_key_set (also more keys
 *   than `limits.jwksKeysMax`), duplicate_kid (also where a usable key shares it with a broken
 *   one), mixed_symmetry
 */
export function parseKeySet(
  jwks: JsonValue,
  options: { readonly algorithms: readonly JwsAlgorithm[]; readonly epoch: string },
): Result<
  {
    readonly keySet: KeySet;
    readonly skipped: readonly { readonly index: number; readonly refusal: JwkRefusal }[];
  },
  JwksRefusal
> {
  const list = isJsonObject(jwks) ? jwks['keys'] : undefined;
  if (!Array.isArray(list) || list.length > limits.jwksKeysMax)
    return err({ reason: 'not_a_key_set' });
  const keys: VerificationKey[] = [];
  const skipped: { index: number; refusal: JwkRefusal }[] = [];
  const unusable = new Set<string>();
  for (const [index, jwk] of list.entries()) {
    const key = importVerificationKey(jwk, options);
    if (key.ok) {
      keys.push(key.value);
    } else {
      skipped.push({ index, refusal: key.refusal });
      const kid = isJsonObject(jwk) ? jwk['kid'] : undefined;
      if (typeof kid === 'string' && !forOtherPurposes(key.refusal)) unusable.add(kid);
    }
  }
  const ambiguous = keys.find(({ kid }) => kid !== undefined && unusable.has(kid));
  if (ambiguous?.kid !== undefined) return err({ reason: 'duplicate_kid', kid: ambiguous.kid });
  const keySet = createKeySet({ keys, epoch: options.epoch });
  return keySet.ok ? ok({ keySet: keySet.value, skipped }) : keySet;
}

/** Some issuers publish their encryption key under the `kid` of their signing key: no confusion. */
function forOtherPurposes(refusal: JwkRefusal): boolean {
  return refusal.reason === 'wrong_use' || refusal.reason === 'unsupported_key_type';
}
