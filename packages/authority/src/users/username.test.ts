import { limits } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseUsername } from './username.ts';

const keyOf = (text: string) => {
  const parsed = parseUsername(text);
  return parsed.ok ? parsed.value.key : parsed.refusal.reason;
};

describe('parseUsername', () => {
  it.each([
    ['Alice', 'ALICE'],
    ['alice', 'ａｌｉｃｅ'],
    ['straße', 'STRASSE'],
    ['ſam', 'Sam'],
    ['ΟΔΥΣΣΕΥΣ', 'οδυσσευς'],
    ['οδυσσευσ', 'οδυσσευς'],
    ['zoë', 'zoe\u0308'],
    ['ﬁona', 'Fiona'],
    ['İpek', 'i\u0307pek'],
    ['bob@Example.com', 'BOB@example.COM'],
    ['Å', '\u212b'],
  ])('takes %j and %j for one name', (one, other) => {
    expect(keyOf(one)).toBe(keyOf(other));
  });

  it.each([
    ['alice', 'аlice'],
    ['alice', 'alice1'],
    ['o', '0'],
    ['zoë', 'zoe'],
  ])('keeps %j and %j apart', (one, other) => {
    expect(keyOf(one)).not.toBe(keyOf(other));
  });

  it.each([
    ['nothing', ''],
    ['a space', ' '],
    ['a space in front', ' alice'],
    ['a space behind', 'alice '],
    ['a no-break space behind', 'alice\u00a0'],
    ['two spaces', 'al  ice'],
    ['a control', 'al\u0000ice'],
    ['a line break', 'al\nice'],
    ['a zero width joiner', 'al\u200dice'],
    ['a soft hyphen', 'al\u00adice'],
    ['a turn of direction', 'al\u202eice'],
    ['a Hangul filler', '\u3164'],
    ['a filler that NFKC leaves', 'a\u115f'],
    ['the blank of Braille', '\u2800'],
    ['a selector', 'a\ufe0f'],
    ['a private character', 'a\ue000'],
    ['half a surrogate pair', 'a\ud800'],
    ['only marks', '\u0301\u0301'],
    ['only punctuation', '...'],
    ['too much', 'a'.repeat(limits.usernameCharsMax + 1)],
    ['too much after NFKC', '\ufdfa'.repeat(20)],
  ])('refuses %s', (_, text) => {
    expect(keyOf(text)).toBe('malformed_username');
  });

  it('takes an address of any length that there is', () => {
    expect(keyOf(`${'a'.repeat(64)}@${'b'.repeat(185)}.com`)).toHaveLength(254);
  });

  it('gives the same key for the key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }), (text) => {
        const key = keyOf(text);
        expect(keyOf(key)).toBe(key);
      }),
      { seed: 7, numRuns: 5_000 },
    );
  });
});
