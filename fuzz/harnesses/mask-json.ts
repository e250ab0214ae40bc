import { type MaskRule, parseJson } from '@mintmark/core';
import { maskJson } from '../../packages/gateway/src/mask/mask-json.ts';
import { type Harness, invariant, utf8Text } from '../harness.ts';

const rule = (path: string, action: MaskRule['action']): MaskRule => ({
  ...{ path: path.split('/'), action, unlessScope: undefined, unlessClaims: [] },
});
const rules = [
  rule('a', 'remove'),
  rule('*/b', 'last4'),
  rule('**/c', 'redact'),
  rule('d', 'hash'),
];

export const maskJsonHarness: Harness = {
  name: 'mask-json',
  seeds: [
    '{"a":1,"x":{"b":"4111111111111111","c":[1,{"c":null}]},"d":"e"}',
    ...['[1,{"b":2},[3]]', '{"\\u0061":"]}","d":1.50e3}', ' [ { "b" : { } } , [ ] ] ', '"c"', '{}'],
    '{"c":{"a":"\\"","c":[true,false]},"n":12345678901234567890}',
  ],
  dictionary: [
    '"a":',
    '"b":',
    '"c":',
    '"d":',
    '{',
    '}',
    '[',
    ']',
    ',',
    '"\\""',
    '\\',
    'null',
    '-1e9',
    ' ',
  ],
  run(input) {
    const text = utf8Text(input);
    const before = parseJson(text);
    if (!before.ok) return before.refusal.reason;
    const { text: masked, counts } = maskJson(text, rules, new Uint8Array(32));
    const after = parseJson(masked);
    invariant(after.ok, 'a masked text that is no JSON');
    const again = maskJson(masked, [rule('a', 'remove')], new Uint8Array(32));
    invariant(!again.counts.has('remove'), 'something that was to go');
    if (counts.size === 0) {
      invariant(JSON.stringify(after.value) === JSON.stringify(before.value), 'changed by nothing');
    }
    return [...counts.keys()].sort().join(' ') || 'nothing masked';
  },
};
