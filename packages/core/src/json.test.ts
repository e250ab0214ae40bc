import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type JsonValue, parseJson } from './json.ts';

function reasonOf(text: string, options?: Parameters<typeof parseJson>[1]): string {
  const result = parseJson(text, options);
  return result.ok ? 'accepted' : result.refusal.reason;
}

describe('parseJson', () => {
  it('accepts what JSON.stringify writes, and returns the same value', () => {
    const value = fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' });
    fc.assert(
      fc.property(value, (input) => {
        // `__proto__` is refused by its own rule.
        const text = JSON.stringify(input);
        fc.pre(!text.includes('__proto__'));
        expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
      }),
      { numRuns: 100 },
    );
  });

  it('accepts nothing that JSON.parse refuses', () => {
    const scraps = fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', 'a', '1', 'null', ' ');
    fc.assert(
      fc.property(fc.array(scraps, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        if (!parseJson(text).ok) return;
        expect(() => JSON.parse(text)).not.toThrow();
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":1}',
    '{"x":[{"b":1,"c":2,"b":3}]}',
    '{"":1,"":1}',
    '{"a\\"":1,"a\\u0022":1}',
    '{"1":1,"1":1}',
  ])('refuses a duplicate name: %s', (text) => {
    expect(reasonOf(text)).toBe('duplicate_key');
  });

  it('lets equal names stand in different objects, and colons and braces inside strings', () => {
    const text = '{"a":{"a":":{[\\\\"},"b":[{"a":"\\":"},{"a":1}]}';
    expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
  });

  it.each([
    '',
    ' ',
    '{',
    '"',
    '"\\',
    '{"a":1}}',
    '{"a":1}x',
    '[1,]',
    '{a:1}',
    "{'a':1}",
    '01',
    'NaN',
    '"\u0001"',
    '\ufeff{}',
    '// c\n1',
  ])('refuses what is not JSON: %j', (text) => {
    expect(reasonOf(text)).toBe('not_json');
  });

  it.each(['1e999', '[-1e999]', '"\\ud800"', '{"\\udc00":1}', '{"a":["\\ud800x"]}', '"\ud800"'])(
    'refuses values that have no faithful form (RFC 7493 §2): %j',
    (text) => {
      expect(reasonOf(text)).toBe('not_json');
    },
  );

  it('accepts an escaped surrogate pair', () => {
    expect(parseJson('"\\ud83d\\ude00"')).toEqual({ ok: true, value: '😀' });
  });

  it.each(['{"__proto__":{"a":1}}', '[{"__proto_\\u005f":null}]'])('refuses %s', (text) => {
    expect(reasonOf(text)).toBe('forbidden_key');
  });

  it('refuses 100,000 nested containers without building them', () => {
    expect(reasonOf('['.repeat(100_000))).toBe('too_deep');
    expect(reasonOf('{"a":'.repeat(100_000))).toBe('too_deep');
    expect(reasonOf(`${'['.repeat(16)}${']'.repeat(16)}`)).toBe('accepted');
    expect(reasonOf(`${'['.repeat(17)}${']'.repeat(17)}`)).toBe('too_deep');
    expect(reasonOf('[[]]', { depthMax: 1 })).toBe('too_deep');
  });

  it('refuses an object of more members than allowed, and counts each object by itself', () => {
    expect(reasonOf('{"a":1,"b":{"c":1,"d":2}}', { membersMax: 2 })).toBe('accepted');
    expect(reasonOf('[{"a":1,"b":2,"c":3}]', { membersMax: 2 })).toBe('too_many_members');
  });
});

describe('canonicalJson', () => {
  it('writes the example of RFC 8785 §3.2.2', () => {
    const input = {
      // biome-ignore lint/correctness/noPrecisionLoss: the literal of the RFC
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000f\u000aA\'\u0042\u0022\u005c\\"\u002f',
      literals: [null, true, false],
    };
    expect(canonicalJson(input)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it('sorts names by UTF-16 code units (RFC 8785 §3.2.3)', () => {
    const input = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      ö: 'Latin Small Letter O With Diaeresis',
    };
    expect(Object.values(JSON.parse(canonicalJson(input)))[0]).toBe('One');
    expect(canonicalJson(input).match(/"[^"]*"(?=})|[A-Z][A-Za-z :]+/g)).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      '"Hebrew Letter Dalet With Dagesh"',
    ]);
  });

  it('is stable under parsing, and blind to the order of members', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })), (object) => {
        fc.pre(!JSON.stringify(object).includes('__proto__'));
        const canonical = canonicalJson(object as JsonValue);
        const reversed = Object.fromEntries(Object.entries(object).reverse());
        expect(canonicalJson(reversed as JsonValue)).toBe(canonical);
        expect(canonicalJson(JSON.parse(canonical))).toBe(canonical);
      }),
    );
  });

  it.each([
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    ['\ud800'],
    [undefined],
    [1n],
    [{ a: undefined }],
  ])('throws on %s, which has no JSON form', (value) => {
    expect(() => canonicalJson(value as JsonValue)).toThrow(TypeError);
  });
});
