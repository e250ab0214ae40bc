import { crc32 } from 'node:zlib';
import { base62Number, seededEntropy, type UnixSeconds } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildSecretToken } from './api-key.ts';
import { base62BlocksDecode, base62BlocksEncode } from './base62-blocks.ts';
import { deriveSubKey, parseSubKey, type SubKey, verifySubKey } from './sub-key.ts';
import { derivationKeyOf } from './sub-key-crypto.ts';
import type { SubKeyRestrictions } from './sub-key-link.ts';
import { createSubKeyMemory } from './sub-key-memory.ts';

const entropy = seededEntropy(7);
const issuedAt = 1_790_000_000 as UnixSeconds;
const prefix = 'mm';

function later(seconds: number): UnixSeconds {
  return (issuedAt + seconds) as UnixSeconds;
}

const key = buildSecretToken({ prefix, kind: 'key', id: 'A'.repeat(17), entropy });
const derivationKey = derivationKeyOf({ keyId: key.id, secret: key.secret });

function derive(parent: string, more: Partial<SubKeyRestrictions> = {}) {
  const restrictions = { issuedAt, expiresAt: later(600), ...more };
  return deriveSubKey({ parent, prefix, restrictions, entropy });
}

function derived(parent: string, more: Partial<SubKeyRestrictions> = {}): string {
  const made = derive(parent, more);
  if (!made.ok) throw new Error(made.refusal.reason);
  return made.value.text;
}

function parsed(text: string): SubKey {
  const read = parseSubKey(text, prefix);
  if (!read.ok) throw new Error(read.refusal.reason);
  return read.value;
}

/** The text again with its bytes changed, and a right checksum. */
function rewritten(text: string, change: (bytes: Uint8Array) => Uint8Array): string {
  const start = `${prefix}_sub_`.length + 17;
  const bytes = base62BlocksDecode(text.slice(start, -6)) as Uint8Array;
  const body = text.slice(0, start) + base62BlocksEncode(change(Uint8Array.from(bytes)));
  return body + base62Number(crc32(body), 6);
}

function lengthOfLink(bytes: Uint8Array, at: number): number {
  return 2 + bytes[at]! * 256 + bytes[at + 1]! + 64;
}

const one = derived(key.text, { scopes: ['read', 'write'], label: 'ci' });
const two = derived(one, { scopes: ['read'] });
const three = derived(two, { pathPrefix: '/v1' });

describe('deriveSubKey', () => {
  it('makes what verifies against the public key of its key, three links deep', () => {
    for (const [text, depth] of [
      [one, 1],
      [two, 2],
      [three, 3],
    ] as const) {
      const verified = verifySubKey(parsed(text), derivationKey);
      expect(verified.ok && verified.value.links).toHaveLength(depth);
      expect(verified.ok && verified.value.keyId).toBe(key.id);
    }
  });

  it('is deterministic but for the entropy', () => {
    const again = (): unknown => {
      const restrictions = { issuedAt, expiresAt: later(60) };
      return deriveSubKey({ parent: key.text, prefix, restrictions, entropy: seededEntropy(3) });
    };
    expect(again()).toEqual(again());
  });

  it('refuses a fourth link', () => {
    expect(derive(three)).toEqual({ ok: false, refusal: { reason: 'too_deep' } });
  });

  it('refuses what would live longer than its parent', () => {
    const refused = derive(one, { expiresAt: later(601) });
    expect(refused).toEqual({ ok: false, refusal: { reason: 'outlives_parent' } });
  });

  it('derives from keys and personal access tokens of this installation, from nothing else', () => {
    const pat = buildSecretToken({ prefix, kind: 'pat', id: 'P'.repeat(17), entropy });
    expect(derive(pat.text).ok).toBe(true);
    const admin = buildSecretToken({ prefix, kind: 'admin', id: 'P'.repeat(17), entropy });
    const other = buildSecretToken({ prefix: 'zz', kind: 'key', id: 'P'.repeat(17), entropy });
    for (const text of [admin.text, other.text, 'sk_live_abc', '', `${one}x`]) {
      expect(derive(text)).toEqual({ ok: false, refusal: { reason: 'no_parent' } });
    }
  });

  it.each([
    ['a life beyond the bound', { expiresAt: later(90 * 86_400 + 1) }],
    ['an end before its beginning', { expiresAt: issuedAt }],
    ['a start that is no moment', { notBefore: 1.5 as UnixSeconds }],
    ['a label with a line break', { label: 'a\nb' }],
    ['a label that is too long', { label: 'a'.repeat(65) }],
    ['a scope with a space', { scopes: ['a b', ''] }],
    ['a path with dot segments', { pathPrefix: '/a/../b' }],
    ['a path without its slash', { pathPrefix: 'a' }],
    ['a method in small letters', { methods: ['get'] }],
    ['an address that is none', { addresses: ['10.0.0.0/8', 'here'] }],
    ['an empty list', { routes: [] }],
    ['too long a list', { routes: Array.from({ length: 33 }, (_, i) => `r${i}`) }],
  ] as const)('refuses %s', (_, more) => {
    expect(derive(key.text, more)).toEqual({
      ok: false,
      refusal: { reason: 'malformed_restriction', member: Object.keys(more)[0] },
    });
  });

  it('refuses what would not fit a text', () => {
    const audiences = Array.from({ length: 32 }, (_, i) =>
      `https://api.example/${i}`.padEnd(120, 'x'),
    );
    expect(derive(key.text, { audiences })).toEqual({
      ok: false,
      refusal: { reason: 'too_long' },
    });
  });
});

