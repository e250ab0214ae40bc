/** HKDF-SHA-256 (RFC 5869) of a secret that somebody presented. */
import { createHmac } from 'node:crypto';
import { concatBytes } from '@mintmark/core';

/** One block of the hash. */
export const derivedKeyBytes = 32;

/**
 * One block, without salt, which a uniform secret does not need (§3.1). By hand, because node's own
 * makes a key object of the secret: that keeps it in memory until it is collected, which in an idle
 * process is never.
 */
export function deriveKey(secret: string, info: Uint8Array): Buffer {
  const extracted = createHmac('sha256', new Uint8Array(derivedKeyBytes)).update(secret).digest();
  const block = concatBytes(info, new Uint8Array([1]));
  return createHmac('sha256', extracted).update(block).digest();
}
