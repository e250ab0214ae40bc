import { describe, expect, it } from 'vitest';
import { pointerToken } from './pointer-token.ts';

describe('pointerToken', () => {
  it.each([
    ['name', 'name'],
    ['access_token_signing_alg', 'access_token_signing_alg'],
    ['a/b~c', 'a~1b~0c'],
    ['12', '12'],
    ['', ''],
  ])('shows %j', (name, shown) => expect(pointerToken(name)).toBe(shown));

  it.each([
    'Kw7qPzV3nXhR9tLm',
    `mm_key_${'a1B2'.repeat(12)}`,
    `eyJhbGciOiJFUzI1NiJ9.${'x'.repeat(40)}.${'y'.repeat(40)}`,
    'a'.repeat(65),
  ])('leaves out %j, which may be a secret', (name) => expect(pointerToken(name)).toBe('…'));
});
