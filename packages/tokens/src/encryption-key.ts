/**
 * Keys for encryption: a peer's public key out of its key set, read as strictly as one that
 * verifies, and our own pairs. A key that signs is never one that decrypts.
 */
import {
  createPublicKey,
  generateKeyPair,
  hash,
  type JsonWebKeyInput,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import {
  canonicalJson,
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  ok,
  type Result,
} from '@mintmark/core';
import { rsaModulusBitsMax } from './algorithms.ts';
import { encodedMember, holdsPrivateKey, type JwkRefusal, kidMember, parseRsa } from './jwk.ts';

/**
 * RFC 7518 §4. Left out: RSA1_5 (its padding tells), RSA-OAEP (SHA-1), PBES2 (a peer chooses our
 * work), `dir` and the bare key wraps (secrets that both sides hold).
 */
export type JweAlgorithm = 'ECDH-ES' | 'ECDH-ES+A256KW' | 'RSA-OAEP-256';

export const jweAlgorithms: readonly JweAlgorithm[] = ['ECDH-ES', 'ECDH-ES+A256KW', 'RSA-OAEP-256'];

export type EcdhCurve = 'P-256' | 'P-384' | 'X25519';

/** The members that make the key, and no others (RFC 7518 §6, RFC 8037 §2). */
export type EncryptionMaterial =
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }
  | { readonly kty: 'EC'; readonly crv: 'P-256' | 'P-384'; readonly x: string; readonly y: string }
  | { readonly kty: 'OKP'; readonly crv: 'X25519'; readonly x: string };

/** A public key that may be encrypted to, and how. Made by `importEncryptionKey` only. */
export interface EncryptionKey {
  readonly kid: string | undefined;
  /** Never empty. */
  readonly algorithms: readonly JweAlgorithm[];
  /** Undefined for RSA. */
  readonly curve: EcdhCurve | undefined;
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
  readonly keyObject: KeyObject;
}

/** One of our own private keys. */
export interface DecryptionKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

/**
 * Reads one JWK to encrypt to.
 *
 * @param jwk from `parseJson`
 * @returns the key; refusals as of `importVerificationKey`: wrong_use where `use` is not `enc` or
 *   `key_ops` has neither `deriveKey`, `deriveBits`, `wrapKey` nor `encrypt`
 */
export function importEncryptionKey(jwk: JsonValue): Result<EncryptionKey, JwkRefusal> {
  if (!isJsonObject(jwk)) return err({ reason: 'not_an_object' });
  const kid = kidMember(jwk);
  if (!kid.ok) return kid;
  const use = refusedUse(jwk);
  if (use !== undefined) return err(use);
  const material = parseEncryptionMaterial(jwk);
  if (!material.ok) return material;
  const algorithms = ableAlgorithms(material.value).filter(
    (algorithm) => jwk['alg'] === undefined || jwk['alg'] === algorithm,
  );
  if (algorithms.length === 0) return err({ reason: 'algorithm_not_allowed' });
  const keyObject = encryptionKeyObject(material.value);
  if (keyObject === undefined) return err({ reason: 'invalid_key' });
  return ok({
    kid: kid.value,
    algorithms,
    curve: material.value.kty === 'RSA' ? undefined : material.value.crv,
    thumbprint: encryptionThumbprint(material.value),
    keyObject,
  });
}

/**
 * The keys of a set (RFC 7517 §5) that may be encrypted to, in its order.
 *
 * @returns empty where there are none, or it is no key set
 */
export function encryptionKeysIn(jwks: JsonValue): readonly EncryptionKey[] {
  const list = isJsonObject(jwks) ? jwks['keys'] : undefined;
  if (!Array.isArray(list)) return [];
  return list.flatMap((jwk: JsonValue) => {
    const key = importEncryptionKey(jwk);
    return key.ok ? [key.value] : [];
  });
}

