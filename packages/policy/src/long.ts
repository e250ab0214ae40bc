/**
 * Cedar's Long, a signed integer of 64 bits. A `number` where it is a safe integer, else a
 * `bigint`: so the usual case costs what JavaScript's arithmetic costs, and no result is rounded.
 */
export type Long = number | bigint;

const longMin = -(2n ** 63n);
const longMax = 2n ** 63n - 1n;

/** The one form of a value: `number` if that holds it exactly. */
export function normalLong(value: bigint): Long {
  const short = Number(value);
  return Number.isSafeInteger(short) ? short : value;
}

/** `undefined` where 64 bits do not hold the result: Cedar's overflow error. */
export function addLongs(left: Long, right: Long): Long | undefined {
  if (typeof left === 'number' && typeof right === 'number') {
    // Rounding never brings a sum or product from outside the safe integers inside.
    const sum = left + right;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return boundLong(BigInt(left) + BigInt(right));
}

export function subtractLongs(left: Long, right: Long): Long | undefined {
  if (typeof left === 'number' && typeof right === 'number') {
    const difference = left - right;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return boundLong(BigInt(left) - BigInt(right));
}

export function multiplyLongs(left: Long, right: Long): Long | undefined {
  if (typeof left === 'number' && typeof right === 'number') {
    const product = left * right;
    if (Number.isSafeInteger(product)) return product;
  }
  return boundLong(BigInt(left) * BigInt(right));
}

/** The normal form of an integer, or `undefined` where 64 bits do not hold it. */
export function boundLong(value: bigint): Long | undefined {
  return value < longMin || value > longMax ? undefined : normalLong(value);
}

/** Truncates towards zero. */
export function divideLong(value: Long, divisor: number): Long {
  if (typeof value === 'number') return (value - (value % divisor)) / divisor;
  return normalLong(value / BigInt(divisor));
}

/** The remainder that is never negative. */
export function moduloLong(value: Long, divisor: number): number {
  const remainder = typeof value === 'number' ? value % divisor : Number(value % BigInt(divisor));
  return remainder < 0 ? remainder + divisor : remainder;
}
