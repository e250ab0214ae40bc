import { createSecretKey } from 'node:crypto';
import { hexEncode, seededEntropy, utf8 } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aeadOpen, aeadSeal } from './aead.ts';
import { openRecord, sealedKeyId, sealRecord } from './sealed-record.ts';

const key = createSecretKey(Buffer.alloc(32, 1));
const otherKey = createSecretKey(Buffer.alloc(32, 2));
const context = 'tenant/default/keys/1';

function seal(plaintext: Uint8Array, changes: { seed?: number; keyId?: string } = {}) {
  const { seed = 1, keyId = 'dek-1' } = changes;
  return sealRecord({ key, keyId, entropy: seededEntropy(seed), context, plaintext });
}

function reason(sealed: Uint8Array, changes: { key?: typeof key; context?: string } = {}) {
  const result = openRecord({ key, context, sealed, ...changes });
  return result.ok ? 'opened' : result.refusal.reason;
}

describe('sealRecord and openRecord', () => {
  it('give back what was sealed, and name its key', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    const keyId = fc.string({ minLength: 1, maxLength: 16 });
    fc.assert(
      fc.property(bytes, keyId, fc.integer(), (plaintext, keyId, seed) => {
        const sealed = seal(plaintext, { seed, keyId });
        expect(sealedKeyId(sealed)).toBe(keyId);
        const opened = openRecord({ key, context, sealed });
        expect(opened.ok && hexEncode(opened.value)).toBe(hexEncode(plaintext));
      }),
    );
  });

  it('refuse every change of one bit, anywhere', () => {
    const sealed = seal(utf8('secret'));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Uint8Array.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(reason(changed)).not.toBe('opened');
    }
  });

  it('refuse every truncation and extension', () => {
    const sealed = seal(utf8('secret'));
    for (let length = 0; length < sealed.length; length++) {
      expect(reason(sealed.subarray(0, length))).not.toBe('opened');
    }
    expect(reason(Buffer.concat([sealed, Buffer.alloc(1)]))).toBe('tampered');
  });

  it('refuse another identity, and another key', () => {
    const sealed = seal(utf8('secret'));
    expect(reason(sealed, { context: 'tenant/other/keys/1' })).toBe('tampered');
    expect(reason(sealed, { key: otherKey })).toBe('tampered');
    expect(reason(sealed, { key: createSecretKey(Buffer.alloc(16, 1)) })).toBe('wrong_key');
    expect(reason(sealed)).toBe('opened');
  });

  it('do not let the end of the key id pass for the beginning of the context', () => {
    const entropy = seededEntropy(1);
    const sealed = sealRecord({ key, keyId: 'ab', entropy, context: 'c', plaintext: utf8('x') });
    const moved = Uint8Array.from(sealed);
    moved[1] = 1;
    expect(reason(moved, { context: 'bc' })).toBe('tampered');
  });

  it.each([
    ['no bytes', []],
    ['another version', [2, 1, 65, ...Array(28).fill(0)]],
    ['no key id', [1, 0, ...Array(28).fill(0)]],
    ['too long a key id', [1, 65, ...Array(100).fill(65)]],
    ['no room for a tag', [1, 1, 65, ...Array(27).fill(0)]],
  ])('refuse %s as malformed', (_, bytes) => {
    expect(reason(Uint8Array.from(bytes))).toBe('malformed');
    expect(sealedKeyId(Uint8Array.from(bytes))).toBeUndefined();
  });

  it('take a fresh nonce from entropy each time', () => {
    const entropy = seededEntropy(1);
    const seals = Array.from({ length: 50 }, () =>
      hexEncode(sealRecord({ key, keyId: 'k', entropy, context, plaintext: utf8('same') })),
    );
    expect(new Set(seals).size).toBe(50);
  });

  it('throw on a key or key id that no record can have', () => {
    const input = { entropy: seededEntropy(1), context, plaintext: utf8('x') };
    const short = createSecretKey(Buffer.alloc(16));
    expect(() => sealRecord({ ...input, key: short, keyId: 'k' })).toThrow(RangeError);
    expect(() => sealRecord({ ...input, key, keyId: '' })).toThrow(RangeError);
    expect(() => sealRecord({ ...input, key, keyId: 'é'.repeat(33) })).toThrow(RangeError);
  });

  it('have no key id where its bytes are not text', () => {
    const sealed = Uint8Array.from(seal(utf8('x'), { keyId: 'k' }));
    sealed[2] = 0xff;
    expect(sealedKeyId(sealed)).toBeUndefined();
  });
});

describe('aeadSeal and aeadOpen', () => {
  it('refuse a nonce of another length', () => {
    const input = { key, additionalData: utf8(''), nonce: new Uint8Array(16) };
    expect(() => aeadSeal({ ...input, plaintext: utf8('x') })).toThrow(RangeError);
    expect(aeadOpen({ ...input, sealed: new Uint8Array(40) })).toBeUndefined();
  });
});