/** Reads the members that make a public key; also the ephemeral one of a header. */
export function parseEncryptionMaterial(jwk: JsonObject): Result<EncryptionMaterial, JwkRefusal> {
  if (holdsPrivateKey(jwk)) return err({ reason: 'private_key' });
  const { kty, crv } = jwk;
  if (kty === 'RSA') return parseRsa(jwk);
  if (kty === 'EC' && (crv === 'P-256' || crv === 'P-384')) {
    const bytes = crv === 'P-256' ? 32 : 48;
    const x = encodedMember(jwk, 'x', { min: bytes, max: bytes });
    if (x === undefined) return err({ reason: 'malformed_member', member: 'x' });
    const y = encodedMember(jwk, 'y', { min: bytes, max: bytes });
    if (y === undefined) return err({ reason: 'malformed_member', member: 'y' });
    return ok({ kty, crv, x: x.text, y: y.text });
  }
  if (kty === 'OKP' && crv === 'X25519') {
    const x = encodedMember(jwk, 'x', { min: 32, max: 32 });
    if (x === undefined) return err({ reason: 'malformed_member', member: 'x' });
    return ok({ kty, crv, x: x.text });
  }
  return err({ reason: 'unsupported_key_type' });
}

/** The primitive's own view; undefined for a point that is not on the curve. */
export function encryptionKeyObject(material: EncryptionMaterial): KeyObject | undefined {
  try {
    return createPublicKey({ key: { ...material } as JsonWebKeyInput['key'], format: 'jwk' });
  } catch {
    return undefined;
  }
}

export interface GeneratedEncryptionKey {
  readonly privateKey: KeyObject;
  /** With `kid` and `use`; `alg` for RSA alone, as a curve's key does both of its algorithms. */
  readonly publicJwk: JsonObject;
  readonly kid: string;
}

/** Makes a key pair, off the main thread: P-256, or RSA with 3072 bits. */
export async function generateEncryptionKey(
  algorithm: 'ECDH-ES' | 'RSA-OAEP-256',
): Promise<GeneratedEncryptionKey> {
  const generate = promisify(generateKeyPair);
  const { privateKey, publicKey } =
    algorithm === 'ECDH-ES'
      ? await generate('ec', { namedCurve: 'P-256' })
      : await generate('rsa', { modulusLength: 3072 });
  const material = parseEncryptionMaterial(publicKey.export({ format: 'jwk' }) as JsonObject);
  if (!material.ok) throw new Error(`generated an unusable key: ${material.refusal.reason}`);
  const kid = encryptionThumbprint(material.value);
  const alg = algorithm === 'ECDH-ES' ? {} : { alg: algorithm };
  return { privateKey, kid, publicJwk: { ...material.value, kid, ...alg, use: 'enc' } };
}

/** RFC 7638. */
function encryptionThumbprint(material: EncryptionMaterial): string {
  return hash('sha256', canonicalJson(material), 'base64url');
}

/** What a private key can do, and on which curve. */
export function decryptionAbility({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): {
  readonly algorithms: readonly JweAlgorithm[];
  readonly curve: EcdhCurve | undefined;
} {
  const ecdh = (curve: EcdhCurve) => ({ algorithms: ecdhAlgorithms, curve });
  if (asymmetricKeyType === 'x25519') return ecdh('X25519');
  if (asymmetricKeyType === 'ec') {
    if (asymmetricKeyDetails?.namedCurve === 'prime256v1') return ecdh('P-256');
    if (asymmetricKeyDetails?.namedCurve === 'secp384r1') return ecdh('P-384');
  }
  const bits = asymmetricKeyType === 'rsa' ? (asymmetricKeyDetails?.modulusLength ?? 0) : 0;
  const isRsa = bits > 0 && bits <= rsaModulusBitsMax;
  return { algorithms: isRsa ? ['RSA-OAEP-256'] : [], curve: undefined };
}

const ecdhAlgorithms: readonly JweAlgorithm[] = ['ECDH-ES', 'ECDH-ES+A256KW'];

function ableAlgorithms(material: EncryptionMaterial): readonly JweAlgorithm[] {
  return material.kty === 'RSA' ? ['RSA-OAEP-256'] : ecdhAlgorithms;
}

/** RFC 7517 §4.2 and §4.3. */
function refusedUse(jwk: JsonObject): JwkRefusal | undefined {
  const { use, key_ops: operations } = jwk;
  if (use !== undefined && use !== 'enc') return { reason: 'wrong_use' };
  if (operations === undefined) return undefined;
  if (!Array.isArray(operations)) return { reason: 'malformed_member', member: 'key_ops' };
  const able = ['deriveKey', 'deriveBits', 'wrapKey', 'encrypt'];
  return able.some((name) => operations.includes(name)) ? undefined : { reason: 'wrong_use' };
}
