/**
 * JSON Web Keys (RFC 7517) for verification: read strictly, so that one key has one spelling and a
 * weak or private one never enters a key set. What a key may be used for is decided here, once,
 * from the key and its issuer's allow-list; a token's header later only has to agree.
 */
import {
  createPublicKey,
  createSecretKey,
  hash,
  type JsonWebKeyInput,
  type KeyObject,
} from 'node:crypto';
import {
  base64urlDecode,
  canonicalJson,
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type JwsAlgorithm,
  ok,
  type Result,
} from '@mintmark/core';
import {
  hs256KeyBytesMin,
  type MlDsaAlgorithm,
  mlDsaPublicKeyBytes,
  parseJwsAlgorithm,
  rsaModulusBitsMax,
  rsaModulusBitsMin,
} from './algorithms.ts';
import { hasRocaFingerprint } from './roca.ts';

/** The members that make the key, and no others; spelled as RFC 7518 §6, 8037 §2, 9964 §4 do. */
export type KeyMaterial =
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }
  | { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string }
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string }
  | { readonly kty: 'AKP'; readonly alg: MlDsaAlgorithm; readonly pub: string }
  | { readonly kty: 'oct'; readonly k: string };

/** A key that may verify, and what. Made by `importVerificationKey` only. */
export interface VerificationKey {
  readonly kid: string | undefined;
  /** Never empty. The intersection of what the key is able and what its issuer is allowed to do. */
  readonly algorithms: readonly JwsAlgorithm[];
  /** RFC 7638, SHA-256, base64url. For `oct` a digest of the secret: not for logs. */
  readonly thumbprint: string;
  readonly symmetric: boolean;
  readonly keyObject: KeyObject;
}

export type JwkRefusal =
  | { readonly reason: 'not_an_object' }
  | { readonly reason: 'unsupported_key_type' }
  | { readonly reason: 'malformed_member'; readonly member: string }
  | { readonly reason: 'private_key' }
  | { readonly reason: 'wrong_use' }
  | { readonly reason: 'weak_key' }
  | { readonly reason: 'invalid_key' }
  | { readonly reason: 'algorithm_not_allowed' };

/**
 * Reads one JWK for verification.
 *
 * @param jwk from `parseJson`: duplicate names are already refused
 * @param options.algorithms what the issuer of the key may use; a JWK without `alg` gets all of
 *   these that its type can do, one with `alg` that one or nothing
 * @returns the key; refusals: not_an_object, unsupported_key_type (also other curves),
 *   malformed_member, private_key (its issuer has lost it), wrong_use (`use`, `key_ops`), weak_key
 *   (short, or of a known broken generator), invalid_key (no point on the curve),
 *   algorithm_not_allowed (RFC 8725 §3.1)
 */
export function importVerificationKey(
  jwk: JsonValue,
  options: { readonly algorithms: readonly JwsAlgorithm[] },
): Result<VerificationKey, JwkRefusal> {
  if (!isJsonObject(jwk)) return err({ reason: 'not_an_object' });
  const kid = kidMember(jwk);
  if (!kid.ok) return kid;
  const use = refusedUse(jwk);
  if (use !== undefined) return err(use);
  const material = parseKeyMaterial(jwk);
  if (!material.ok) return material;
  const algorithms = algorithmsOf(material.value, jwk['alg']).filter((algorithm) =>
    options.algorithms.includes(algorithm),
  );
  if (algorithms.length === 0) return err({ reason: 'algorithm_not_allowed' });
  const keyObject = toKeyObject(material.value);
  if (keyObject === undefined) return err({ reason: 'invalid_key' });
  return ok({
    kid: kid.value,
    algorithms,
    thumbprint: jwkThumbprint(material.value),
    symmetric: material.value.kty === 'oct',
    keyObject,
  });
}

/**
 * The thumbprint of a key (RFC 7638; for AKP RFC 9964 §6): SHA-256 over its required members in
 * canonical form, base64url.
 */
export function jwkThumbprint(material: KeyMaterial): string {
  return hash('sha256', canonicalJson(material), 'base64url');
}

/** The key's name, where it has one. */
export function kidMember(jwk: JsonObject): Result<string | undefined, JwkRefusal> {
  const { kid } = jwk;
  if (kid !== undefined && (typeof kid !== 'string' || kid.length === 0 || kid.length > 512)) {
    return err({ reason: 'malformed_member', member: 'kid' });
  }
  return ok(kid);
}

/** RFC 7518 §6.2.2 and §6.3.2, RFC 9964 §4: `d` and its factors, or `priv`. */
export function holdsPrivateKey(jwk: JsonObject): boolean {
  const names = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'priv'];
  return names.some((name) => Object.hasOwn(jwk, name));
}

/** RFC 7517 §4.2 and §4.3. */
function refusedUse(jwk: JsonObject): JwkRefusal | undefined {
  const { use, key_ops: operations } = jwk;
  if (use !== undefined && use !== 'sig') return { reason: 'wrong_use' };
  if (operations === undefined) return undefined;
  if (!Array.isArray(operations)) return { reason: 'malformed_member', member: 'key_ops' };
  return operations.includes('verify') ? undefined : { reason: 'wrong_use' };
}

/** What the type of key can do; narrowed to `alg` where the key names one. */
function algorithmsOf(material: KeyMaterial, alg: JsonValue | undefined): readonly JwsAlgorithm[] {
  const able = ableAlgorithms(material);
  if (alg === undefined) return able;
  const named = parseJwsAlgorithm(alg);
  return able.filter((algorithm) => algorithm === named);
}

