/**
 * Secret tokens: API keys, personal access tokens, admin keys, opaque access and refresh tokens.
 * One text form, `‹prefix›_‹kind›_‹id›‹secret›‹crc32›` in base62 of fixed lengths: the id finds the
 * row, the secret proves possession, the checksum saves a look-up for what was mistyped or made up
 * (and proves nothing, for anyone can compute it). The text itself is never stored or logged: only
 * the id may be, and hashes of the secret.
 */
import { createHmac, hash, type KeyObject } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  base62Encode,
  base62Number,
  type Entropy,
  err,
  ok,
  orderedId,
  type Result,
  type UnixSeconds,
} from '@mintmark/core';

/**
 * `key` API key, `pat` personal access token, `admin` admin key, `at` opaque access token, `rt`
 * refresh token, `ac` authorization code, `dc` device code, `cs` client secret, `cr` registration
 * token, `br` authentication request by the back channel.
 */
export type SecretTokenKind =
  | 'key'
  | 'pat'
  | 'admin'
  | 'at'
  | 'rt'
  | 'ac'
  | 'dc'
  | 'cs'
  | 'cr'
  | 'br';

export interface SecretToken {
  readonly kind: SecretTokenKind;
  /**
   * Public; 17 characters, or for `at`, `rt`, `ac` and `dc` 25, the first four of which name the
   * partition.
   */
  readonly id: string;
  /** 33 base62 characters from 192 random bits. */
  readonly secret: string;
}

export type SecretTokenRefusal = {
  readonly reason: 'malformed' | 'foreign_prefix' | 'unknown_kind' | 'bad_checksum';
};

const keyIdChars = 17;
const dayChars = 4;
const tokenIdChars = dayChars + 21;
const secretBytes = 24;
const secretChars = 33;
const checksumChars = 6;

const idCharsByKind: Readonly<Record<SecretTokenKind, number>> = {
  key: keyIdChars,
  pat: keyIdChars,
  admin: keyIdChars,
  cs: keyIdChars,
  cr: keyIdChars,
  br: keyIdChars,
  at: tokenIdChars,
  rt: tokenIdChars,
  ac: tokenIdChars,
  dc: tokenIdChars,
};

const prefixPattern = /^[a-z0-9]{2,12}$/;
const base62Pattern = /^[0-9A-Za-z]+$/;

/** The installation's own prefix: 2–12 characters of a-z and 0-9. */
export function isTokenPrefix(text: string): boolean {
  return prefixPattern.test(text);
}

/**
 * Makes a secret token around an id.
 *
 * @param input.prefix as `isTokenPrefix` allows; @param input.id of the kind's length, from
 *   `freshId` or `freshTokenId`
 * @returns the text, to be shown once and kept nowhere, and its parts
 * @throws RangeError where prefix or id have not the form above: a bug of the caller
 */
export function buildSecretToken(input: {
  readonly prefix: string;
  readonly kind: SecretTokenKind;
  readonly id: string;
  readonly entropy: Entropy;
}): { readonly text: string; readonly id: string; readonly secret: string } {
  const { prefix, kind, id } = input;
  if (!isTokenPrefix(prefix)) throw new RangeError('buildSecretToken: prefix');
  if (id.length !== idCharsByKind[kind] || !base62Pattern.test(id)) {
    throw new RangeError(`buildSecretToken: id of kind ${kind}`);
  }
  const secret = base62Encode(input.entropy.bytes(secretBytes), secretChars);
  const body = `${prefix}_${kind}_${id}${secret}`;
  return { text: body + checksum(body), id, secret };
}

/**
 * Reads a secret token. No look-up, no hash: what is refused here cost next to nothing.
 *
 * @param prefix the installation's own
 * @returns its parts; refusals: malformed, foreign_prefix (another installation's, or another
 *   product's spelling), unknown_kind, bad_checksum
 */
