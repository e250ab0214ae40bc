/**
 * AES-GCM (NIST SP 800-38D) with a 96-bit nonce and a 128-bit tag: the only file that names it.
 * What Mintmark keeps is under keys of 256 bits; 128 are for peers who ask (RFC 7518 §5.3).
 */
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';

export const aeadKeyBytes = 32;
export const aeadNonceBytes = 12;
export const aeadTagBytes = 16;

function cipherOf(key: KeyObject): 'aes-128-gcm' | 'aes-256-gcm' {
  return key.symmetricKeySize === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
}

/**
 * @param input.nonce 12 bytes, never twice under one key: from `Entropy`, for fewer than 2^31 uses
 * @returns the ciphertext and behind it the tag
 */
export function aeadSeal(input: {
  readonly key: KeyObject;
  readonly nonce: Uint8Array;
  readonly additionalData: Uint8Array;
  readonly plaintext: Uint8Array;
}): Uint8Array {
  const { key, nonce, additionalData, plaintext } = input;
  if (nonce.length !== aeadNonceBytes) throw new RangeError('aeadSeal: nonce');
  const options = { authTagLength: aeadTagBytes };
  const encryption = createCipheriv(cipherOf(key), key, nonce, options).setAAD(additionalData);
  return Buffer.concat([encryption.update(plaintext), encryption.final(), encryption.getAuthTag()]);
}

/**
 * @param input.sealed ciphertext and tag
 * @returns the plaintext, or undefined where key, nonce, additional data, ciphertext and tag do not
 *   all belong together; which of them it was cannot be told
 */
export function aeadOpen(input: {
  readonly key: KeyObject;
  readonly nonce: Uint8Array;
  readonly additionalData: Uint8Array;
  readonly sealed: Uint8Array;
}): Uint8Array | undefined {
  const { key, nonce, additionalData, sealed } = input;
  const end = sealed.length - aeadTagBytes;
  if (nonce.length !== aeadNonceBytes || end < 0) return undefined;
  const decryption = createDecipheriv(cipherOf(key), key, nonce, { authTagLength: aeadTagBytes })
    .setAAD(additionalData)
    .setAuthTag(sealed.subarray(end));
  try {
    return Buffer.concat([decryption.update(sealed.subarray(0, end)), decryption.final()]);
  } catch {
    return undefined;
  }
}
