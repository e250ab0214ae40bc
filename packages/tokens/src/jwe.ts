/**
 * JSON Web Encryption in compact form (RFC 7516), to a public key. It hides what is inside and says
 * nothing about who wrote it: whoever reads a JWT out of one verifies that JWT as any other. Of a
 * message that cannot be read nobody learns which part of it was wrong.
 */
import {
  base64urlDecode,
  base64urlEncode,
  type Entropy,
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  ok,
  parseJson,
  type Result,
  utf8,
  utf8Decode,
} from '@mintmark/core';
import {
  decryptContent,
  encryptContent,
  encryptionSizes,
  type JweEncryption,
  jweEncryptions,
} from './content-encryption.ts';
import {
  type DecryptionKey,
  decryptionAbility,
  type EncryptionKey,
  encryptionKeyObject,
  type JweAlgorithm,
  jweAlgorithms,
  parseEncryptionMaterial,
} from './encryption-key.ts';
import {
  agreedKey,
  decryptKeyByRsa,
  encryptKeyByRsa,
  ephemeralPair,
  isAgreement,
  unwrapKey,
  wrapKey,
} from './key-management.ts';

/** To whom, and how. */
export interface JweRecipient {
  readonly key: EncryptionKey;
  /** One of the key's own. */
  readonly algorithm: JweAlgorithm;
  readonly encryption: JweEncryption;
}

/**
 * @param input.header what the header says beside `alg`, `enc`, `kid` and `epk`; a JWT inside is
 *   announced by `cty` (RFC 7519 §5.2)
 * @param entropy for the content's key and the IV
 */
export function encryptJwe(
  entropy: Entropy,
  recipient: JweRecipient,
  input: { readonly plaintext: Uint8Array; readonly header?: JsonObject },
): string {
  const { key, algorithm, encryption } = recipient;
  if (!key.algorithms.includes(algorithm)) throw new TypeError('encryptJwe: not the key for it');
  const made = newContentKey(entropy, recipient);
  const header = {
    alg: algorithm,
    enc: encryption,
    ...(key.kid === undefined ? {} : { kid: key.kid }),
    ...made.header,
    ...input.header,
  };
  const head = base64urlEncode(utf8(JSON.stringify(header)));
  const { iv, ciphertext, tag } = encryptContent(encryption, {
    key: made.key,
    iv: entropy.bytes(encryptionSizes[encryption].ivBytes),
    additionalData: utf8(head),
    plaintext: input.plaintext,
  });
  return [head, ...[made.encrypted, iv, ciphertext, tag].map(base64urlEncode)].join('.');
}

/** A signed JWT inside an encrypted one (RFC 7519 §5.2, RFC 7516 §11.2). */
export function encryptJwt(entropy: Entropy, recipient: JweRecipient, jwt: string): string {
  return encryptJwe(entropy, recipient, { plaintext: utf8(jwt), header: { cty: 'JWT' } });
}

interface ContentKey {
  readonly key: Uint8Array;
  readonly encrypted: Uint8Array;
  readonly header: JsonObject;
}

function newContentKey(entropy: Entropy, recipient: JweRecipient): ContentKey {
  const { key: to, algorithm, encryption } = recipient;
  const fresh = () => entropy.bytes(encryptionSizes[encryption].keyBytes);
  if (!isAgreement(algorithm)) {
    const key = fresh();
    return { key, encrypted: encryptKeyByRsa(to.keyObject, key), header: {} };
  }
  if (to.curve === undefined) throw new TypeError('encryptJwe: no curve');
  const { privateKey, publicJwk: epk } = ephemeralPair(to.curve);
  const agreed = agreedKey(
    { privateKey, publicKey: to.keyObject },
    { algorithm, encryption, partyU: nothing, partyV: nothing },
  );
  const header = { epk };
  if (algorithm === 'ECDH-ES') return { key: agreed, encrypted: nothing, header };
  const key = fresh();
  return { key, encrypted: wrapKey(agreed, key), header };
}

const nothing = new Uint8Array(0);

export interface DecryptedJwe {
  readonly header: JsonObject;
  readonly plaintext: Uint8Array;
  readonly key: DecryptionKey;
}

export interface JweRefusal {
  readonly reason:
    | 'too_long'
    | 'malformed'
    | 'malformed_header'
    | 'algorithm_not_allowed'
    | 'unsupported_critical'
    | 'unsupported_header'
    | 'unknown_key'
    | 'undecryptable';
}

export interface JweExpectation {
  /** Our keys; those that may be meant by a header without `kid` are tried in turn. */
  readonly keys: readonly DecryptionKey[];
  /** What the sender agreed upon; all that we do where it is left out. */
  readonly algorithms?: readonly JweAlgorithm[] | undefined;
  readonly encryptions?: readonly JweEncryption[] | undefined;
}

/**
 * Reads one compact JWE.
 *
 * @param entropy for the key that takes the place of one that could not be read (RFC 7516 §11.5)
 * @returns what was inside; refusals: too_long, malformed (parts, base64url), malformed_header,
 *   algorithm_not_allowed (`alg` or `enc`, or one that no key of ours does), unsupported_critical,
 *   unsupported_header (`zip`: what expands tells its length, and may be a bomb), unknown_key,
 *   undecryptable (whatever else)
 */
