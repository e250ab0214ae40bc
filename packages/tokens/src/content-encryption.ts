/**
 * Content encryption of JWE (RFC 7518 §5): AES-GCM, and AES-CBC with HMAC for peers that have
 * nothing else. The tag of the latter is judged before anything is decrypted, so that padding tells
 * nobody anything.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
} from 'node:crypto';
import { concatBytes, equalConstantTime } from '@mintmark/core';
import { aeadNonceBytes, aeadOpen, aeadSeal, aeadTagBytes } from './aead.ts';

export type JweEncryption = 'A128GCM' | 'A256GCM' | 'A128CBC-HS256' | 'A256CBC-HS512';

/** Every content encryption that Mintmark does, best first. */
export const jweEncryptions: readonly JweEncryption[] = [
  'A256GCM',
  'A128GCM',
  'A256CBC-HS512',
  'A128CBC-HS256',
];

interface Sizes {
  readonly keyBytes: number;
  readonly ivBytes: number;
  readonly tagBytes: number;
}

/** RFC 7518 §5.2.3, §5.2.5 and §5.3. */
export const encryptionSizes: Readonly<Record<JweEncryption, Sizes>> = {
  A128GCM: { keyBytes: 16, ivBytes: aeadNonceBytes, tagBytes: aeadTagBytes },
  A256GCM: { keyBytes: 32, ivBytes: aeadNonceBytes, tagBytes: aeadTagBytes },
  'A128CBC-HS256': { keyBytes: 32, ivBytes: 16, tagBytes: 16 },
  'A256CBC-HS512': { keyBytes: 64, ivBytes: 16, tagBytes: 32 },
};

export interface EncryptedContent {
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

/**
 * @param input.key as long as the encryption asks, and so is `iv`; never twice together
 * @throws RangeError where a length is another
 */
export function encryptContent(
  encryption: JweEncryption,
  input: {
    readonly key: Uint8Array;
    readonly iv: Uint8Array;
    readonly additionalData: Uint8Array;
    readonly plaintext: Uint8Array;
  },
): EncryptedContent {
  const { iv, additionalData, plaintext } = input;
  const sizes = encryptionSizes[encryption];
  if (input.key.length !== sizes.keyBytes || iv.length !== sizes.ivBytes) {
    throw new RangeError('encryptContent: key or iv');
  }
  if (isGcm(encryption)) {
    const key = createSecretKey(input.key);
    const sealed = aeadSeal({ key, nonce: iv, additionalData, plaintext });
    const end = sealed.length - aeadTagBytes;
    return { iv, ciphertext: sealed.subarray(0, end), tag: sealed.subarray(end) };
  }
  const halves = halvesOf(input.key);
  const cipher = createCipheriv(cbcCipher(halves.encryptionKey), halves.encryptionKey, iv);
  const ciphertext = concatBytes(cipher.update(plaintext), cipher.final());
  return { iv, ciphertext, tag: cbcTag(halves.macKey, { additionalData, iv, ciphertext }) };
}

/** @returns the plaintext; undefined where anything does not belong together, whatever it was */
export function decryptContent(
  encryption: JweEncryption,
  input: EncryptedContent & { readonly key: Uint8Array; readonly additionalData: Uint8Array },
): Uint8Array | undefined {
  const { iv, additionalData, ciphertext, tag } = input;
  const sizes = encryptionSizes[encryption];
  const fits =
    input.key.length === sizes.keyBytes &&
    iv.length === sizes.ivBytes &&
    tag.length === sizes.tagBytes;
  if (!fits) return undefined;
  if (isGcm(encryption)) {
    const key = createSecretKey(input.key);
    return aeadOpen({ key, nonce: iv, additionalData, sealed: concatBytes(ciphertext, tag) });
  }
  const { macKey, encryptionKey } = halvesOf(input.key);
  if (!equalConstantTime(cbcTag(macKey, { additionalData, iv, ciphertext }), tag)) return undefined;
  try {
    const decipher = createDecipheriv(cbcCipher(encryptionKey), encryptionKey, iv);
    return concatBytes(decipher.update(ciphertext), decipher.final());
  } catch {
    // Only who holds the key can have made a good tag over bad padding.
    return undefined;
  }
}

function isGcm(encryption: JweEncryption): boolean {
  return encryption === 'A128GCM' || encryption === 'A256GCM';
}

/** RFC 7518 §5.2.2.1: the first half authenticates, the second encrypts. */
function halvesOf(key: Uint8Array): {
  readonly macKey: KeyObject;
  readonly encryptionKey: KeyObject;
} {
  const half = key.length / 2;
  return {
    macKey: createSecretKey(key.subarray(0, half)),
    encryptionKey: createSecretKey(key.subarray(half)),
  };
}

function cbcCipher(key: KeyObject): string {
  return key.symmetricKeySize === 16 ? 'aes-128-cbc' : 'aes-256-cbc';
}

/** The first half of the HMAC over additional data, IV, ciphertext and the length of the first. */
function cbcTag(
  macKey: KeyObject,
  input: Omit<EncryptedContent, 'tag'> & { readonly additionalData: Uint8Array },
): Uint8Array {
  const { additionalData, iv, ciphertext } = input;
  const bits = Buffer.alloc(8);
  bits.writeBigUInt64BE(BigInt(additionalData.length) * 8n);
  const name = macKey.symmetricKeySize === 16 ? 'sha256' : 'sha512';
  const hmac = createHmac(name, macKey).update(additionalData).update(iv).update(ciphertext);
  const whole = hmac.update(bits).digest();
  return whole.subarray(0, whole.length / 2);
}
