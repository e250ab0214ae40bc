/** Every operator and function on every pair of values that it might stumble over. */
import { addresses, datetimes, decimals, durations, malformed, texts } from './world.ts';
import { quoted } from './write-policy.ts';

const longs = [
  ...['0', '1', '-1', '7', '4294967296', '9007199254740991', '9007199254740993'],
  ...['-9007199254740993', '9223372036854775807', '-9223372036854775808'],
];
const patterns = [
  ...[
    '',
    '*',
    'a',
    'a*',
    '*c',
    'a*c',
    'a\\*c',
    '*b*',
    'a**c',
    '*a*a*',
    '*ab*b',
    'ab*bc',
    '*\\u{1f600}',
  ],
  ...['x\\n*', 'ä*', '*äö*'],
];
const entities = ['User::"a"', 'Group::"g"', 'Group::"top"', 'Ghost::"a"', 'Group::"gone"'];
const sets = ['[]', '[1]', '[1, 1, 2]', '[2, 1]', '["1"]', '[[1], []]', '[User::"a"]', manyOf(30)];
const values = [
  ...['true', 'false', '0', '1', '9007199254740993', '""', '"a"', '"1"', ...sets, ...entities],
  ...['{}', '{a: 1}', '{"a": 1, b: {}}', '{b: {}, a: 1}', 'context', 'ip("10.0.0.1")'],
  ...['ip("10.0.0.1/32")', 'ip("::ffff:a00:1")', 'decimal("1.0")', 'decimal("1.0000")'],
  ...['datetime("1970-01-01")', 'duration("0ms")', 'duration("1d")', 'duration("24h")'],
];

function manyOf(count: number): string {
  const items = Array.from({ length: count }, (_, index) => `{n: [${index}, ${index + 1}]}`);
  return `[${items.join(', ')}, "a", 1, User::"a", ip("10.0.0.1"), 9007199254740993]`;
}

const calls = (name: string, list: readonly string[]): string[] =>
  [...list, ...malformed].map((text) => `${name}(${quoted(text)})`);

const ips = calls('ip', addresses);
const moments = [
  ...calls('datetime', datetimes),
  'datetime("1969-12-31T00:00:00Z")',
  'datetime("1970-01-01").offset(duration("9223372036854775807ms"))',
  'datetime("1970-01-01").offset(duration("-9223372036854775808ms"))',
];
const spans = calls('duration', durations);
const numbers = calls('decimal', decimals);

/** Conditions: true, false or failing; never with a template, always parsed. */
export function expressions(): string[] {
  return [
    ...unary(ips, ['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast']),
    ...methods(ips, 'isInRange', ips),
    ...['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'].flatMap((name) =>
      methods(numbers, name, numbers),
    ),
    ...pairs(['+', '-', '*'], longs, longs).map((sum) => `(${sum}) == 0 || (${sum}) > 5`),
    ...pairs(['<', '<=', '>', '>='], longs, longs),
    ...pairs(['<', '>='], moments, moments.slice(0, 3)),
    ...pairs(['<', '>='], spans, spans.slice(0, 3)),
    ...pairs(['==', '!=', '<'], values, values),
    ...methods(sets, 'contains', values),
    ...['containsAll', 'containsAny'].flatMap((name) => methods(values, name, sets)),
    ...unary(values, ['isEmpty']),
    ...pairs(['in'], [...entities, 'principal', '1'], [...values, 'principal', '[principal, 1]']),
    ...[...texts, 'aXa', 'abbc', 'abc abc'].flatMap((text) =>
      patterns.map((pattern) => `${quoted(text)} like "${pattern}"`),
    ),
    ...values.flatMap((value) => [`${value} like "a"`, `!(${value})`, `-(${value}) == 0`]),
    ...values.flatMap((value) => [`${value} has a`, `${value} has a.b`, `(${value})["a"] == 1`]),
    ...values.flatMap((value) => [`${value} is User`, `${value} is User in Group::"top"`]),
    ...values.flatMap((value) => [`${value} && true`, `true || ${value}`, `false || ${value}`]),
    ...values.flatMap((value) => [`(if ${value} then 1 else 2) == 1`, `ip(${value}) == 1`]),
    ...values.flatMap((value) => [`principal.hasTag(${value})`, `${value}.getTag("t") == 1`]),
    ...longs.flatMap((value) => [`-(${value}) < 0`, `--${value.replace('-', '')} == 1 || true`]),
    ...moments.flatMap((moment) => [
      `${moment}.toDate() == datetime("1969-12-31")`,
      `${moment}.toDate() <= ${moment}`,
      `${moment}.toTime() >= duration("0ms")`,
      `${moment}.toTime() == duration("23h59m59s999ms")`,
      ...spans.map((span) => `${moment}.offset(${span}) > datetime("1970-01-01")`),
      ...moments.map((other) => `${moment}.durationSince(${other}) > duration("1d")`),
    ]),
    ...spans.flatMap((span) =>
      ['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'].flatMap((name) =>
        ['-1', '0', '1', '93784'].map((value) => `${span}.${name}() == ${value}`),
      ),
    ),
  ].filter((text) => !text.includes('9223372036854775808') || !text.includes('--9'));
}

function unary(targets: readonly string[], names: readonly string[]): string[] {
  return targets.flatMap((target) => names.map((name) => `${target}.${name}()`));
}

function methods(targets: readonly string[], name: string, args: readonly string[]): string[] {
  return targets.flatMap((target) => args.map((one) => `(${target}).${name}(${one})`));
}

function pairs(
  operators: readonly string[],
  left: readonly string[],
  right: readonly string[],
): string[] {
  return left.flatMap((one) =>
    right.flatMap((other) => operators.map((operator) => `${one} ${operator} ${other}`)),
  );
}
