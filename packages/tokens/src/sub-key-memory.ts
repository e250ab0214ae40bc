/**
 * Sub-keys whose chain was verified, so that the second sight of one costs a hash and a comparison.
 * Nothing else is remembered: time, address, use, revocation and the key itself are judged each
 * time. An entry is made after verification alone, so that garbage never evicts a good one.
 */
import { equalConstantTime, limits, RecentMap, type Result } from '@mintmark/core';
import { type SubKey, type SubKeyRefusal, type VerifiedSubKey, verifySubKey } from './sub-key.ts';
import { digestToken } from './verified-cache.ts';

export interface SubKeyMemory {
  /** As `verifySubKey`; @param text the whole text that `subKey` was read from */
  verify(
    text: string,
    subKey: SubKey,
    derivationKey: Uint8Array,
  ): Result<VerifiedSubKey, SubKeyRefusal>;
  /** Whether the text was verified by this key before: to know it costs no signature check. */
  knows(text: string, derivationKey: Uint8Array): boolean;
}

interface Entry {
  readonly derivationKey: Uint8Array;
  readonly verified: Result<VerifiedSubKey, SubKeyRefusal>;
}

/** @param options.entriesMax at least 2; default `limits.subKeysRememberedMax` */
export function createSubKeyMemory(options: { readonly entriesMax?: number } = {}): SubKeyMemory {
  const entries = new RecentMap<string, Entry>(options.entriesMax ?? limits.subKeysRememberedMax);

  function find(digest: string, derivationKey: Uint8Array): Entry | undefined {
    const entry = entries.peek(digest);
    if (entry === undefined || !equalConstantTime(entry.derivationKey, derivationKey)) {
      return undefined;
    }
    entries.touch(digest);
    return entry;
  }

  return {
    verify(text, subKey, derivationKey) {
      const digest = digestToken(text);
      const known = find(digest, derivationKey);
      if (known !== undefined) return known.verified;
      const verified = verifySubKey(subKey, derivationKey);
      if (verified.ok) entries.set(digest, { derivationKey, verified });
      return verified;
    },
    knows: (text, derivationKey) => find(digestToken(text), derivationKey) !== undefined,
  };
}