describe('verifySubKey', () => {
  it('refuses a chain whose last link was taken off', () => {
    const cut = rewritten(two, (bytes) => {
      const first = lengthOfLink(bytes, 2);
      bytes[1] = 1;
      return Buffer.concat([bytes.subarray(0, 2 + first), bytes.subarray(-32)]);
    });
    expect(verifySubKey(parsed(cut), derivationKey)).toEqual({
      ok: false,
      refusal: { reason: 'wrong_seed' },
    });
  });

  it('refuses a link that was moved under another one', () => {
    const other = derived(key.text, { scopes: ['read', 'write', 'admin'] });
    const moved = rewritten(two, (bytes) => {
      const first = lengthOfLink(bytes, 2);
      const wide = base62BlocksDecode(other.slice(`${prefix}_sub_`.length + 17, -6)) as Uint8Array;
      return Buffer.concat([
        bytes.subarray(0, 2),
        wide.subarray(2, 2 + lengthOfLink(wide, 2)),
        bytes.subarray(2 + first),
      ]);
    });
    expect(verifySubKey(parsed(moved), derivationKey)).toEqual({
      ok: false,
      refusal: { reason: 'bad_signature' },
    });
  });

  it('refuses it at another key, and under another id', () => {
    const other = derivationKeyOf({ keyId: key.id, secret: 'x'.repeat(33) });
    const refused = { ok: false, refusal: { reason: 'bad_signature' } };
    expect(verifySubKey(parsed(one), other)).toEqual(refused);
    expect(verifySubKey({ ...parsed(one), keyId: 'B'.repeat(17) }, derivationKey)).toEqual(refused);
    expect(verifySubKey(parsed(one), new Uint8Array(32).fill(0xff))).toEqual(refused);
    expect(verifySubKey(parsed(one), new Uint8Array(31))).toEqual(refused);
  });

  it('refuses every text in which one byte was changed', () => {
    const length = base62BlocksDecode(two.slice(24, -6))!.length;
    fc.assert(
      fc.property(fc.nat(length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const text = rewritten(two, (bytes) => {
          bytes[at]! ^= change;
          return bytes;
        });
        const read = parseSubKey(text, prefix);
        return !read.ok || !verifySubKey(read.value, derivationKey).ok;
      }),
      { numRuns: 300 },
    );
  });
});

describe('parseSubKey', () => {
  it.each([
    ['malformed', 'mm_sub'],
    ['malformed', 'mm_sub_abc'],
    ['malformed', `${one.slice(0, -7)}-${one.slice(-6)}`],
    ['foreign_prefix', one.replace('mm_', 'zz_')],
    ['unknown_kind', one.replace('_sub_', '_key_')],
    ['bad_checksum', one.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))],
    ['too_long', `mm_sub_${'a'.repeat(4_096)}`],
  ])('refuses as %s: %s', (reason, text) => {
    expect(parseSubKey(text, prefix)).toEqual({ ok: false, refusal: { reason } });
  });

  it.each([
    ['another version', (bytes: Uint8Array) => bytes.with(0, 2)],
    ['no link', (bytes: Uint8Array) => bytes.with(1, 0)],
    ['more links than there are', (bytes: Uint8Array) => bytes.with(1, 2)],
    ['four links', (bytes: Uint8Array) => bytes.with(1, 4)],
    ['bytes behind the seed', (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.alloc(1)])],
    ['half a seed', (bytes: Uint8Array) => bytes.subarray(0, -16)],
    ['nothing', () => new Uint8Array(0)],
  ])('refuses %s', (_, change) => {
    const text = rewritten(one, change);
    expect(parseSubKey(text, prefix)).toEqual({ ok: false, refusal: { reason: 'malformed' } });
  });

  it('refuses a member that it does not know: it may be a restriction', () => {
    const known = rewritten(one, (bytes) => {
      return Buffer.from(
        Buffer.from(bytes).toString('latin1').replace('"label"', '"limit"'),
        'latin1',
      );
    });
    expect(parseSubKey(known, prefix)).toEqual({ ok: false, refusal: { reason: 'malformed' } });
  });
});

describe('base62 in blocks', () => {
  it('gives back what it was given, and takes no second spelling', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = base62BlocksEncode(bytes);
        expect(text).toMatch(/^[0-9A-Za-z]*$/);
        expect([...base62BlocksDecode(text)!]).toEqual([...bytes]);
      }),
    );
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9A-Za-z]{0,100}$/), (text) => {
        const bytes = base62BlocksDecode(text);
        return bytes === undefined || base62BlocksEncode(bytes) === text;
      }),
    );
  });
});

describe('createSubKeyMemory', () => {
  it('remembers what was verified by the same key, and nothing that was refused', () => {
    const memory = createSubKeyMemory({ entriesMax: 4 });
    expect(memory.knows(one, derivationKey)).toBe(false);
    expect(memory.verify(one, parsed(one), derivationKey).ok).toBe(true);
    expect(memory.knows(one, derivationKey)).toBe(true);
    const other = derivationKeyOf({ keyId: key.id, secret: 'y' });
    expect(memory.verify(one, parsed(one), other).ok).toBe(false);
    expect(memory.knows(one, other)).toBe(false);
    expect(memory.knows(one, derivationKey)).toBe(true);
  });
});
