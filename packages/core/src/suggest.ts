/**
 * The known name that a mistyped one most likely means.
 *
 * @returns undefined where nothing is near: more than a third of the letters would have to change
 */
export function suggest(mistyped: string, known: readonly string[]): string | undefined {
  // A name this long is no slip, and the comparison takes time by the product of the lengths.
  if (mistyped.length > 64) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(mistyped.length / 3)) + 1;
  for (const name of known) {
    const distance = editDistance(mistyped.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions and replacements; two neighbours swapped count as one. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        last[column]! + 1,
        current[column - 1]! + 1,
        last[column - 1]! + (same ? 0 : 1),
      );
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (row > 1 && column > 1 && swapped) cost = Math.min(cost, beforeLast[column - 2]! + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}
