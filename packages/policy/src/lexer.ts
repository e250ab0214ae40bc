/**
 * Cedar text into tokens (Cedar 4.5, grammar of policies; the schema form uses the same). One pass,
 * no regular expression, so that no text costs more than its length.
 */
import { Problem } from './policy-error.ts';

export type TokenKind = 'name' | 'number' | 'string' | 'slot' | 'symbol' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** As written; of a string what stands between the quotes, escapes and all. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const pairs = new Set(['::', '==', '!=', '<=', '>=', '||', '&&']);
const singles = new Set('@.,;:(){}[]<>+-*/%!=?'.split(''));
/** Characters with the Unicode property White_Space beyond ASCII. */
const wideSpaces = new Set('\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000'.split(''));

/**
 * @param tokensMax more tokens than this are refused as too large
 * @throws Problem at the first character that begins no token
 */
export function tokenize(text: string, tokensMax: number): Token[] {
  const tokens: Token[] = [];
  for (let at = skipBlank(text, 0); at < text.length; ) {
    if (tokens.length >= tokensMax) {
      throw new Problem('too_large', `more than ${tokensMax} tokens`, at);
    }
    const token = readToken(text, at);
    tokens.push(token);
    at = skipBlank(text, token.end);
  }
  tokens.push({ kind: 'end', text: 'end of text', start: text.length, end: text.length });
  return tokens;
}

function readToken(text: string, start: number): Token {
  const code = text.charCodeAt(start);
  if (isLetter(code)) {
    const end = endOfName(text, start);
    return { kind: 'name', text: text.slice(start, end), start, end };
  }
  if (isDigit(code)) {
    let end = start + 1;
    while (isDigit(text.charCodeAt(end))) end += 1;
    return { kind: 'number', text: text.slice(start, end), start, end };
  }
  const character = text[start]!;
  if (character === '"') return readString(text, start);
  if (character === '?' && isLetter(text.charCodeAt(start + 1))) {
    const end = endOfName(text, start + 1);
    return { kind: 'slot', text: text.slice(start, end), start, end };
  }
  const pair = text.slice(start, start + 2);
  if (pairs.has(pair)) return { kind: 'symbol', text: pair, start, end: start + 2 };
  if (singles.has(character)) {
    return { kind: 'symbol', text: character, start, end: start + 1 };
  }
  throw new Problem('syntax', `unexpected character ${JSON.stringify(character)}`, start);
}

function readString(text: string, start: number): Token {
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') {
      return { kind: 'string', text: text.slice(start + 1, at), start, end: at + 1 };
    }
    if (character === '\\') {
      at += 1;
      // A backslash cannot hide the end of a line.
      if (text[at] === '\n') break;
    }
  }
  throw new Problem('syntax', 'a string without its closing quote', start);
}

function skipBlank(text: string, start: number): number {
  let at = start;
  while (at < text.length) {
    if (isSpace(text, at)) {
      at += 1;
    } else if (text.startsWith('//', at)) {
      at += 2;
      while (at < text.length && text[at] !== '\n' && text[at] !== '\r') at += 1;
    } else {
      break;
    }
  }
  return at;
}

function isSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return wideSpaces.has(text[at]!) || (code >= 0x2000 && code <= 0x200a);
}

function endOfName(text: string, start: number): number {
  let end = start + 1;
  while (isLetter(text.charCodeAt(end)) || isDigit(text.charCodeAt(end))) end += 1;
  return end;
}

function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
