/** Choices from a seed that is printed with every finding. */
export interface Random {
  /** A whole number ≥ 0 and below the bound. */
  below(bound: number): number;
  chance(percent: number): boolean;
  pick<T>(from: readonly T[]): T;
}

/** xorshift32 (Marsaglia, "Xorshift RNGs", 2003). For choosing test inputs only. */
export function randomOf(seed: number): Random {
  // Neighbouring seeds must not begin alike, and the state must not be zero.
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0 || 1;
  const below = (bound: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
  return {
    below,
    chance: (percent) => below(100) < percent,
    pick: (from) => from[below(from.length)]!,
  };
}
