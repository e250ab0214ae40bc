import type { MaskRule } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskJson } from './mask-json.ts';

const key = new Uint8Array(32);

function rule(path: string, action: MaskRule['action'] = 'redact'): MaskRule {
  return { path: path.slice(1).split('/'), action, unlessScope: undefined, unlessClaims: [] };
}

const mask = (text: string, ...rules: MaskRule[]) => maskJson(text, rules, key).text;

describe('maskJson', () => {
  it.each([
    ['{"a":1,"b":{"c":"x"}}', rule('/b/c'), '{"a":1,"b":{"c":"***"}}'],
    ['{"a":1,"b":2}', rule('/a', 'remove'), '{"b":2}'],
    ['{"b":2,"a":1}', rule('/a', 'remove'), '{"b":2}'],
    ['{"a":1}', rule('/a', 'remove'), '{}'],
    ['[1,2,3]', rule('/1', 'remove'), '[1,3]'],
    ['[{"a":1},{"a":[2]}]', rule('/*/a'), '[{"a":null},{"a":null}]'],
    [
      '{"x":{"y":{"a":"s","b":[{"a":true}]}},"a":"t"}',
      rule('/**/a'),
      '{"x":{"y":{"a":"***","b":[{"a":null}]}},"a":"***"}',
    ],
    ['{"x":{"a":{"z":1}},"a":{"z":1}}', rule('/**/a/z'), '{"x":{"a":{"z":null}},"a":{"z":null}}'],
    ['{"card":"4111 1111 1111 1111"}', rule('/card', 'last4'), '{"card":"***1111"}'],
    ['{"card":4111111111111111}', rule('/card', 'last4'), '{"card":"***1111"}'],
    ['{"pin":"1234"}', rule('/pin', 'last4'), '{"pin":"***"}'],
    ['{"a":{"b":1}}', rule('/a', 'last4'), '{"a":"***"}'],
    ['{"a":null}', rule('/a'), '{"a":null}'],
    [' { "a" : [ 1 , 2 ] , "b" : "]}\\"" } ', rule('/a/0'), '{"a":[null,2],"b":"]}\\""}'],
    ['{"\\u0061":1}', rule('/a'), '{"\\u0061":null}'],
    ['"text"', rule('/a'), '"text"'],
    ['{"a":1}', rule('/a/b'), '{"a":1}'],
  ] as const)('%s by %j is %s', (text, one, expected) => {
    expect(mask(text, one)).toBe(expected);
  });

  it('takes the action that shows least where several rules meet', () => {
    expect(mask('{"a":"long enough"}', rule('/a', 'last4'), rule('/*', 'remove'))).toBe('{}');
    expect(mask('{"a":"long enough"}', rule('/a', 'last4'), rule('/a', 'hash'))).toMatch(/hash:/);
  });

  it('hashes the same alike, whatever its spelling, and tells nothing of it', () => {
    const [one, other, another] = ['"a"', '"\\u0061"', '"b"'].map((text) => {
      return mask(`{"x":${text}}`, rule('/x', 'hash'));
    });
    expect(one).toBe(other);
    expect(one).not.toBe(another);
    expect(one).toMatch(/^\{"x":"hash:[\w-]{22}"\}$/);
    expect(maskJson('{"x":"a"}', [rule('/x', 'hash')], new Uint8Array(32).fill(1)).text).not.toBe(
      one,
    );
  });

  it('leaves alone what no rule names, digit for digit', () => {
    const text = '{"id":12345678901234567890,"price":1.10,"b":"x"}';
    expect(mask(text, rule('/b'))).toBe('{"id":12345678901234567890,"price":1.10,"b":"***"}');
  });

  it('counts what it masked', () => {
    const { counts } = maskJson(
      '[{"a":1,"b":2},{"a":3}]',
      [rule('/*/a'), rule('/*/b', 'remove')],
      key,
    );
    expect([...counts]).toEqual([
      ['redact', 2],
      ['remove', 1],
    ]);
  });

  it('means what it read, for any JSON', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, 1, ' '), (json, space) => {
        const value = JSON.parse(json);
        const text = JSON.stringify(value, undefined, space);
        expect(JSON.parse(mask(text, rule('/no\0such/name'), rule('/**/no\0such')))).toEqual(value);
      }),
    );
  });
});
