/** One page of a list: whoever asks the store for a row more than is shown knows what follows. */
import type { Position } from './cursor.ts';

/**
 * @param rows at most one more than the page holds
 * @param positionOf the key of the last row that is shown, from which the next page goes on
 */
export function cutPage<Row>(
  { limit }: { readonly limit: number },
  rows: readonly Row[],
  positionOf: (last: Row) => Position,
): { readonly shown: readonly Row[]; readonly next: Position | undefined } {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return { shown, next: last === undefined ? undefined : positionOf(last) };
}
