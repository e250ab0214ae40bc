/**
 * The hashes that other systems keep of their keys: SHA-256 in hex or base64, bcrypt, argon2.
 * Parsed once at import into one form; what would cost too much to check is refused there, not at
 * use.
 */
import { createHash } from 'node:crypto';
import {
  base64Decode,
  base64urlDecode,
  equalConstantTime,
  err,
  hexDecode,
  limits,
  ok,
  type Result,
  utf8,
  utf8Decode,
} from '@mintmark/core';
import { verify as verifyArgon2 } from '@node-rs/argon2';
import { verify as verifyBcrypt } from '@node-rs/bcrypt';

export type ImportedScheme = 'sha256' | 'bcrypt' | 'argon2';

export interface ImportedHash {
  readonly scheme: ImportedScheme;
  /** 32 bytes of SHA-256, or the text of the other schemes as UTF-8. */
  readonly bytes: Uint8Array;
}

export type ImportedHashRefusal = { readonly reason: 'malformed_hash' | 'hash_too_costly' };

/** The scheme is read from the text: each has a form that no other has. */
export function parseImportedHash(text: string): Result<ImportedHash, ImportedHashRefusal> {
  if (text.startsWith('$argon2')) return parseArgon2(text);
  if (text.startsWith('$2')) return parseBcrypt(text);
  const bytes = decodeSha256(text);
  return bytes === undefined ? err({ reason: 'malformed_hash' }) : ok({ scheme: 'sha256', bytes });
}

/** SHA-256 of the hash in its one form, however it was spelled. */
export function fingerprintOf(hash: ImportedHash): Uint8Array {
  return createHash('sha256').update(`${hash.scheme}\0`).update(hash.bytes).digest();
}

/** Whether the hash is one of the schemes that take milliseconds: only in the slow queue. */
export function isSlow(scheme: ImportedScheme): boolean {
  return scheme !== 'sha256';
}

/** Compares in constant time; the slow schemes' own libraries do that too. */
export async function verifyImportedHash(hash: ImportedHash, secret: string): Promise<boolean> {
  switch (hash.scheme) {
    case 'sha256':
      return equalConstantTime(createHash('sha256').update(secret).digest(), hash.bytes);
    case 'bcrypt': {
      const bytes = utf8(secret);
      // What stands behind them bcrypt never sees: with a long id in front, any secret would do.
      if (bytes.length > bcryptBytesMax) return false;
      return verifyBcrypt(bytes, utf8Decode(hash.bytes) ?? '');
    }
    case 'argon2':
      return verifyArgon2(utf8Decode(hash.bytes) ?? '', utf8(secret));
  }
}

/** Bytes of a password that bcrypt takes in. */
const bcryptBytesMax = 72;

function decodeSha256(text: string): Uint8Array | undefined {
  if (text.length === 64) return hexDecode(text);
  // 43 characters without padding are base64url or unpadded base64, 44 are padded.
  const padded = text.length === 43 ? `${text}=` : text;
  if (padded.length !== 44) return undefined;
  return base64Decode(padded) ?? base64urlDecode(padded.slice(0, 43));
}

function parseBcrypt(text: string): Result<ImportedHash, ImportedHashRefusal> {
  // 2x marks the output of a broken implementation, which no correct one reproduces.
  const cost = /^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$/.exec(text)?.[1];
  if (cost === undefined) return err({ reason: 'malformed_hash' });
  if (Number(cost) > limits.importBcryptCostMax) return err({ reason: 'hash_too_costly' });
  return ok({ scheme: 'bcrypt', bytes: utf8(text) });
}

const argon2Parameters = `m=([1-9][0-9]{0,8}),t=([1-9][0-9]{0,5}),p=([1-9][0-9]{0,2})`;
const argon2Pattern = new RegExp(
  String.raw`^\$argon2(?:id|i|d)\$v=(?:16|19)\$${argon2Parameters}` +
    String.raw`\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,128}$`,
);

function parseArgon2(text: string): Result<ImportedHash, ImportedHashRefusal> {
  const [memoryKib, passes, threads] = argon2Pattern.exec(text)?.slice(1).map(Number) ?? [];
  if (memoryKib === undefined || passes === undefined || threads === undefined) {
    return err({ reason: 'malformed_hash' });
  }
  const tooCostly =
    memoryKib > limits.importArgon2MemoryKibMax ||
    passes > limits.importArgon2PassesMax ||
    threads > limits.importArgon2ThreadsMax;
  // The algorithm's own floor: 8 KiB a thread (RFC 9106 §3.1).
  if (memoryKib < 8 * threads) return err({ reason: 'malformed_hash' });
  return tooCostly
    ? err({ reason: 'hash_too_costly' })
    : ok({ scheme: 'argon2', bytes: utf8(text) });
}
