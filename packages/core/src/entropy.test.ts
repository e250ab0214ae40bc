import { describe, expect, it } from 'vitest';
import { pooledEntropy, seededEntropy } from './entropy.ts';

describe('pooled entropy', () => {
  it('hands out every byte once, in order', () => {
    const drawn: number[] = [];
    const source = {
      bytes(count: number) {
        const bytes = seededEntropy(count + drawn.length).bytes(count);
        drawn.push(...bytes);
        return bytes;
      },
    };
    const pool = pooledEntropy(source);
    const first = pool.bytes(12);
    const second = pool.bytes(32);
    expect([...first, ...second]).toEqual(drawn.slice(0, 44));
    const asked = 1000;
    const before = pool.bytes(asked - 44);
    const after = pool.bytes(100);
    expect([...before]).toEqual(drawn.slice(44, asked));
    // The rest of the first draw is too short, and is dropped.
    expect([...after]).toEqual(drawn.slice(1024, 1124));
  });

  it('draws long values by themselves', () => {
    const sizes: number[] = [];
    const source = {
      bytes(count: number) {
        sizes.push(count);
        return new Uint8Array(count);
      },
    };
    const pool = pooledEntropy(source);
    expect(pool.bytes(2000)).toHaveLength(2000);
    expect(sizes).toEqual([2000]);
  });

  it('fails where its source fails', () => {
    const pool = pooledEntropy({
      bytes() {
        throw new Error('no entropy');
      },
    });
    expect(() => pool.bytes(1)).toThrow('no entropy');
  });

  it('keeps no copy of what the caller was given, nor lets him reach the rest', () => {
    const pool = pooledEntropy(seededEntropy(1));
    const drawn = pool.bytes(8);
    expect(drawn.buffer.byteLength).toBe(8);
  });
});
