/**
 * Passwords: which are accepted, how they are kept, how they are checked. Hashing runs in a bounded
 * queue, off the event loop. What must never happen: a password in a log, an error or a row; an
 * answer whose time tells whether there is such a user.
 */
import { base64Encode, type Entropy, err, limits, ok, type Result, utf8 } from '@mintmark/core';
import { hash, verify } from '@node-rs/argon2';
import type { SlowHashQueue } from '../custody/slow-hash-queue.ts';
import { isBlocked } from './blocked-passwords.ts';
import { verifyImportedPassword } from './imported-password.ts';

export type PasswordRefusal =
  | { readonly reason: 'password_too_short'; readonly charsMin: number }
  | { readonly reason: 'password_too_long'; readonly bytesMax: number }
  | { readonly reason: 'password_blocked' }
  | { readonly reason: 'busy' };

/** OWASP's setting for argon2id, the library's default: 19 MiB, two passes. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const parameters = `m=${cost.memoryCost},t=${cost.timeCost},p=${cost.parallelism}`;

/**
 * Whether a password may be chosen (NIST SP 800-63B §5.1.1.2: length and a list of those that are
 * tried first, no rules of composition).
 *
 * @param names of the account: a password that is one of them is refused
 */
export function judgePassword(
  password: string,
  names: readonly string[],
): Result<undefined, PasswordRefusal> {
  const text = normalised(password);
  if (text === undefined) {
    return err({ reason: 'password_too_long', bytesMax: limits.passwordBytesMax });
  }
  const { passwordCharsMin: charsMin } = limits;
  // A code point is a character (NIST SP 800-63B §5.1.1.2).
  if ([...text].length < charsMin) return err({ reason: 'password_too_short', charsMin });
  return isBlocked(text, names) ? err({ reason: 'password_blocked' }) : ok(undefined);
}

/**
 * @returns argon2id in PHC form; refusals: those of `judgePassword`, busy
 */
export async function hashPassword(
  deps: { readonly entropy: Entropy; readonly passwordHashes: SlowHashQueue },
  input: { readonly password: string; readonly names: readonly string[] },
): Promise<Result<string, PasswordRefusal>> {
  const judged = judgePassword(input.password, input.names);
  if (!judged.ok) return judged;
  const { entropy, passwordHashes } = deps;
  const made = await passwordHashes.run(() => hashAsOurs(entropy, input.password));
  return made === 'busy' || made === undefined ? err({ reason: 'busy' }) : ok(made);
}

/**
 * The hash of a password that nobody judges: one that works already. In the queue of its caller.
 *
 * @returns undefined where it is longer than any password may be
 */
export async function hashAsOurs(entropy: Entropy, password: string): Promise<string | undefined> {
  const text = normalised(password);
  if (text === undefined) return undefined;
  return hash(utf8(text), { ...cost, salt: entropy.bytes(saltBytes) });
}

/** Whether the hash is of our own cost; one that was imported is replaced at its first use. */
export function isOurHash(phc: string): boolean {
  return phc.startsWith(`$argon2id$v=19$${parameters}$`);
}

/**
 * Compares in constant time. Costs the same for every password that could be one, so it runs in the
 * queue of its caller.
 *
 * @param phc what `hashPassword` made, a decoy, or what another system made
 */
export async function verifyPassword(phc: string, password: string): Promise<boolean> {
  const text = normalised(password);
  // Nobody has such a password: refused before any work, with or without a user.
  if (text === undefined) return false;
  return isOurHash(phc) ? verify(phc, utf8(text)) : verifyImportedPassword(phc, password);
}

/** A hash of the same cost that no password fits: what is checked where there is no user. */
export function decoyHash(entropy: Entropy): string {
  const unpadded = (count: number): string => base64Encode(entropy.bytes(count)).replace(/=+$/, '');
  return `$argon2id$v=19$${parameters}$${unpadded(saltBytes)}$${unpadded(hashBytes)}`;
}

const saltBytes = 16;
const hashBytes = 32;

/**
 * NFKC (NIST SP 800-63B §5.1.1.2), so that a password typed on another keyboard is the same one.
 *
 * @returns undefined where it has more bytes than any password may have
 */
function normalised(password: string): string | undefined {
  if (password.length > limits.passwordBytesMax) return undefined;
  const text = password.toWellFormed().normalize('NFKC');
  return Buffer.byteLength(text) > limits.passwordBytesMax ? undefined : text;
}