export function decryptJwe(
  entropy: Entropy,
  token: string,
  expectation: JweExpectation,
): Result<DecryptedJwe, JweRefusal> {
  if (token.length > limits.tokenCharsMax) return err({ reason: 'too_long' });
  const parts = token.split('.', 6);
  const [head = '', ...rest] = parts;
  const bytes = rest.map(base64urlDecode);
  const [encryptedKey, iv, ciphertext, tag] = bytes;
  if (parts.length !== 5 || head === '') return err({ reason: 'malformed' });
  if (!encryptedKey || !iv || !ciphertext || !tag) return err({ reason: 'malformed' });
  const header = readHeader(head);
  if (!header.ok) return header;
  const said = readParameters(header.value, expectation);
  if (!said.ok) return said;
  const keys = keysMeant(expectation.keys, said.value);
  if (keys.length === 0) return err({ reason: 'unknown_key' });
  const additionalData = utf8(head);
  for (const key of keys) {
    const contentKey =
      contentKeyOf(key, said.value, encryptedKey) ??
      entropy.bytes(encryptionSizes[said.value.encryption].keyBytes);
    const content = { key: contentKey, iv, ciphertext, tag, additionalData };
    const plaintext = decryptContent(said.value.encryption, content);
    if (plaintext !== undefined) return ok({ header: header.value, plaintext, key });
  }
  return err({ reason: 'undecryptable' });
}

/** Whether a text has the form of a JWE, and so none of a JWS. */
export function looksEncrypted(token: string): boolean {
  return token.split('.', 6).length === 5;
}

interface Parameters {
  readonly kid: string | undefined;
  readonly algorithm: JweAlgorithm;
  readonly encryption: JweEncryption;
  readonly ephemeral: JsonObject | undefined;
  readonly partyU: Uint8Array;
  readonly partyV: Uint8Array;
}

function readHeader(part: string): Result<JsonObject, JweRefusal> {
  const bytes = base64urlDecode(part);
  if (bytes === undefined) return err({ reason: 'malformed' });
  const header = parseJson(utf8Decode(bytes) ?? '');
  return header.ok && isJsonObject(header.value)
    ? ok(header.value)
    : err({ reason: 'malformed_header' });
}

function readParameters(
  header: JsonObject,
  expectation: JweExpectation,
): Result<Parameters, JweRefusal> {
  const algorithm = (expectation.algorithms ?? jweAlgorithms).find((one) => one === header['alg']);
  const encryption = (expectation.encryptions ?? jweEncryptions).find(
    (one) => one === header['enc'],
  );
  if (algorithm === undefined || encryption === undefined) {
    return err({ reason: 'algorithm_not_allowed' });
  }
  if (header['crit'] !== undefined) return err({ reason: 'unsupported_critical' });
  if (header['zip'] !== undefined) return err({ reason: 'unsupported_header' });
  const { kid, epk } = header;
  const partyU = partyInfo(header['apu']);
  const partyV = partyInfo(header['apv']);
  const isWhole =
    (kid === undefined || typeof kid === 'string') &&
    (isAgreement(algorithm) ? isJsonObject(epk) : epk === undefined);
  if (!isWhole || partyU === undefined || partyV === undefined) {
    return err({ reason: 'malformed_header' });
  }
  const ephemeral = isJsonObject(epk) ? epk : undefined;
  return ok({ kid, algorithm, encryption, ephemeral, partyU, partyV });
}

/** RFC 7518 §4.6.1.2 */
function partyInfo(value: JsonValue | undefined): Uint8Array | undefined {
  if (value === undefined) return nothing;
  return typeof value === 'string' && value.length <= 512 ? base64urlDecode(value) : undefined;
}

function keysMeant(
  keys: readonly DecryptionKey[],
  { kid, algorithm }: Parameters,
): readonly DecryptionKey[] {
  return keys.filter(
    (key) =>
      (kid === undefined || key.kid === kid) &&
      decryptionAbility(key.privateKey).algorithms.includes(algorithm),
  );
}

function contentKeyOf(
  { privateKey }: DecryptionKey,
  said: Parameters,
  encryptedKey: Uint8Array,
): Uint8Array | undefined {
  const { algorithm, ephemeral } = said;
  if (!isAgreement(algorithm)) return decryptKeyByRsa(privateKey, encryptedKey);
  const agreed = ephemeral && agreedWith(privateKey, ephemeral, { ...said, algorithm });
  if (agreed === undefined) return undefined;
  if (algorithm === 'ECDH-ES+A256KW') return unwrapKey(agreed, encryptedKey);
  // RFC 7516 §5.2 step 10: there is no key to carry.
  return encryptedKey.length === 0 ? agreed : undefined;
}

/** @returns undefined for a point that is not on the key's own curve, or of small order */
function agreedWith(
  privateKey: DecryptionKey['privateKey'],
  epk: JsonObject,
  info: Parameters & { readonly algorithm: 'ECDH-ES' | 'ECDH-ES+A256KW' },
): Uint8Array | undefined {
  const material = parseEncryptionMaterial(epk);
  if (!material.ok || material.value.kty === 'RSA') return undefined;
  if (material.value.crv !== decryptionAbility(privateKey).curve) return undefined;
  const publicKey = encryptionKeyObject(material.value);
  if (publicKey === undefined) return undefined;
  try {
    return agreedKey({ privateKey, publicKey }, info);
  } catch {
    return undefined;
  }
}
