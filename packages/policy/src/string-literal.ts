/** The escapes of Cedar's strings: those of Rust, and `\*` in patterns. */
import { Problem } from './policy-error.ts';

const simpleEscapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  '0': '\0',
  "'": "'",
  '"': '"',
};

/**
 * @param raw what stands between the quotes
 * @param offset where the text stands, for the error
 * @throws Problem for an escape that Cedar does not know
 */
export function unescapeString(raw: string, offset: number): string {
  return unescapeParts(raw, offset, { stars: false }).join('');
}

/**
 * The pattern of `like`: the literal pieces between its wildcards, so that `a*b` has two and a
 * pattern without a wildcard has one.
 */
export function unescapePattern(raw: string, offset: number): readonly string[] {
  return unescapeParts(raw, offset, { stars: true });
}

function unescapeParts(raw: string, offset: number, options: { stars: boolean }): string[] {
  const parts: string[] = [];
  let current = '';
  for (let at = 0; at < raw.length; ) {
    const character = raw[at]!;
    if (character === '\\') {
      if (options.stars && raw[at + 1] === '*') {
        current += '*';
        at += 2;
        continue;
      }
      const found = readEscape(raw, at);
      if (found === undefined) {
        const shown = JSON.stringify(raw.slice(at, at + 2));
        throw new Problem('syntax', `${shown} begins no valid escape`, offset + at);
      }
      current += found.text;
      at = found.end;
    } else if (character === '*' && options.stars) {
      parts.push(current);
      current = '';
      at += 1;
    } else if (character === '\r') {
      throw new Problem('syntax', 'a bare carriage return in a string', offset + at);
    } else {
      current += character;
      at += 1;
    }
  }
  parts.push(current);
  return parts;
}

function readEscape(raw: string, at: number): { text: string; end: number } | undefined {
  const name = raw[at + 1] ?? '';
  const simple = Object.hasOwn(simpleEscapes, name) ? simpleEscapes[name] : undefined;
  if (simple !== undefined) return { text: simple, end: at + 2 };
  if (name === 'x') {
    const digits = /^[0-7][0-9a-fA-F]$/.exec(raw.slice(at + 2, at + 4))?.[0];
    if (digits === undefined) return undefined;
    return { text: String.fromCharCode(Number.parseInt(digits, 16)), end: at + 4 };
  }
  if (name !== 'u' || raw[at + 2] !== '{') return undefined;
  const close = raw.indexOf('}', at + 3);
  if (close === -1) return undefined;
  const digits = raw.slice(at + 3, close);
  if (!/^[0-9a-fA-F][0-9a-fA-F_]*$/.test(digits)) return undefined;
  const plain = digits.replaceAll('_', '');
  if (plain.length > 6) return undefined;
  const code = Number.parseInt(plain, 16);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  return { text: String.fromCodePoint(code), end: close + 1 };
}
