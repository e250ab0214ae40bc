import { describe, expect, it } from 'vitest';
import type { VerificationKey } from './jwk.ts';
import type { KeySet } from './key-set.ts';
import { createVerifiedCache, digestToken } from './verified-cache.ts';

const key = { kid: 'k', thumbprint: 't' } as VerificationKey;
const keys: KeySet = {
  epoch: '1',
  keys: [key],
  lookup: (kid) => (kid === 'k' ? key : undefined),
  headers: new Map(),
};
const issuer = 'https://as.example';

function fill(entriesMax: number) {
  const cache = createVerifiedCache<number>({ entriesMax });
  return {
    cache,
    put: (value: number) => cache.remember(digestToken(`${value}`), { issuer, keys, key, value }),
    get: (value: number) => cache.find(digestToken(`${value}`), issuer, keys),
  };
}

describe('createVerifiedCache', () => {
  it('never holds more than its bound', () => {
    const { cache, put } = fill(10);
    for (let value = 0; value < 1000; value++) {
      put(value);
      expect(cache.size()).toBeLessThanOrEqual(10);
    }
    expect(cache.size()).toBeGreaterThanOrEqual(5);
  });

  it('keeps what is used while what is not goes', () => {
    const { put, get } = fill(10);
    put(0);
    for (let value = 1; value < 1000; value++) {
      put(value);
      expect(get(0)).toBe(0);
    }
    expect(get(1)).toBeUndefined();
    expect(get(999)).toBe(999);
  });

  it('holds an entry once, also when it is remembered again', () => {
    const { cache, put, get } = fill(4);
    for (let round = 0; round < 20; round++) put(round % 2);
    expect(get(0)).toBe(0);
    expect(get(1)).toBe(1);
    expect(cache.size()).toBe(2);
  });

  it.each([0, 1, -1, Number.NaN])('throws on a bound of %d', (entriesMax) => {
    expect(() => createVerifiedCache({ entriesMax })).toThrow(RangeError);
  });

  it('tells apart issuers, epochs, and keys of one kid', () => {
    const { cache, put } = fill(4);
    put(1);
    const digest = digestToken('1');
    expect(cache.find(digest, 'https://other.example', keys)).toBeUndefined();
    expect(cache.find(digest, issuer, { ...keys, epoch: '2' })).toBeUndefined();
    expect(cache.find(digest, issuer, { ...keys, lookup: () => undefined })).toBeUndefined();
    const replaced = { ...key, thumbprint: 'u' };
    expect(cache.find(digest, issuer, { ...keys, lookup: () => replaced })).toBeUndefined();
    expect(cache.find(digest, issuer, keys)).toBe(1);
  });
});