export function parseSecretToken(
  text: string,
  prefix: string,
): Result<SecretToken, SecretTokenRefusal> {
  const prefixEnd = text.indexOf('_');
  if (prefixEnd < 0 || prefixEnd > 12) return err({ reason: 'malformed' });
  const found = text.slice(0, prefixEnd);
  if (!isTokenPrefix(found)) return err({ reason: 'malformed' });
  if (found !== prefix) return err({ reason: 'foreign_prefix' });
  const kindEnd = text.indexOf('_', prefixEnd + 1);
  if (kindEnd < 0) return err({ reason: 'malformed' });
  const kind = parseKind(text.slice(prefixEnd + 1, kindEnd));
  if (kind === undefined) return err({ reason: 'unknown_kind' });
  const idStart = kindEnd + 1;
  const secretStart = idStart + idCharsByKind[kind];
  const checksumStart = secretStart + secretChars;
  if (text.length !== checksumStart + checksumChars || !base62Pattern.test(text.slice(idStart))) {
    return err({ reason: 'malformed' });
  }
  if (checksum(text.slice(0, checksumStart)) !== text.slice(checksumStart)) {
    return err({ reason: 'bad_checksum' });
  }
  return ok({
    kind,
    id: text.slice(idStart, secretStart),
    secret: text.slice(secretStart, checksumStart),
  });
}

function parseKind(text: string): SecretTokenKind | undefined {
  return Object.hasOwn(idCharsByKind, text) ? (text as SecretTokenKind) : undefined;
}

function checksum(body: string): string {
  return base62Number(crc32(body), checksumChars);
}

const secondsADay = 86_400;

/**
 * A fresh id for a token that ends: 4 characters for the day of its expiry since 1970, so that the
 * id leads to the row's time partition and a whole day is dropped at once; then an ordered id.
 */
export function freshTokenId(input: {
  readonly now: UnixSeconds;
  readonly expiresAt: UnixSeconds;
  readonly entropy: Entropy;
}): string {
  const day = base62Number(Math.floor(input.expiresAt / secondsADay), dayChars);
  return day + orderedId(input.now, input.entropy);
}

/** @returns a text before every id that `freshTokenId` made from this second on, of the same day */
export function tokenIdsFrom(input: {
  readonly partition: number;
  readonly made: UnixSeconds;
}): string {
  return base62Number(input.partition, dayChars) + base62Number(input.made, 6);
}

/**
 * The partition (day of expiry since 1970) that a token id of 25 characters names.
 *
 * @returns undefined where the text is no such id; it may come from a stranger
 */
export function partitionOfTokenId(id: string): number | undefined {
  if (id.length !== tokenIdChars || !base62Pattern.test(id)) return undefined;
  let day = 0;
  for (let i = 0; i < dayChars; i++) day = day * 62 + base62Digit(id.charCodeAt(i));
  return day;
}

/** Digits, then capitals, then small letters, as base62Encode orders them. */
function base62Digit(code: number): number {
  if (code <= 0x39) return code - 0x30;
  return code <= 0x5a ? code - 0x41 + 10 : code - 0x61 + 36;
}

/**
 * What is stored of a secret: HMAC-SHA-256(pepper, tenant ‖ 0 ‖ id ‖ 0 ‖ secret), 32 bytes. Neither
 * the database without the pepper nor a row moved to another tenant or id verifies anything.
 * Compare with `equalConstantTime`.
 *
 * @throws RangeError where tenant or id hold a NUL, which would let two triples share one input
 */
export function hashSecret(input: {
  readonly pepper: Uint8Array | KeyObject;
  readonly tenant: string;
  readonly id: string;
  readonly secret: string;
}): Uint8Array {
  const { tenant, id, secret } = input;
  if (tenant.includes('\0') || id.includes('\0')) throw new RangeError('hashSecret: NUL');
  return createHmac('sha256', input.pepper).update(`${tenant}\0${id}\0${secret}`).digest();
}

/**
 * SHA-256 of the secret's text, 32 bytes: what enforcement points hold in place of the pepper. Safe
 * without stretching because the secret has 192 random bits; never for secrets that people choose.
 */
export function secretVerifier(secret: string): Uint8Array {
  return hash('sha256', secret, 'buffer');
}
