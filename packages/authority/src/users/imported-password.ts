/**
 * Password hashes of other systems: argon2, bcrypt, and PBKDF2 as Keycloak, Hydra and many tables
 * have it. Judged once when they come, so that no sign-in costs more than a bound; replaced by our
 * own at the first sign-in.
 */
import { pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { base64Decode, err, limits, ok, type Result, utf8 } from '@mintmark/core';
import { parseImportedHash, verifyImportedHash } from '../apikeys/imported-hash.ts';

export type PasswordHashRefusal = { readonly reason: 'malformed_hash' | 'hash_too_costly' };

/** `$pbkdf2-‹hash›$i=‹iterations›[,l=‹bytes›]$‹salt›$‹key›`, both in base64, padded or not. */
const pbkdf2Pattern = new RegExp(
  String.raw`^\$pbkdf2-(sha1|sha256|sha512)\$i=([1-9][0-9]{0,8})(?:,l=([1-9][0-9]{0,2}))?` +
    String.raw`\$([A-Za-z0-9+/]{8,172}={0,2})\$([A-Za-z0-9+/]{22,172}={0,2})$`,
);

const derive = promisify(pbkdf2);

interface Pbkdf2 {
  readonly digest: string;
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly key: Uint8Array;
}

/**
 * Whether the text is a hash that a password can be checked by.
 *
 * @returns the text as it is kept; refusals: malformed_hash, hash_too_costly
 */
export function judgePasswordHash(text: string): Result<string, PasswordHashRefusal> {
  if (!text.startsWith('$pbkdf2-')) {
    // A bare SHA-256 of what people choose is guessed in no time, and is no password hash.
    if (!text.startsWith('$')) return err({ reason: 'malformed_hash' });
    const parsed = parseImportedHash(text);
    return parsed.ok ? ok(text) : parsed;
  }
  const parsed = parsePbkdf2(text);
  if (parsed === undefined) return err({ reason: 'malformed_hash' });
  const isTooCostly = parsed.iterations > limits.importPbkdf2IterationsMax;
  return isTooCostly ? err({ reason: 'hash_too_costly' }) : ok(text);
}

/**
 * Costs what the other system chose, within the bounds above: only in the slow queue.
 *
 * @param password as it was typed: other systems do not normalise
 */
export async function verifyImportedPassword(text: string, password: string): Promise<boolean> {
  const known = parsePbkdf2(text);
  if (known !== undefined) {
    const { salt, iterations, key, digest } = known;
    const made = await derive(utf8(password), salt, iterations, key.length, digest);
    return timingSafeEqual(made, key);
  }
  const parsed = parseImportedHash(text);
  return parsed.ok && verifyImportedHash(parsed.value, password);
}

function parsePbkdf2(text: string): Pbkdf2 | undefined {
  const [, digest, iterations, length, salt, key] = pbkdf2Pattern.exec(text) ?? [];
  if (digest === undefined || salt === undefined || key === undefined) return undefined;
  const [saltBytes, keyBytes] = [salt, key].map(unpaddedDecode);
  if (saltBytes === undefined || keyBytes === undefined) return undefined;
  if (length !== undefined && Number(length) !== keyBytes.length) return undefined;
  return { digest, iterations: Number(iterations), salt: saltBytes, key: keyBytes };
}

function unpaddedDecode(text: string): Uint8Array | undefined {
  const bare = text.replace(/=+$/, '');
  return base64Decode(bare.padEnd(Math.ceil(bare.length / 4) * 4, '='));
}
