import { createHash, createHmac } from 'node:crypto';
import {
  equalConstantTime,
  freshId,
  hexEncode,
  seededEntropy,
  type UnixSeconds,
} from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  buildSecretToken,
  freshTokenId,
  hashSecret,
  isTokenPrefix,
  parseSecretToken,
  partitionOfTokenId,
  type SecretTokenKind,
  secretVerifier,
} from './api-key.ts';

const kinds: readonly SecretTokenKind[] = ['key', 'pat', 'admin', 'at', 'rt', 'ac', 'dc', 'cs'];
const now = 1_790_000_000 as UnixSeconds;
const expiresAt = (now + 600) as UnixSeconds;

function build(kind: SecretTokenKind, seed: number, prefix = 'mm') {
  const entropy = seededEntropy(seed);
  const id = ['at', 'rt', 'ac', 'dc'].includes(kind)
    ? freshTokenId({ now, expiresAt, entropy })
    : freshId(entropy);
  return buildSecretToken({ prefix, kind, id, entropy });
}

describe('parseSecretToken', () => {
  it('reads back what was built, for every kind and prefix', () => {
    const prefix = fc.stringMatching(/^[a-z0-9]{2,12}$/);
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.integer(), prefix, (kind, seed, prefix) => {
        const built = build(kind, seed, prefix);
        const { id, secret } = built;
        expect(parseSecretToken(built.text, prefix)).toEqual({
          ok: true,
          value: { kind, id, secret },
        });
      }),
    );
  });

  it('keeps the documented form', () => {
    expect(build('key', 7).text).toMatch(/^mm_key_[0-9A-Za-z]{17}[0-9A-Za-z]{33}[0-9A-Za-z]{6}$/);
    expect(build('at', 7).text).toMatch(/^mm_at_[0-9A-Za-z]{25}[0-9A-Za-z]{33}[0-9A-Za-z]{6}$/);
  });

  it('refuses any change of one character', () => {
    const { text } = build('key', 11);
    const position = fc.nat(text.length - 1);
    fc.assert(
      fc.property(position, fc.stringMatching(/^[\x20-\x7e]$/), (index, character) => {
        fc.pre(text[index] !== character);
        const mutated = text.slice(0, index) + character + text.slice(index + 1);
        expect(parseSecretToken(mutated, 'mm').ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['', 'malformed'],
    ['mm', 'malformed'],
    ['_key_x', 'malformed'],
    ['mm_', 'malformed'],
    ['mm_key', 'malformed'],
    ['mm_key_', 'malformed'],
    ['MM_key_', 'malformed'],
    ['abcdefghijklm_key_', 'malformed'],
    ['sk_live_abc', 'foreign_prefix'],
    ['mm_toString_x', 'unknown_kind'],
    ['mm_KEY_x', 'unknown_kind'],
    [build('key', 3).text.slice(0, -1), 'malformed'],
    [`${build('key', 3).text}0`, 'malformed'],
    [`${build('key', 3).text.slice(0, -1)}-`, 'malformed'],
    [build('at', 3).text.replace('_at_', '_key_'), 'malformed'],
    [build('key', 3).text.replace('_key_', '_pat_'), 'bad_checksum'],
    [build('key', 3).text, 'accepted'],
  ])('judges %j: %s', (text, verdict) => {
    const result = parseSecretToken(text, 'mm');
    expect(result.ok ? 'accepted' : result.refusal.reason).toBe(verdict);
  });

  it('refuses the token of another installation, checksum or not', () => {
    const other = build('key', 5, 'zz').text;
    expect(parseSecretToken(other, 'mm')).toEqual({
      ok: false,
      refusal: { reason: 'foreign_prefix' },
    });
    expect(parseSecretToken(other.replace('zz', 'mm'), 'mm')).toEqual({
      ok: false,
      refusal: { reason: 'bad_checksum' },
    });
  });
});

describe('buildSecretToken', () => {
  it.each(['', 'a', 'Mm', 'm_m', 'abcdefghijklm', 'mé'])('throws on the prefix %j', (prefix) => {
    expect(isTokenPrefix(prefix)).toBe(false);
    expect(() => build('key', 1, prefix)).toThrow(RangeError);
  });

  it.each([
    ['key', 'short'],
    ['key', `${'a'.repeat(16)}_`],
    ['at', 'a'.repeat(17)],
  ] as const)('throws on an id that kind %s cannot have', (kind, id) => {
    const entropy = seededEntropy(1);
    expect(() => buildSecretToken({ prefix: 'mm', kind, id, entropy })).toThrow(RangeError);
  });
});

describe('partitionOfTokenId', () => {
  it('is the day of expiry that the id was made with', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
        const id = freshTokenId({
          now,
          expiresAt: seconds as UnixSeconds,
          entropy: seededEntropy(1),
        });
        expect(id).toHaveLength(25);
        expect(partitionOfTokenId(id)).toBe(Math.floor(seconds / 86_400));
      }),
    );
  });

  it.each(['', 'a'.repeat(24), 'a'.repeat(26), `-${'a'.repeat(24)}`])('knows none of %j', (id) => {
    expect(partitionOfTokenId(id)).toBeUndefined();
  });
});

describe('hashSecret and secretVerifier', () => {
  const input = { pepper: new Uint8Array(32).fill(7), tenant: 'default', id: 'k1', secret: 's3' };

  it('is HMAC-SHA-256 over tenant, id and secret, separated by NUL', () => {
    const expected = createHmac('sha256', input.pepper).update('default\0k1\0s3').digest();
    expect(equalConstantTime(hashSecret(input), expected)).toBe(true);
  });

  it('depends on pepper, tenant, id and secret', () => {
    const hashes = [
      input,
      { ...input, pepper: new Uint8Array(32).fill(8) },
      { ...input, tenant: 'defaul' },
      { ...input, id: 't1' },
      { ...input, secret: 's4' },
    ].map((each) => hexEncode(hashSecret(each)));
    expect(new Set(hashes).size).toBe(5);
  });

  it('throws where a NUL would blur the borders of its parts', () => {
    expect(() => hashSecret({ ...input, tenant: 'a\0b' })).toThrow(RangeError);
    expect(() => hashSecret({ ...input, id: 'a\0b' })).toThrow(RangeError);
  });

  it('gives nodes the plain SHA-256 of the secret', () => {
    expect(hexEncode(secretVerifier('abc'))).toBe(createHash('sha256').update('abc').digest('hex'));
  });
});
