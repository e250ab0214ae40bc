/** Policies that are nearly right: where parsers disagree, if they do. */
import type { Random } from './random.ts';

const pieces = [
  ...['principal', 'action', 'resource', 'context', 'permit', 'forbid', 'when', 'unless'],
  ...['true', 'false', 'if', 'then', 'else', 'in', 'is', 'has', 'like', '__cedar'],
  ...['==', '!=', '<', '<=', '>', '>=', '=', '||', '&&', '+', '-', '*', '/', '%', '!'],
  ...['@', '.', ',', ';', ':', '::', '(', ')', '{', '}', '[', ']', '?principal', '?x', '?'],
  ...['0', '007', '9223372036854775807', '9223372036854775808', '18446744073709551616'],
  ...['"a"', '""', '"\\x41"', '"\\x80"', '"\\u{1F600}"', '"\\u{d800}"', '"\\u{1_0}"', '"\\*"'],
  ...['"\\u{}"', '"\\u{_1}"', '"\\u{0000001}"', '"\\\n"', '"a\nb"', '"a\rb"', '"\\q"', '"'],
  ...['User', 'User::"a"', 'App::Doc', 'Action::"read"', '{a: 1}', '["a"]', '// x\n', '//'],
  ...['a', '_', 'A1', 'é', '\u00a0', '\ufeff', '\u2028', '\t', '\r\n', '\0', '&', '|', "'"],
  ...['contains', 'isEmpty', 'ip', 'decimal', 'isIpv4', 'getTag', 'offset', 'lessThan', 'frob'],
  ...['.contains(1)', '.isEmpty()', '.ip("a")', 'ip("a")', 'isIpv4(1)', '.isIpv4(1, 2)', '()'],
];

/** One to three changes: a token or a character is dropped, doubled, moved or replaced. */
export function mutate(random: Random, text: string): string {
  let mutated = text;
  for (let count = 1 + random.below(3); count > 0; count -= 1) {
    mutated = random.chance(70) ? changeToken(random, mutated) : changeCharacter(random, mutated);
  }
  return mutated;
}

function changeToken(random: Random, text: string): string {
  const tokens = text.match(/\s+|\w+|"(?:\\.|[^"\\])*"|::|[=!<>]=|&&|\|\||./gsu) ?? [''];
  const at = random.below(tokens.length);
  const other = random.below(tokens.length);
  const token = tokens[at]!;
  switch (random.below(5)) {
    case 0:
      tokens.splice(at, 1);
      break;
    case 1:
      tokens.splice(at, 0, token);
      break;
    case 2:
      tokens[at] = tokens[other]!;
      tokens[other] = token;
      break;
    case 3:
      tokens[at] = random.pick(pieces);
      break;
    default:
      tokens.splice(at, 0, random.pick(pieces));
  }
  return tokens.join('');
}

function changeCharacter(random: Random, text: string): string {
  const at = random.below(text.length);
  const middle = random.chance(50) ? '' : String.fromCharCode(random.below(128));
  return text.slice(0, at) + middle + text.slice(at + random.below(2));
}