function ableAlgorithms(material: KeyMaterial): readonly JwsAlgorithm[] {
  switch (material.kty) {
    case 'RSA':
      return ['RS256', 'PS256'];
    case 'EC':
      return ['ES256'];
    case 'OKP':
      return ['EdDSA'];
    case 'AKP':
      return [material.alg];
    case 'oct':
      return ['HS256'];
  }
}

/** Reads the members that make the key. Private ones are looked for in every asymmetric type. */
export function parseKeyMaterial(jwk: JsonObject): Result<KeyMaterial, JwkRefusal> {
  const { kty } = jwk;
  if (kty === 'oct') return parseOct(jwk);
  if (holdsPrivateKey(jwk)) return err({ reason: 'private_key' });
  switch (kty) {
    case 'RSA':
      return parseRsa(jwk);
    case 'EC':
      return parseEc(jwk);
    case 'OKP':
      return parseOkp(jwk);
    case 'AKP':
      return parseAkp(jwk);
    default:
      return err({ reason: 'unsupported_key_type' });
  }
}

/** The member as text where it is strict base64url of a length in range, else undefined. */
export function encodedMember(
  jwk: JsonObject,
  member: string,
  lengths: { min: number; max: number },
) {
  const text = jwk[member];
  if (typeof text !== 'string' || text.length > 2 * lengths.max) return undefined;
  const bytes = base64urlDecode(text);
  if (bytes === undefined || bytes.length < lengths.min || bytes.length > lengths.max) {
    return undefined;
  }
  return { text, bytes };
}

export function parseRsa(
  jwk: JsonObject,
): Result<{ readonly kty: 'RSA'; readonly n: string; readonly e: string }, JwkRefusal> {
  const n = encodedMember(jwk, 'n', { min: 1, max: rsaModulusBitsMax / 8 });
  // RFC 7518 §2, Base64urlUInt: no leading zero octets.
  if (n === undefined || n.bytes[0] === 0) return err({ reason: 'malformed_member', member: 'n' });
  const e = encodedMember(jwk, 'e', { min: 1, max: 8 });
  if (e === undefined || e.bytes[0] === 0) return err({ reason: 'malformed_member', member: 'e' });
  const bits = n.bytes.length * 8 - Math.clz32(n.bytes[0]!) + 24;
  const even = (bytes: Uint8Array) => bytes.at(-1)! % 2 === 0;
  const exponentOne = e.bytes.length === 1 && e.bytes[0] === 1;
  if (bits < rsaModulusBitsMin || even(n.bytes) || even(e.bytes) || exponentOne) {
    return err({ reason: 'weak_key' });
  }
  if (hasRocaFingerprint(n.bytes)) return err({ reason: 'weak_key' });
  return ok({ kty: 'RSA', n: n.text, e: e.text });
}

function parseEc(jwk: JsonObject): Result<KeyMaterial, JwkRefusal> {
  if (jwk['crv'] !== 'P-256') return err({ reason: 'unsupported_key_type' });
  const x = encodedMember(jwk, 'x', { min: 32, max: 32 });
  if (x === undefined) return err({ reason: 'malformed_member', member: 'x' });
  const y = encodedMember(jwk, 'y', { min: 32, max: 32 });
  if (y === undefined) return err({ reason: 'malformed_member', member: 'y' });
  return ok({ kty: 'EC', crv: 'P-256', x: x.text, y: y.text });
}

function parseOkp(jwk: JsonObject): Result<KeyMaterial, JwkRefusal> {
  if (jwk['crv'] !== 'Ed25519') return err({ reason: 'unsupported_key_type' });
  const x = encodedMember(jwk, 'x', { min: 32, max: 32 });
  if (x === undefined) return err({ reason: 'malformed_member', member: 'x' });
  return ok({ kty: 'OKP', crv: 'Ed25519', x: x.text });
}

/** RFC 9964 §4: an AKP key is nothing without its `alg`. */
function parseAkp(jwk: JsonObject): Result<KeyMaterial, JwkRefusal> {
  const { alg } = jwk;
  if (alg !== 'ML-DSA-44' && alg !== 'ML-DSA-65' && alg !== 'ML-DSA-87') {
    return err({ reason: 'unsupported_key_type' });
  }
  const length = mlDsaPublicKeyBytes[alg];
  const pub = encodedMember(jwk, 'pub', { min: length, max: length });
  if (pub === undefined) return err({ reason: 'malformed_member', member: 'pub' });
  return ok({ kty: 'AKP', alg, pub: pub.text });
}

function parseOct(jwk: JsonObject): Result<KeyMaterial, JwkRefusal> {
  const k = encodedMember(jwk, 'k', { min: 0, max: 1024 });
  if (k === undefined) return err({ reason: 'malformed_member', member: 'k' });
  if (k.bytes.length < hs256KeyBytesMin) return err({ reason: 'weak_key' });
  return ok({ kty: 'oct', k: k.text });
}

/** The primitive's own view; it refuses a point that is not on the curve. */
function toKeyObject(material: KeyMaterial): KeyObject | undefined {
  if (material.kty === 'oct') return createSecretKey(material.k, 'base64url');
  try {
    return createPublicKey({ key: { ...material } as JsonWebKeyInput['key'], format: 'jwk' });
  } catch {
    return undefined;
  }
}
