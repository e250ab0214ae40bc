/**
 * Finds secret tokens in bytes of any kind: sources, logs, binaries. A token's body is one run of
 * 56 or 64 base62 characters, so the search leaps from one possible end of a run to the next and
 * looks at a tenth of the bytes; what stands before a run then says whether it is a body, and the
 * checksum whether it is a token. So no prefix has to be known, and nothing else is taken for one:
 * a chance text would have to have the whole form and hit 32 bits of checksum.
 *
 * Wrapped forms: base64 of ASCII letters, digits and `_` is itself nothing but base62, so the same
 * runs lead to tokens inside base64 (Basic credentials, Kubernetes secrets), unless it is broken
 * into lines; and `%5F` for `_`. JSON and URLs escape nothing in a token. What must never happen: a
 * text that leads to a false alarm, or a time that is not linear in the length.
 */
import { limits } from '@mintmark/core';
import { isTokenPrefix, parseSecretToken, type SecretTokenKind } from './api-key.ts';
import { parseSubKey } from './sub-key.ts';

export interface FoundToken {
  readonly prefix: string;
  /** `sub`: a sub-key; its id is that of the key that it was derived from. */
  readonly kind: SecretTokenKind | 'sub';
  /** Public: what may be shown of it. */
  readonly id: string;
  /** The token itself: never to be shown or written down. */
  readonly text: string;
  /** Offsets of its first byte and of the byte behind its last, wrapping included. */
  readonly start: number;
  readonly end: number;
  readonly form: 'plain' | 'percent' | 'base64';
}

export interface TokenScan {
  /** Takes the next piece. @returns tokens that end in it, at offsets from the first piece on */
  push(piece: Uint8Array): readonly FoundToken[];
}

/** The shortest body; every token has a run of at least so many base62 characters. */
const bodyCharsMin = 56;
const bodyChars = [bodyCharsMin, 64] as const;
/** Longer than the longest sub-key in base64: what a junction shows of each side. */
const reachBytes = Math.ceil((limits.subKeyCharsMax * 4) / 3) + 8;
/** `‹prefix›_‹kind›`, its `_` spelled in either way. */
const headPattern = /([a-z0-9]{2,})(_|%5[Ff])([a-z]{2,5})$/;
const headCharsMax = 12 + 3 + 5;
const prefixCharsMax = 12;
const prefixCharsMin = 2;
/** Groups of base64 that lie wholly inside of the shortest token, less two for the ends. */
const groupsMin = 18;
/** From the first character of the first of them to that of the last. */
const groupsReach = (groupsMin - 1) * 4;

const wordBytes = classOf(/[0-9A-Za-z]/);
const base64Bytes = classOf(/[0-9A-Za-z+/_-]/);
/** First characters of a base64 group whose first byte is base62 or `_`. */
const groupBytes = classOf(/[MNOQ-Za-e]/);
const underscore = 0x5f;
const percent = 0x25;

/**
 * Looks through a stream piece by piece, whatever the pieces are: each token is told once, with the
 * piece in which it ends.
 *
 * @param prefixes only tokens of these installations; default: of every one
 */
export function createTokenScan(prefixes?: readonly string[]): TokenScan {
  const wanted = prefixes === undefined ? undefined : new Set(prefixes);
  let tail: Uint8Array = new Uint8Array(0);
  let seen = 0;
  return {
    push(piece) {
      const junction = Buffer.concat([tail, piece.subarray(0, reachBytes)]);
      const found: FoundToken[] = [];
      if (tail.length > 0) {
        const from = seen - tail.length;
        findAll(junction, wanted, (token) => {
          // What lies on one side alone is told by the search there.
          if (token.start < tail.length && token.end > tail.length) found.push(moved(token, from));
        });
      }
      findAll(piece, wanted, (token) => found.push(moved(token, seen)));
      seen += piece.length;
      tail =
        piece.length >= reachBytes
          ? piece.slice(-reachBytes)
          : junction.subarray(Math.max(0, junction.length - reachBytes));
      return found;
    },
  };
}

function moved(token: FoundToken, by: number): FoundToken {
  return by === 0 ? token : { ...token, start: token.start + by, end: token.end + by };
}

type Tell = (found: FoundToken) => void;
type Wanted = ReadonlySet<string> | undefined;

function findAll(bytes: Uint8Array, wanted: Wanted, tell: Tell): void {
  eachRun(bytes, (start, end) => {
    const plain = tokenAt(bytes, { start, end }, wanted);
    if (plain !== undefined) tell(plain);
    else inBase64(bytes, { start, end }, wanted, tell);
  });
}

