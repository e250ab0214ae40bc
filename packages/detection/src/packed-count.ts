/** A count in 16 bits: exact up to some 2,000, beyond it within a fiftieth of a per cent. */

/** Of an hour that nothing is known of. */
export const unknownCount = 0xffff;
const steps = 2048;

/** @param count at least 0; more than 2^31 is taken for that */
export function packCount(count: number): number {
  return Math.min(unknownCount - 1, Math.round(Math.log2(1 + count) * steps));
}

export function unpackCount(packed: number): number | undefined {
  return packed === unknownCount ? undefined : Math.round(2 ** (packed / steps) - 1);
}
