/**
 * Bytes of any number in base62, in linear time: blocks of 32 bytes, each one big-endian number of
 * 43 digits; the last block, where it is shorter, has as many digits as its bytes need. Letters and
 * digits alone, so that a double click takes the whole of it and every scanner for secrets does.
 */
import { base62Encode, concatBytes } from '@mintmark/core';

const blockBytes = 32;
const bitsADigit = Math.log2(62);

/** Digits that hold so many bytes: 43 for 32. */
function digitsFor(byteCount: number): number {
  return Math.ceil((byteCount * 8) / bitsADigit);
}

const blockDigits = digitsFor(blockBytes);

/** Bytes of a last block by its digits; a number of digits that no block has is not there. */
const bytesByDigits = new Map(
  Array.from({ length: blockBytes }, (_, index) => [digitsFor(index + 1), index + 1]),
);

export function base62BlocksEncode(bytes: Uint8Array): string {
  let text = '';
  for (let start = 0; start < bytes.length; start += blockBytes) {
    const block = bytes.subarray(start, start + blockBytes);
    text += base62Encode(block, digitsFor(block.length));
  }
  return text;
}

/**
 * Strict: one text for each sequence of bytes.
 *
 * @returns the bytes; undefined where the text has other characters, a length that no bytes make,
 *   or a block whose number is too large for its bytes
 */
export function base62BlocksDecode(text: string): Uint8Array | undefined {
  const blocks: Uint8Array[] = [];
  for (let start = 0; start < text.length; start += blockDigits) {
    const digits = text.slice(start, start + blockDigits);
    const byteCount = bytesByDigits.get(digits.length);
    const block = byteCount === undefined ? undefined : decodeBlock(digits, byteCount);
    if (block === undefined) return undefined;
    blocks.push(block);
  }
  return concatBytes(...blocks);
}

function decodeBlock(digits: string, byteCount: number): Uint8Array | undefined {
  const bytes = new Uint8Array(byteCount);
  for (let i = 0; i < digits.length; i++) {
    let carry = digitOf(digits.charCodeAt(i));
    if (carry < 0) return undefined;
    for (let at = byteCount - 1; at >= 0; at--) {
      carry += bytes[at]! * 62;
      bytes[at] = carry & 0xff;
      carry >>>= 8;
    }
    if (carry !== 0) return undefined;
  }
  return bytes;
}

/** Digits, then capitals, then small letters, as base62Encode orders them; -1 for all others. */
function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x41 && code <= 0x5a) return code - 0x41 + 10;
  return code >= 0x61 && code <= 0x7a ? code - 0x61 + 36 : -1;
}
