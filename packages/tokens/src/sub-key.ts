/**
 * Sub-keys: what the holder of an API key makes from it without asking anybody, narrower and
 * shorter-lived. The key's secret seeds an Ed25519 key, whose public half the authority has kept;
 * it signs the first link. Each link says what it takes away and names the public key that may sign
 * the next one; the text ends with the private seed of its last link, which makes its holder one
 * who may narrow further. Links are public and can be read by whoever sees the text; what must
 * never happen is that somebody takes a link off: for that he would need the seed of the link
 * before, which is in no text but its own. The format, byte for byte: docs/sub-keys.md.
 */
import { crc32 } from 'node:zlib';
import {
  base62Number,
  concatBytes,
  type Entropy,
  equalConstantTime,
  err,
  freshId,
  limits,
  ok,
  type Result,
  type UnixSeconds,
  utf8,
} from '@mintmark/core';
import { isTokenPrefix, parseSecretToken } from './api-key.ts';
import { base62BlocksDecode, base62BlocksEncode } from './base62-blocks.ts';
import {
  derivationSeed,
  ed25519PublicKey,
  ed25519Sign,
  ed25519Verify,
  seedBytes,
  signatureBytes,
} from './sub-key-crypto.ts';
import {
  encodeSubKeyLink,
  parseSubKeyLink,
  type SubKeyLink,
  type SubKeyRestrictions,
} from './sub-key-link.ts';

/** A link with what its signature covers and the signature itself. */
interface SignedLink {
  readonly link: SubKeyLink;
  readonly json: Uint8Array;
  readonly signature: Uint8Array;
}

/** A sub-key as its text says it; nothing of it is proven before `verifySubKey`. */
export interface SubKey {
  /** Look-up id of the key that all of it comes from. */
  readonly keyId: string;
  /** 1 to 3, the first one signed by the key itself. */
  readonly links: readonly SubKeyLink[];
  readonly signed: readonly SignedLink[];
  /** Private seed of the last link's key. */
  readonly seed: Uint8Array;
}

/** A sub-key whose whole chain was verified against its key's public key. */
export interface VerifiedSubKey {
  readonly keyId: string;
  readonly links: readonly SubKeyLink[];
  /** Each link as a revocation names it. */
  readonly targets: readonly string[];
}

export type SubKeyParseRefusal = {
  readonly reason: 'too_long' | 'malformed' | 'foreign_prefix' | 'unknown_kind' | 'bad_checksum';
};

export type SubKeyRefusal = { readonly reason: 'bad_signature' | 'wrong_seed' };

export type DeriveRefusal =
  /** Neither an API key, nor a personal access token, nor a sub-key of this form. */
  | { readonly reason: 'no_parent' }
  | { readonly reason: 'too_deep' }
  | { readonly reason: 'too_long' }
  /** What was asked for is no restriction of the right form; `expiresAt`: none of the rest is. */
  | { readonly reason: 'malformed_restriction'; readonly member: keyof SubKeyRestrictions }
  | { readonly reason: 'outlives_parent' };

const version = 1;
const idChars = 17;
const checksumChars = 6;
const base62Pattern = /^[0-9A-Za-z]+$/;

/** Whether a text claims to be a sub-key of this installation. */
export function isSubKeyText(text: string, prefix: string): boolean {
  return text.startsWith(`${prefix}_sub_`);
}

/**
 * Reads a sub-key. No signature is checked: what is refused here cost next to nothing.
 *
 * @param prefix the installation's own
 */
export function parseSubKey(text: string, prefix: string): Result<SubKey, SubKeyParseRefusal> {
  if (text.length > limits.subKeyCharsMax) return err({ reason: 'too_long' });
  const parts = text.split('_');
  const [found = '', kind, body = ''] = parts;
  if (parts.length !== 3 || !isTokenPrefix(found)) return err({ reason: 'malformed' });
  if (found !== prefix) return err({ reason: 'foreign_prefix' });
  if (kind !== 'sub') return err({ reason: 'unknown_kind' });
  if (!base62Pattern.test(body) || body.length <= idChars + checksumChars) {
    return err({ reason: 'malformed' });
  }
  const end = text.length - checksumChars;
  if (base62Number(crc32(text.slice(0, end)), checksumChars) !== text.slice(end)) {
    return err({ reason: 'bad_checksum' });
  }
  const bytes = base62BlocksDecode(body.slice(idChars, -checksumChars));
  const chain = bytes === undefined ? undefined : readChain(bytes);
  if (chain === undefined) return err({ reason: 'malformed' });
  const links = chain.signed.map(({ link }) => link);
  return ok({ keyId: body.slice(0, idChars), links, ...chain });
}

