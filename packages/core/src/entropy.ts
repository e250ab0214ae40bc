/**
 * The only source of randomness. A failure throws and so stops the operation: there is no fallback
 * that could return predictable bytes.
 */
export interface Entropy {
  /** @param count 1–1024 */
  bytes(count: number): Uint8Array;
}

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
