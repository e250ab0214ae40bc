let last = 1;

/**
 * Another address of this machine each time: what an authority bounds for each address (failed
 * credentials) must not hide the rest of it from the suite.
 */
export function nextAddress(): string {
  last = (last % 60_000) + 1;
  return `127.1.${last >> 8}.${last & 255}`;
}
