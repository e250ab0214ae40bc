import { compilePattern } from '../../packages/policy/src/contract/pattern.ts';
import { type Harness, invariant, utf8Text } from '../harness.ts';

const text = 'ab1 ä.-/😀aab';

/** The pattern before the first line break, and behind it the text that it is looked for in. */
export const compilePatternHarness: Harness = {
  name: 'compile-pattern',
  seeds: [
    ...['^[a-z]+$\nabc', '(?:a|b){1,3}\nab', '\\d+\\.\\d{2}\n1.25', '(a+)+$\naaaaab', '\\p{L}\nä'],
    ...[
      '(?=a)\na',
      '(a)\\1\naa',
      '[\\]^-]\n]',
      '\\bword\\b\na word',
      'a{2,}?\naaa',
      '(?<n>x)\nx',
      '',
    ],
  ],
  dictionary: [
    ...['(', ')', '(?:', '[', ']', '[^', '{1,3}', '{0}', '*', '+', '?', '|', '^', '$', '.', '\\'],
    ...['\\d', '\\w', '\\s', '\\b', '\\B', '\\p{L}', '\\u0061', '-', ',', '\n', '}', '😀'],
  ],
  run(input) {
    const [source = '', ...rest] = utf8Text(input).slice(0, 200).split('\n');
    const pattern = compilePattern(source);
    if (!pattern.ok) return pattern.refusal.message;
    const said = rest.length === 0 ? text : rest.join('\n');
    // Short, so that the platform's own engine, which can be slow, ends too.
    if (said.length > 24) return 'long text';
    const found = pattern.value(said);
    invariant(found === new RegExp(source, 'u').test(said), 'another language than ECMA-262');
    return found ? 'found' : 'not found';
  },
};
