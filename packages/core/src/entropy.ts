/**
 * The only source of randomness. A failure throws and so stops the operation: there is no fallback
 * that could return predictable bytes.
 */
export interface Entropy {
  /** @param count 1–1024 */
  bytes(count: number): Uint8Array;
}

/**
 * The same entropy, drawn 1,024 bytes at a time: a system call costs as much for 12 bytes as for
 * all of them. What was handed out is erased from the pool, so that no copy of a key stays behind.
 */
export function pooledEntropy(entropy: Entropy): Entropy {
  let pool = new Uint8Array(0);
  let at = 0;
  return {
    bytes(count) {
      if (count > poolBytes) return entropy.bytes(count);
      if (at + count > pool.length) {
        pool = Uint8Array.from(entropy.bytes(poolBytes));
        at = 0;
      }
      const drawn = pool.slice(at, at + count);
      pool.fill(0, at, at + count);
      at += count;
      return drawn;
    },
  };
}

const poolBytes = 1024;

/**
 * Deterministic bytes for tests and simulation, from xorshift32 over a printed seed. Never secure.
 */
export function seededEntropy(seed: number): Entropy {
  let state = seed >>> 0 || 1;
  return {
    bytes(count) {
      const out = new Uint8Array(count);
      for (let i = 0; i < count; i++) {
        state ^= state << 13;
        state >>>= 0;
        state ^= state >>> 17;
        state ^= state << 5;
        state >>>= 0;
        out[i] = state & 0xff;
      }
      return out;
    },
  };
}
