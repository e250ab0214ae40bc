/**
 * What each JOSE algorithm is made of: the kind of key, the length of a signature, the parameters
 * of the primitive. One table, so that signing and verifying cannot disagree, and the algorithm
 * follows from the key and never from a token alone (RFC 8725 §3.1).
 */
import { constants, createHmac, type KeyObject, sign, verify } from 'node:crypto';
import { equalConstantTime, type JwsAlgorithm } from '@mintmark/core';

export type MlDsaAlgorithm = 'ML-DSA-44' | 'ML-DSA-65' | 'ML-DSA-87';

/** Every algorithm that Mintmark verifies, the default allow-list. */
export const jwsAlgorithms: readonly JwsAlgorithm[] = [
  'ES256',
  'EdDSA',
  'PS256',
  'RS256',
  'ML-DSA-44',
  'ML-DSA-65',
  'ML-DSA-87',
  'HS256',
];

/** Lengths of FIPS 204 table 2, in bytes. */
export const mlDsaPublicKeyBytes: Readonly<Record<MlDsaAlgorithm, number>> = {
  'ML-DSA-44': 1312,
  'ML-DSA-65': 1952,
  'ML-DSA-87': 2592,
};

/** RFC 7518 §3.2: a key at least as long as the hash. */
export const hs256KeyBytesMin = 32;
/** RFC 7518 §3.3 and §3.5. The upper bound keeps one verification below a millisecond. */
export const rsaModulusBitsMin = 2048;
export const rsaModulusBitsMax = 8192;

/**
 * The algorithm that a header or a key names.
 *
 * @returns undefined for everything that is not supported, `none` in any spelling among it.
 *   `Ed25519` is the fully specified name (RFC 9864 §2.2) of what `EdDSA` means with our one curve.
 */
export function parseJwsAlgorithm(name: unknown): JwsAlgorithm | undefined {
  if (name === 'Ed25519') return 'EdDSA';
  return jwsAlgorithms.find((algorithm) => algorithm === name);
}

/** @param key of the kind that the algorithm needs, as `importVerificationKey` ensures */
function signatureBytes(algorithm: JwsAlgorithm, key: KeyObject): number {
  switch (algorithm) {
    case 'HS256':
      return 32;
    case 'ES256':
    case 'EdDSA':
      return 64;
    case 'ML-DSA-44':
      return 2420;
    case 'ML-DSA-65':
      return 3309;
    case 'ML-DSA-87':
      return 4627;
    case 'RS256':
    case 'PS256':
      return Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  }
}

/**
 * One-shot, synchronous: a queue to the thread pool and back costs more than an ECDSA signature.
 *
 * @returns the signature in its JOSE form (RFC 7518 §3.2–3.5, RFC 8037 §3.1, RFC 9964 §5)
 */
export function signBytes(algorithm: JwsAlgorithm, key: KeyObject, input: Uint8Array): Uint8Array {
  switch (algorithm) {
    case 'HS256':
      return createHmac('sha256', key).update(input).digest();
    case 'ES256':
      return sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' });
    case 'RS256':
      return sign('sha256', input, { key, padding: constants.RSA_PKCS1_PADDING });
    case 'PS256':
      return sign('sha256', input, { key, ...pss });
    case 'EdDSA':
    case 'ML-DSA-44':
    case 'ML-DSA-65':
    case 'ML-DSA-87':
      return sign(null, input, key);
  }
}

/**
 * True where the signature is the key's over the input. Its length is judged first: DER in place
 * of r‖s, and every longer or shorter spelling, is refused whatever the primitive would make of
 * it. The primitive refuses r or s of 0 and beyond the order, and malformed hints of ML-DSA.
 */
export function signatureMatches(
  algorithm: JwsAlgorithm,
  key: KeyObject,
  { input, signature }: { readonly input: Uint8Array; readonly signature: Uint8Array },
): boolean {
  if (signature.length !== signatureBytes(algorithm, key)) return false;
  switch (algorithm) {
    case 'HS256':
      return equalConstantTime(createHmac('sha256', key).update(input).digest(), signature);
    case 'ES256':
      return verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'RS256':
      return verify('sha256', input, { key, padding: constants.RSA_PKCS1_PADDING }, signature);
    case 'PS256':
      return verify('sha256', input, { key, ...pss }, signature);
    case 'EdDSA':
    case 'ML-DSA-44':
    case 'ML-DSA-65':
    case 'ML-DSA-87':
      return verify(null, input, key, signature);
  }
}

/** RFC 7518 §3.5: MGF1 with the same hash, a salt as long as the hash and no other. */
const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const;
