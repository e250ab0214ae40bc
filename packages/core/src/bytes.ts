/**
 * Encodings, strict in both directions: what decodes also encodes back to the same text, so that
 * two spellings of one value cannot pass two different checks.
 */
import { timingSafeEqual } from 'node:crypto';

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function utf8(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

/** @returns the text, or undefined where the bytes are not well-formed UTF-8 */
export function utf8Decode(bytes: Uint8Array): string | undefined {
  try {
    return utf8Decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

export function hexEncode(bytes: Uint8Array): string {
  return view(bytes).toString('hex');
}

/** @returns the bytes, or undefined where the text is not an even number of hex digits */
export function hexDecode(text: string): Uint8Array | undefined {
  return /^(?:[0-9a-fA-F]{2})*$/.test(text) ? Buffer.from(text, 'hex') : undefined;
}

/** base64url without padding (RFC 7515 §2). */
export function base64urlEncode(bytes: Uint8Array): string {
  return view(bytes).toString('base64url');
}

/**
 * Strict base64url without padding: no `+`, `/`, `=`, white space, impossible length, or non-zero
 * trailing bits (RFC 7515 §2, RFC 4648 §3.5).
 *
 * @returns the bytes, or undefined
 */
export function base64urlDecode(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64url');
  // Encoding again finds every deviation at once: Buffer skips what it does not know.
  return bytes.toString('base64url') === text ? bytes : undefined;
}

/** Strict base64 with padding (RFC 4648 §4). @returns the bytes, or undefined */
export function base64Decode(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

export function base64Encode(bytes: Uint8Array): string {
  return view(bytes).toString('base64');
}

const base62Alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/**
 * The bytes as one big-endian number in base62, left-padded with `0`.
 *
 * @param length characters; must hold the number (17 for 12 bytes, 22 for 16, 27 for 20, 43 for 32)
 */
export function base62Encode(bytes: Uint8Array, length: number): string {
  const limbs = limbsOf(bytes);
  let text = '';
  // Five digits at a time: the remainder of one division and the next limb fit a plain number,
  // where a BigInt would be made anew at each step.
  for (let first = firstNonZero(limbs, 0); first < limbs.length; ) {
    let rest = 0;
    for (let i = first; i < limbs.length; i++) {
      const value = rest * 0x10000 + limbs[i]!;
      limbs[i] = Math.floor(value / base62Chunk);
      rest = value % base62Chunk;
    }
    first = firstNonZero(limbs, first);
    const digits = base62Digits(rest);
    text = (first < limbs.length ? digits.padStart(5, '0') : digits) + text;
  }
  if (text.length > length) throw new RangeError('base62Encode: length too small for the bytes');
  return text.padStart(length, '0');
}

/** Big-endian 16-bit parts, the first of an odd number of bytes alone. */
function limbsOf(bytes: Uint8Array): number[] {
  const limbs: number[] = [];
  let i = bytes.length % 2;
  if (i === 1) limbs.push(bytes[0]!);
  for (; i < bytes.length; i += 2) limbs.push(bytes[i]! * 256 + bytes[i + 1]!);
  return limbs;
}

function firstNonZero(limbs: readonly number[], from: number): number {
  let first = from;
  while (limbs[first] === 0) first++;
  return first;
}

/** A whole number ≥ 0 in base62, left-padded with `0` to `length` characters. */
export function base62Number(value: number, length: number): string {
  const text = base62Digits(value);
  if (text.length > length) throw new RangeError('base62Number: length too small for the value');
  return text.padStart(length, '0');
}

/** @param text at most 8 characters @returns undefined where one of them is no digit of base62 */
export function base62Value(text: string): number | undefined {
  let value = 0;
  for (const char of text) {
    const digit = base62Alphabet.indexOf(char);
    if (digit < 0) return undefined;
    value = value * 62 + digit;
  }
  return value;
}

const base62Chunk = 62 ** 5;

/** No digit for 0. */
function base62Digits(value: number): string {
  let rest = value;
  let text = '';
  while (rest > 0) {
    text = base62Alphabet[rest % 62] + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

/** Compares in time that depends on the lengths only. */
export function equalConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
