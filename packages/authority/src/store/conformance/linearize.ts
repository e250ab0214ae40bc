/**
 * Whether what callers saw of one object can have happened one after the other: a history is
 * linearizable (Herlihy and Wing, 1990) where its operations can be put in an order that keeps
 * apart what did not overlap, and in which each got the answer that the object gives. Searched as
 * Wing and Gong do it, with what was tried already remembered; for histories of a few dozen.
 */

export interface Operation<I, O> {
  readonly input: I;
  readonly output: O;
  /** When it was called, and when its answer was there; any clock that only goes forward. */
  readonly calledAt: number;
  readonly returnedAt: number;
}

/**
 * @param step what the object becomes by the operation; undefined: it would have answered otherwise
 */
export function isLinearizable<S, I, O>(
  history: readonly Operation<I, O>[],
  initial: S,
  step: (state: S, input: I, output: O) => S | undefined,
): boolean {
  const tried = new Set<string>();
  const search = (left: readonly Operation<I, O>[], state: S): boolean => {
    if (left.length === 0) return true;
    const key = JSON.stringify([state, left.map((one) => history.indexOf(one))]);
    if (tried.has(key)) return false;
    tried.add(key);
    const firstEnd = Math.min(...left.map(({ returnedAt }) => returnedAt));
    return left.some((one) => {
      if (one.calledAt > firstEnd) return false;
      const next = step(state, one.input, one.output);
      return (
        next !== undefined &&
        search(
          left.filter((other) => other !== one),
          next,
        )
      );
    });
  };
  return search(history, initial);
}
