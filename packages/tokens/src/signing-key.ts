/**
 * Private keys: made here, used here through a `Signer`, kept by custody. Key pairs come from the
 * cryptographic library's own generator, as RSA and ML-DSA offer no other way.
 */
import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { JsonObject, JwsAlgorithm, Signer, SigningKeyId } from '@mintmark/core';
import { hs256KeyBytesMin, rsaModulusBitsMin, signBytes } from './algorithms.ts';
import { jwkThumbprint, type KeyMaterial, parseKeyMaterial } from './jwk.ts';

export type AsymmetricAlgorithm = Exclude<JwsAlgorithm, 'HS256'>;

export interface GeneratedKey {
  readonly privateKey: KeyObject;
  /** With `kid`, `alg` and `use`, ready to be published. */
  readonly publicJwk: JsonObject;
  /** The thumbprint (RFC 7638) of the public key. */
  readonly kid: SigningKeyId;
}

/** A signer that answers at once. */
export interface LocalSigner extends Signer {
  sign(input: Uint8Array): Uint8Array;
}

/**
 * Makes a key pair, off the main thread: RSA takes up to seconds. RSA keys have 3072 bits.
 */
export async function generateSigningKey(algorithm: AsymmetricAlgorithm): Promise<GeneratedKey> {
  const { privateKey, publicKey } = await keyPair(algorithm);
  const material = publicMaterial(publicKey);
  const kid = jwkThumbprint(material) as SigningKeyId;
  return { privateKey, kid, publicJwk: { ...material, kid, alg: algorithm, use: 'sig' } };
}

/**
 * A signer over a key in memory.
 *
 * @param input.privateKey a private key of the algorithm's type, or for HS256 a secret key
 * @throws TypeError where the key is not of the algorithm's type, or too short
 */
export function localSigner(input: {
  readonly privateKey: KeyObject;
  readonly algorithm: JwsAlgorithm;
  readonly kid: SigningKeyId;
}): LocalSigner {
  const { privateKey, algorithm, kid } = input;
  if (!fits(privateKey, algorithm)) throw new TypeError(`localSigner: no key for ${algorithm}`);
  return { kid, algorithm, sign: (bytes) => signBytes(algorithm, privateKey, bytes) };
}

function keyPair(algorithm: AsymmetricAlgorithm) {
  const generate = promisify(generateKeyPair);
  switch (algorithm) {
    case 'ES256':
      return generate('ec', { namedCurve: 'P-256' });
    case 'EdDSA':
      return generate('ed25519');
    case 'RS256':
    case 'PS256':
      return generate('rsa', { modulusLength: 3072 });
    case 'ML-DSA-44':
      return generate('ml-dsa-44');
    case 'ML-DSA-65':
      return generate('ml-dsa-65');
    case 'ML-DSA-87':
      return generate('ml-dsa-87');
  }
}

/** Reads what the library exports with our own parser, so that both agree on every key. */
function publicMaterial(publicKey: KeyObject): KeyMaterial {
  const material = parseKeyMaterial(publicKey.export({ format: 'jwk' }) as JsonObject);
  if (!material.ok) throw new Error(`generated an unusable key: ${material.refusal.reason}`);
  return material.value;
}

function fits(key: KeyObject, algorithm: JwsAlgorithm): boolean {
  if (algorithm === 'HS256') {
    return key.type === 'secret' && (key.symmetricKeySize ?? 0) >= hs256KeyBytesMin;
  }
  if (key.type !== 'private') return false;
  const details = key.asymmetricKeyDetails;
  switch (algorithm) {
    case 'ES256':
      return key.asymmetricKeyType === 'ec' && details?.namedCurve === 'prime256v1';
    case 'RS256':
    case 'PS256':
      return key.asymmetricKeyType === 'rsa' && (details?.modulusLength ?? 0) >= rsaModulusBitsMin;
    case 'EdDSA':
      return key.asymmetricKeyType === 'ed25519';
    case 'ML-DSA-44':
    case 'ML-DSA-65':
    case 'ML-DSA-87':
      return key.asymmetricKeyType === algorithm.toLowerCase();
  }
}
