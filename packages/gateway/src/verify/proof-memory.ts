/**
 * Proofs that this node has accepted, for as long as they could be accepted again. Bounded: two
 * generations of digests, the older dropped whole once nothing in it counts any more. When it is
 * full nothing is forgotten early, for that would let a proof count twice: requests with proofs are
 * refused until there is room.
 */
import { hash } from 'node:crypto';
import { limits, type UnixSeconds } from '@mintmark/core';

export type Remembered = 'first' | 'again' | 'full';

export interface ProofMemory {
  /** Remembers the proof of a key. */
  remember(proof: { readonly jkt: string; readonly jti: string }, now: UnixSeconds): Remembered;
  readonly size: number;
}

/** A proof is acceptable from the skew before its time until its age after it. */
const generationSeconds = limits.dpopProofAgeSecondsMax + limits.clockSkewSeconds + 1;

export function createProofMemory(entriesMax: number = limits.proofsRememberedMax): ProofMemory {
  let older = new Set<string>();
  let newer = new Set<string>();
  let newerSince = 0;
  return {
    remember({ jkt, jti }, now) {
      if (now - newerSince >= generationSeconds) {
        older = now - newerSince >= 2 * generationSeconds ? new Set() : newer;
        newer = new Set();
        newerSince = now;
      }
      const digest = hash('sha256', `${jkt}\n${jti}`, 'base64url');
      if (newer.has(digest) || older.has(digest)) return 'again';
      if (newer.size + older.size >= entriesMax) return 'full';
      newer.add(digest);
      return 'first';
    },
    get size() {
      return newer.size + older.size;
    },
  };
}