/** Version, number of links, each between its length and its signature, then the seed. */
function readChain(bytes: Uint8Array): Pick<SubKey, 'signed' | 'seed'> | undefined {
  const count = bytes[1] ?? 0;
  if (bytes[0] !== version || count < 1 || count > limits.subKeyLinksMax) return undefined;
  const signed: SignedLink[] = [];
  let at = 2;
  for (let i = 0; i < count; i++) {
    const length = (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
    const jsonEnd = at + 2 + length;
    const end = jsonEnd + signatureBytes;
    if (end > bytes.length) return undefined;
    const json = bytes.subarray(at + 2, jsonEnd);
    const link = parseSubKeyLink(json);
    if (link === undefined) return undefined;
    signed.push({ link, json, signature: bytes.subarray(jsonEnd, end) });
    at = end;
  }
  const seed = bytes.subarray(at);
  return seed.length === seedBytes ? { signed, seed } : undefined;
}

/**
 * Verifies the chain link by link, and that the text holds the seed of its last link.
 *
 * @param derivationKey the public key that was kept of the key named `keyId`, 32 bytes
 */
export function verifySubKey(
  subKey: SubKey,
  derivationKey: Uint8Array,
): Result<VerifiedSubKey, SubKeyRefusal> {
  const { keyId, signed, seed } = subKey;
  let signer = derivationKey;
  for (const [index, { link, json, signature }] of signed.entries()) {
    const before = signed[index - 1]?.signature;
    const input = signingInput({ keyId, index, before, json });
    if (!ed25519Verify(signer, input, signature)) return err({ reason: 'bad_signature' });
    signer = link.publicKey;
  }
  // Without this, the text of a longer chain with its last link cut off would be a wider key.
  if (!equalConstantTime(ed25519PublicKey(seed), signer)) return err({ reason: 'wrong_seed' });
  return ok(provenSubKey(subKey));
}

/** To be called with what the authority has said to be proven, and nothing else. */
export function provenSubKey({ keyId, links }: SubKey): VerifiedSubKey {
  return { keyId, links, targets: links.map(({ id }) => subKeyTargetId(keyId, id)) };
}

/** The place in the chain and the signature before are covered: a link fits nowhere else. */
function signingInput(input: {
  readonly keyId: string;
  readonly index: number;
  readonly before: Uint8Array | undefined;
  readonly json: Uint8Array;
}): Uint8Array {
  const { keyId, index, before = new Uint8Array(0), json } = input;
  return concatBytes(
    utf8(`mintmark sub-key\0${keyId}`),
    new Uint8Array([version, index]),
    before,
    json,
  );
}

/**
 * Makes a sub-key from a key or a sub-key. Offline: nobody is asked and nobody is told.
 *
 * @param input.parent the whole text of the key
 * @returns the text, to be shown once, and what it says
 */
export function deriveSubKey(input: {
  readonly parent: string;
  readonly prefix: string;
  readonly restrictions: SubKeyRestrictions;
  readonly entropy: Entropy;
}): Result<{ readonly text: string; readonly subKey: SubKey }, DeriveRefusal> {
  const { prefix, restrictions, entropy } = input;
  const parent = readParent(input.parent, prefix);
  if (parent === undefined) return err({ reason: 'no_parent' });
  const { keyId, signed } = parent;
  if (signed.length >= limits.subKeyLinksMax) return err({ reason: 'too_deep' });
  const last = signed.at(-1)?.link;
  if (last !== undefined && restrictions.expiresAt > last.expiresAt) {
    return err({ reason: 'outlives_parent' });
  }
  const id = freshId(entropy);
  const seed = entropy.bytes(seedBytes);
  const json = encodeSubKeyLink({ id, publicKey: ed25519PublicKey(seed), ...restrictions });
  const link = parseSubKeyLink(json);
  if (link === undefined) {
    return err({ reason: 'malformed_restriction', member: malformedMember(restrictions) });
  }
  const before = signed.at(-1)?.signature;
  const input1 = signingInput({ keyId, index: signed.length, before, json });
  const chain = [...signed, { link, json, signature: ed25519Sign(parent.seed, input1) }];
  const text = writeSubKey(prefix, { keyId, signed: chain, seed });
  if (text.length > limits.subKeyCharsMax) return err({ reason: 'too_long' });
  const links = chain.map((one) => one.link);
  return ok({ text, subKey: { keyId, links, signed: chain, seed } });
}

const formed = [
  ...(['label', 'scopes', 'audiences', 'routes', 'methods', 'pathPrefix', 'addresses'] as const),
  'notBefore',
] as const;

/** Each tried by itself in a link that is good but for it. */
function malformedMember(restrictions: SubKeyRestrictions): keyof SubKeyRestrictions {
  const { issuedAt } = restrictions;
  const sound = { id: '0'.repeat(idChars), publicKey: new Uint8Array(seedBytes), issuedAt };
  const expiresAt = (issuedAt + 1) as UnixSeconds;
  const wrong = formed.find((name) => {
    const link = encodeSubKeyLink({ ...sound, expiresAt, [name]: restrictions[name] });
    return parseSubKeyLink(link) === undefined;
  });
  return wrong ?? 'expiresAt';
}

function readParent(
  text: string,
  prefix: string,
): Pick<SubKey, 'keyId' | 'signed' | 'seed'> | undefined {
  if (isSubKeyText(text, prefix)) {
    const parsed = parseSubKey(text, prefix);
    return parsed.ok ? parsed.value : undefined;
  }
  const key = parseSecretToken(text, prefix);
  if (!key.ok || (key.value.kind !== 'key' && key.value.kind !== 'pat')) return undefined;
  const { id: keyId, secret } = key.value;
  return { keyId, signed: [], seed: derivationSeed({ keyId, secret }) };
}

function writeSubKey(
  prefix: string,
  { keyId, signed, seed }: Pick<SubKey, 'keyId' | 'signed' | 'seed'>,
): string {
  const parts = signed.flatMap(({ json, signature }) => {
    return [new Uint8Array([json.length >>> 8, json.length & 0xff]), json, signature];
  });
  const bytes = concatBytes(new Uint8Array([version, signed.length]), ...parts, seed);
  const body = `${prefix}_sub_${keyId}${base62BlocksEncode(bytes)}`;
  return body + base62Number(crc32(body), checksumChars);
}

/**
 * What a revocation of one sub-key, and of all that was made from it, is aimed at: ids are chosen
 * by whoever derives, so that each is one of its key's and of no other.
 */
export function subKeyTargetId(keyId: string, linkId: string): string {
  return `${keyId}.${linkId}`;
}
