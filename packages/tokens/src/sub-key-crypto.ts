/** Ed25519 (RFC 8032) on raw keys, as sub-keys use it, and the seed that a key's secret is. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { base64urlDecode, base64urlEncode, concatBytes, hexDecode, utf8 } from '@mintmark/core';
import { derivedKeyBytes, deriveKey } from './derive-key.ts';

export const seedBytes = derivedKeyBytes;
export const publicKeyBytes = 32;
export const signatureBytes = 64;

/** PKCS #8 around a 32-byte Ed25519 seed (RFC 8410 §7): everything before it. */
const pkcs8Head = hexDecode('302e020100300506032b657004220420') as Uint8Array;

/**
 * The seed of the key that signs the first link: HKDF-SHA-256 (RFC 5869) of the secret part's
 * characters. The secret is uniform, so that no salt is needed (§3.1).
 */
export function derivationSeed(input: {
  readonly keyId: string;
  readonly secret: string;
}): Uint8Array {
  return deriveKey(input.secret, utf8(`mintmark sub-key seed\0${input.keyId}`));
}

/**
 * What is kept of a key so that its sub-keys can be verified: public, and no way back to the
 * secret, which has 192 random bits.
 *
 * @param input.secret the secret part of a key of our own form; never one that people chose
 */
export function derivationKeyOf(input: {
  readonly keyId: string;
  readonly secret: string;
}): Uint8Array {
  return ed25519PublicKey(derivationSeed(input));
}

export function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  const { x = '' } = createPublicKey(privateKeyOf(seed)).export({ format: 'jwk' });
  return base64urlDecode(x) as Uint8Array;
}

export function ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return sign(null, message, privateKeyOf(seed));
}

/** @returns false also for a public key that is none */
export function ed25519Verify(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== publicKeyBytes || signature.length !== signatureBytes) return false;
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: base64urlEncode(publicKey) };
  try {
    return verify(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature);
  } catch {
    // Not a point on the curve: a stranger's bytes, and no fault of ours.
    return false;
  }
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  const key = Buffer.from(concatBytes(pkcs8Head, seed));
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}
