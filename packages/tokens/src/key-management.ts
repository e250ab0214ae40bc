/**
 * How the content's key reaches its reader (RFC 7518 §4): agreed upon with an ephemeral key, or
 * wrapped by RSA. Everything that fails on the reader's side fails alike.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import { concatBytes, type JsonObject, utf8 } from '@mintmark/core';
import { encryptionSizes, type JweEncryption } from './content-encryption.ts';
import { type EcdhCurve, type JweAlgorithm, parseEncryptionMaterial } from './encryption-key.ts';

/** What the agreement of two keys is about (RFC 7518 §4.6.2). */
export interface AgreementInfo {
  readonly algorithm: 'ECDH-ES' | 'ECDH-ES+A256KW';
  readonly encryption: JweEncryption;
  readonly partyU: Uint8Array;
  readonly partyV: Uint8Array;
}

/**
 * The key that two parties agree on: the content's own, or the one that wraps it.
 *
 * @throws where the primitive refuses the public key, as one of small order
 */
export function agreedKey(
  keys: { readonly privateKey: KeyObject; readonly publicKey: KeyObject },
  info: AgreementInfo,
): Uint8Array {
  const { algorithm, encryption, partyU, partyV } = info;
  const direct = algorithm === 'ECDH-ES';
  const bytes = direct ? encryptionSizes[encryption].keyBytes : 32;
  const otherInfo = concatBytes(
    lengthPrefixed(utf8(direct ? encryption : algorithm)),
    lengthPrefixed(partyU),
    lengthPrefixed(partyV),
    uint32(bytes * 8),
  );
  return concatKdf(diffieHellman(keys), { bytes, otherInfo });
}

/** NIST SP 800-56A §5.8.1 with SHA-256. */
function concatKdf(
  secret: Uint8Array,
  { bytes, otherInfo }: { readonly bytes: number; readonly otherInfo: Uint8Array },
): Uint8Array {
  const rounds = Array.from({ length: Math.ceil(bytes / 32) }, (_, index) =>
    createHash('sha256')
      .update(uint32(index + 1))
      .update(secret)
      .update(otherInfo)
      .digest(),
  );
  return concatBytes(...rounds).subarray(0, bytes);
}

function lengthPrefixed(value: Uint8Array): Uint8Array {
  return concatBytes(uint32(value.length), value);
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A key pair for one message; from the library's own generator, as it offers no other way. */
export function ephemeralPair(curve: EcdhCurve): {
  readonly privateKey: KeyObject;
  readonly publicJwk: JsonObject;
} {
  const { privateKey, publicKey } =
    curve === 'X25519'
      ? generateKeyPairSync('x25519')
      : generateKeyPairSync('ec', { namedCurve: curve });
  const material = parseEncryptionMaterial(publicKey.export({ format: 'jwk' }) as JsonObject);
  if (!material.ok) throw new Error(`generated an unusable key: ${material.refusal.reason}`);
  return { privateKey, publicJwk: material.value };
}

const wrapIv = Buffer.alloc(8, 0xa6);

/** AES key wrap (RFC 3394 §2.2.1) under 256 bits. */
export function wrapKey(wrappingKey: Uint8Array, key: Uint8Array): Uint8Array {
  const cipher = createCipheriv('id-aes256-wrap', wrappingKey, wrapIv);
  return concatBytes(cipher.update(key), cipher.final());
}

/** @returns undefined where it was not wrapped under this key */
export function unwrapKey(wrappingKey: Uint8Array, wrapped: Uint8Array): Uint8Array | undefined {
  // RFC 3394 §2: whole blocks of 64 bits, two of them at least, and one that checks.
  if (wrapped.length < 24 || wrapped.length % 8 !== 0) return undefined;
  try {
    const decipher = createDecipheriv('id-aes256-wrap', wrappingKey, wrapIv);
    return concatBytes(decipher.update(wrapped), decipher.final());
  } catch {
    return undefined;
  }
}

const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const;

/** RFC 7518 §4.3 */
export function encryptKeyByRsa(publicKey: KeyObject, key: Uint8Array): Uint8Array {
  return publicEncrypt({ key: publicKey, ...oaep }, key);
}

/** @returns undefined where it was not encrypted to this key */
export function decryptKeyByRsa(
  privateKey: KeyObject,
  encrypted: Uint8Array,
): Uint8Array | undefined {
  const bytes = (privateKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  if (encrypted.length !== Math.ceil(bytes)) return undefined;
  try {
    return privateDecrypt({ key: privateKey, ...oaep }, encrypted);
  } catch {
    return undefined;
  }
}

/** The name that the header gives, where it is one of those that agree on a key. */
export function isAgreement(algorithm: JweAlgorithm): algorithm is AgreementInfo['algorithm'] {
  return algorithm !== 'RSA-OAEP-256';
}
