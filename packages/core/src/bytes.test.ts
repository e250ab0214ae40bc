import { assert, property, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base62Encode, base62Number } from './bytes.ts';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function numberOf(text: string): bigint {
  return [...text].reduce((sum, digit) => sum * 62n + BigInt(alphabet.indexOf(digit)), 0n);
}

describe('base62', () => {
  it('writes bytes as one number, padded', () => {
    assert(
      property(uint8Array({ maxLength: 40 }), (bytes) => {
        const text = base62Encode(bytes, 60);
        expect(text).toMatch(/^[0-9A-Za-z]{60}$/);
        expect(numberOf(text)).toBe(BigInt(`0x0${Buffer.from(bytes).toString('hex')}`));
      }),
    );
  });

  it('fits the largest number of a length, and refuses one that does not', () => {
    const ones = (count: number) => new Uint8Array(count).fill(0xff);
    for (const [count, length] of [
      [11, 15],
      [12, 17],
      [16, 22],
      [20, 27],
      [32, 43],
    ] as const) {
      expect(base62Encode(ones(count), length)).toHaveLength(length);
      expect(() => base62Encode(ones(count), length - 1)).toThrow(RangeError);
    }
    expect(base62Encode(new Uint8Array(4), 3)).toBe('000');
    expect(base62Encode(new Uint8Array(0), 0)).toBe('');
  });

  it('keeps the zeros inside a number', () => {
    // 62^8, where the digits are taken in two pieces.
    const bytes = Buffer.from((62n ** 8n).toString(16).padStart(14, '0'), 'hex');
    expect(base62Encode(bytes, 10)).toBe('0100000000');
  });

  it('writes a whole number, and refuses one that is too long', () => {
    expect(base62Number(0, 2)).toBe('00');
    expect(base62Number(62 * 62 - 1, 2)).toBe('zz');
    expect(() => base62Number(62 * 62, 2)).toThrow(RangeError);
  });
});
