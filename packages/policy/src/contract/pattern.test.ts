import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePattern } from './pattern.ts';

function isFound(source: string, text: string): boolean | string {
  const pattern = compilePattern(source);
  return pattern.ok ? pattern.value(text) : pattern.refusal.message;
}

/** Patterns put together from what schemas hold. */
const atom = fc.constantFrom(
  ...['a', 'b', 'ab', '.', '\\d', '\\w', '[a-c]', '[^b]', '\\.', '\\b', '^', '$', '\\p{L}', 'ä'],
  ...['(?:a|b)', '(a|ab)', '(?<n>b|)', '\\u0061', '[\\]x]', '😀', '\\s', '-', '/'],
);
const quantifier = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,3}', '{0,}', '*?');
const piece = fc.tuple(atom, quantifier).map(([one, many]) => {
  return /^(?:\\b|[$^])$/.test(one) ? one : one + many;
});
const source = fc
  .array(fc.array(piece, { maxLength: 4 }), { minLength: 1, maxLength: 3 })
  .map((alternatives) => alternatives.map((parts) => parts.join('')).join('|'));

describe('compilePattern', () => {
  it('finds what the platform finds', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', 'c', 'ä', '1', '.', ' ', '😀', '-', '/'),
    });
    fc.assert(
      fc.property(source, text, (one, said) => {
        let wanted: boolean;
        try {
          wanted = new RegExp(one, 'u').test(said);
        } catch {
          return;
        }
        expect(isFound(one, said)).toBe(wanted);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is as fast where others try for ever', () => {
    const text = `${'a'.repeat(9_999)}!`;
    for (const evil of [
      '^(a+)+$',
      '^(a|a)*$',
      '^(a|aa)+$',
      '^a*a*a*a*a*$',
      '(.*)*,(.*)*',
      '(x+x+)+y',
    ]) {
      expect(isFound(evil, text)).toBe(false);
    }
  });

  it.each([
    ['(?=a)b', /looks/],
    ['(?<!a)b', /looks/],
    ['(a)\\1', /refers back/],
    ['(?<n>a)\\k<n>', /refers back/],
    ['(', /no regular/],
    ['a{5000}', /too often/],
    ['(?:a{100}){100}', /too large/],
    ['(?:(?:(?:(?:){2000}){2000}){2000}){2000}', /too large/],
    ['(?:(?:(?:(?:a){0}){2000}){2000}){2000}', /too large/],
    ['('.repeat(40) + ')'.repeat(40), /too deep/],
    ['a'.repeat(1_001), /too long/],
  ])('refuses %s', (evil, message) => {
    expect(isFound(evil, '')).toMatch(message);
  });
});
