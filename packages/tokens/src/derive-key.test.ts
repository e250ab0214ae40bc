import { hkdfSync } from 'node:crypto';
import { utf8 } from '@mintmark/core';
import { expect, it } from 'vitest';
import { derivedKeyBytes, deriveKey } from './derive-key.ts';

it.each([
  ['secret', 'purpose'],
  ['', ''],
  ['x'.repeat(200), 'a\0b é'],
])('is HKDF-SHA-256 of %j for %j', (secret, info) => {
  const expected = hkdfSync('sha256', secret, new Uint8Array(0), info, derivedKeyBytes);
  expect(deriveKey(secret, utf8(info))).toEqual(Buffer.from(expected));
});
