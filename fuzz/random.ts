/** A whole number ≥ 0 and below the bound. Deterministic, from a printed seed. */
export type Random = (below: number) => number;

/** xorshift32 (Marsaglia, "Xorshift RNGs", 2003). For choosing test inputs only. */
export function seededRandom(seed: number): Random {
  // Neighbouring seeds must not begin alike, and the state must not be zero.
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
