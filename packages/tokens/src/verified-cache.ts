/**
 * Remembers which tokens carried a good signature, so that the second sight of one costs a hash. It
 * remembers nothing else: expiry, audience, binding, revocation and policy are judged each time. An
 * entry is made only after verification, so that garbage, however much of it, never evicts a good
 * one.
 */
import { hash } from 'node:crypto';
import { limits, RecentMap } from '@mintmark/core';
import type { VerificationKey } from './jwk.ts';
import type { KeySet } from './key-set.ts';

/** SHA-256 of the whole token, in a form that is cheap as a map key. */
export type TokenDigest = string;

export function digestToken(token: string): TokenDigest {
  return hash('sha256', token, 'base64url');
}

export interface VerifiedCache<T> {
  /**
   * What was remembered of the token, where it was verified for the same issuer, in the same epoch
   * of its key set, by a key that is still in the set under the same `kid`.
   */
  find(digest: TokenDigest, issuer: string, keys: KeySet): T | undefined;
  /** To be called with what a verification has just returned, and nothing else. */
  remember(
    digest: TokenDigest,
    entry: { issuer: string; keys: KeySet; key: VerificationKey; value: T },
  ): void;
  /** Entries held; at most `entriesMax`. */
  size(): number;
}

interface Entry<T> {
  readonly issuer: string;
  readonly epoch: string;
  readonly kid: string | undefined;
  readonly thumbprint: string;
  readonly value: T;
}

/**
 * What was used recently stays.
 *
 * @param options.entriesMax at least 2; default `limits.verifiedCacheEntriesMax`
 */
export function createVerifiedCache<T>(
  options: { readonly entriesMax?: number } = {},
): VerifiedCache<T> {
  const entries = new RecentMap<TokenDigest, Entry<T>>(
    options.entriesMax ?? limits.verifiedCacheEntriesMax,
  );
  return {
    find(digest, issuer, keys) {
      const entry = entries.peek(digest);
      if (entry === undefined || entry.issuer !== issuer || entry.epoch !== keys.epoch) {
        return undefined;
      }
      if (keys.lookup(entry.kid)?.thumbprint !== entry.thumbprint) return undefined;
      entries.touch(digest);
      return entry.value;
    },
    remember(digest, { issuer, keys, key, value }) {
      const { kid, thumbprint } = key;
      entries.set(digest, { issuer, epoch: keys.epoch, kid, thumbprint, value });
    },
    size: () => entries.size,
  };
}
