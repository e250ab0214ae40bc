import { describe, expect, it } from 'vitest';
import { bytesArray, integerArray, textArray } from './wire-array.ts';

describe('arrays on the wire', () => {
  it('of nothing have no dimension', () => {
    expect(textArray([]).toString('hex')).toBe('000000000000000000000019');
  });

  it('of text carry UTF-8 with its length, and mark nulls', () => {
    expect(textArray(['ä', null, '']).toString('hex')).toBe(
      '000000010000000100000019' + '0000000300000001' + '00000002c3a4' + 'ffffffff' + '00000000',
    );
  });

  it('of integers carry 64 bits, the negative ones in two’s complement', () => {
    const values = [1, -1, Number.MAX_SAFE_INTEGER];
    expect(integerArray(values).toString('hex')).toBe(
      '000000010000000000000014' +
        '0000000300000001' +
        '000000080000000000000001' +
        '00000008ffffffffffffffff' +
        '00000008001fffffffffffff',
    );
  });

  it('of bytes carry them as they are', () => {
    expect(bytesArray([Uint8Array.of(0, 255), null]).toString('hex')).toBe(
      '000000010000000100000011' + '0000000200000001' + '0000000200ff' + 'ffffffff',
    );
  });
});