/** Visits each run of base62 that is long enough for a body, from both ends to the break. */
function eachRun(bytes: Uint8Array, visit: (start: number, end: number) => void): void {
  const { length } = bytes;
  let start = 0;
  while (start + bodyCharsMin <= length) {
    // From the far end back: one other byte rules out every run that would have to span it.
    let at = start + bodyCharsMin - 1;
    while (at >= start && wordBytes[bytes[at]!] === 1) at--;
    if (at >= start) {
      start = at + 1;
      continue;
    }
    let end = start + bodyCharsMin;
    while (end < length && wordBytes[bytes[end]!] === 1) end++;
    visit(start, end);
    start = end + 1;
  }
}

interface Run {
  readonly start: number;
  readonly end: number;
}

/** The token whose body the run begins with. */
function tokenAt(bytes: Uint8Array, run: Run, wanted: Wanted): FoundToken | undefined {
  const before = bytes[run.start - 1];
  const isEscaped = before === percent && isFiveF(bytes, run.start);
  if (before !== underscore && !isEscaped) return undefined;
  const bodyStart = run.start + (isEscaped ? 2 : 0);
  const headEnd = run.start - 1;
  const head = latin1(bytes, Math.max(0, headEnd - headCharsMax), headEnd);
  const [, letters, link = '', kind = ''] = headPattern.exec(head) ?? [];
  if (letters === undefined) return undefined;
  const form = isEscaped || link !== '_' ? 'percent' : 'plain';
  const prefixEnd = headEnd - kind.length - link.length;
  // A sub-key is as long as its run.
  const ends = kind === 'sub' ? [run.end] : bodyChars.map((chars) => bodyStart + chars);
  for (const end of ends) {
    if (end > run.end || end - bodyStart > limits.subKeyCharsMax) break;
    const rest = `_${kind}_${latin1(bytes, bodyStart, end)}`;
    const token = withPrefix(letters, rest, wanted);
    if (token === undefined) continue;
    return { ...token, start: prefixEnd - token.prefix.length, end, form };
  }
  return undefined;
}

/**
 * What stands before a token may be letters too (`%20mm_key_…`, `\nmm_key_…`): the checksum covers
 * the prefix, and so tells where it begins.
 */
function withPrefix(
  letters: string,
  rest: string,
  wanted: Wanted,
): Omit<FoundToken, 'start' | 'end' | 'form'> | undefined {
  const longest = Math.min(prefixCharsMax, letters.length);
  for (let chars = prefixCharsMin; chars <= longest; chars++) {
    const prefix = letters.slice(-chars);
    if (wanted !== undefined && !wanted.has(prefix)) continue;
    const text = prefix + rest;
    if (!isTokenPrefix(prefix)) continue;
    const token = parseSecretToken(text, prefix);
    if (token.ok) return { prefix, kind: token.value.kind, id: token.value.id, text };
    if (!rest.startsWith('_sub_')) continue;
    const subKey = parseSubKey(text, prefix);
    if (subKey.ok) return { prefix, kind: 'sub', id: subKey.value.keyId, text };
  }
  return undefined;
}

/**
 * Tokens in what may be base64. Where it is, the first character of each group of four is one of 15
 * as long as the token lasts; which of the four places is the first, nobody says.
 */
function inBase64(bytes: Uint8Array, run: Run, wanted: Wanted, tell: Tell): void {
  for (let shift = 0; shift < 4; shift++) {
    let start = run.start + shift;
    while (start + groupsReach < run.end) {
      // As above: from the far end back, in steps of a group.
      let at = start + groupsReach;
      while (at >= start && groupBytes[bytes[at]!] === 1) at -= 4;
      if (at >= start) {
        start = at + 4;
        continue;
      }
      let end = start + groupsReach + 4;
      while (end < run.end && groupBytes[bytes[end]!] === 1) end += 4;
      inGroups(bytes, { start, end }, wanted, tell);
      start = end + 4;
    }
  }
}

function inGroups(bytes: Uint8Array, { start, end }: Run, wanted: Wanted, tell: Tell): void {
  // A token's first and last bytes may share their group with others, of an earlier piece too.
  const from = start - 4;
  let text = '';
  for (let at = from; at < Math.min(end + 4, bytes.length); at++) {
    // What is no base64 would shift the places of all that follows.
    text += base64Bytes[bytes[at] ?? 0] === 1 ? String.fromCharCode(bytes[at]!) : 'A';
  }
  const inner = Buffer.from(text, 'base64');
  eachRun(inner, (runStart, runEnd) => {
    const token = tokenAt(inner, { start: runStart, end: runEnd }, wanted);
    if (token === undefined) return;
    tell({
      ...token,
      start: from + Math.floor((token.start * 4) / 3),
      end: from + Math.ceil((token.end * 4) / 3),
      form: 'base64',
    });
  });
}

function isFiveF(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x35 && (bytes[at + 1] === 0x46 || bytes[at + 1] === 0x66);
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

function classOf(pattern: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) =>
    pattern.test(String.fromCharCode(code)) ? 1 : 0,
  );
}
