/** Where in a text something stands, as an editor counts: the first line and column are 1. */
export interface Position {
  /** UTF-16 code units before it. */
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** Finds lines by offset; made once a text, so that many positions cost little. */
export type Locate = (offset: number) => Position;

export function locator(text: string): Locate {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { offset, line: low + 1, column: offset - starts[low]! + 1 };
  };
}
