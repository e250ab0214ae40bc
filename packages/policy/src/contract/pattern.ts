/**
 * Regular expressions of schemas, matched in time that grows with the text and the pattern and with
 * nothing else: all ways through the pattern are walked at once (Thompson 1968), so none is ever
 * tried again. What would need going back, back references and looking around, is refused when the
 * pattern is read. Single characters are judged by the platform's own engine, so that classes and
 * Unicode properties mean what ECMA-262 says.
 */
import { err, limits, ok, type Result } from '@mintmark/core';

/** Whether the pattern is found in the text, anywhere, as JSON Schema means it. */
export type Pattern = (text: string) => boolean;

export interface PatternRefusal {
  readonly reason: 'bad_pattern';
  readonly message: string;
}

type CharTest = (code: number) => boolean;

type Step =
  | { readonly do: 'char'; readonly test: CharTest }
  /** Goes on in two places. */
  | { readonly do: 'fork'; a: number; b: number }
  | { readonly do: 'assert'; readonly what: Assertion }
  | { readonly do: 'found' };

type Assertion = 'start' | 'end' | 'boundary' | 'inside';

type Node =
  | { readonly is: 'char'; readonly test: CharTest }
  | { readonly is: 'assert'; readonly what: Assertion }
  | { readonly is: 'all' | 'any'; readonly parts: readonly Node[] }
  | { readonly is: 'repeat'; readonly of: Node; readonly least: number; readonly most: number };

/** Reads a pattern. @param source as ECMA-262 has it, flag `u` */
export function compilePattern(source: string): Result<Pattern, PatternRefusal> {
  if (source.length > limits.patternCharsMax) return refuse('is too long');
  try {
    new RegExp(source, 'u');
  } catch {
    return refuse('is no regular expression');
  }
  try {
    const node = new Reader(source).read();
    const steps: Step[] = [];
    write(node, steps);
    steps.push({ do: 'found' });
    return ok((text) => isFound(steps, text));
  } catch (error) {
    if (error instanceof Unreadable) return refuse(error.message);
    throw error;
  }
}

function refuse(message: string): Result<never, PatternRefusal> {
  return err({ reason: 'bad_pattern', message });
}

/** Thrown and caught within this file. */
class Unreadable extends Error {}

class Reader {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  read(): Node {
    return this.#alternatives();
  }

  #alternatives(): Node {
    if (++this.#depth > 32) throw new Unreadable('nests too deep');
    const parts = [this.#sequence()];
    while (this.#source[this.#at] === '|') {
      this.#at++;
      parts.push(this.#sequence());
    }
    this.#depth--;
    return parts.length === 1 ? parts[0]! : { is: 'any', parts };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#source.length && !'|)'.includes(this.#source[this.#at]!)) {
      parts.push(this.#quantified(this.#atom()));
    }
    return { is: 'all', parts };
  }

  #atom(): Node {
    const char = this.#source[this.#at]!;
    switch (char) {
      case '^':
      case '$':
        this.#at++;
        return { is: 'assert', what: char === '^' ? 'start' : 'end' };
      case '(':
        return this.#group();
      case '[':
        return this.#oneOf(/\[(?:[^\]\\]|\\.)*\]/suy);
      case '\\':
        return this.#escape();
      default:
        // One whole character, outside of the basic plane too.
        return this.#oneOf(/./suy);
    }
  }

  #group(): Node {
    const open = this.#take(/\((?:\?:|\?<[^=!][^>]*>|(?!\?))/uy);
    if (open === undefined) throw new Unreadable('looks ahead or behind, which is not supported');
    const inner = this.#alternatives();
    this.#at++;
    return inner;
  }

  #escape(): Node {
    if (this.#take(/\\b/uy)) return { is: 'assert', what: 'boundary' };
    if (this.#take(/\\B/uy)) return { is: 'assert', what: 'inside' };
    if (/\\(?:[1-9]|k)/uy.test(this.#source.slice(this.#at, this.#at + 2))) {
      throw new Unreadable('refers back to a group, which is not supported');
    }
    return this.#oneOf(
      /\\(?:[pP]\{[^}]*\}|u\{[0-9A-Fa-f]+\}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|c[A-Za-z]|.)/suy,
    );
  }

  #oneOf(token: RegExp): Node {
    const source = this.#take(token);
    if (source === undefined) throw new Unreadable('cannot be read');
    return { is: 'char', test: testOf(source) };
  }

  #quantified(of: Node): Node {
    const found = this.#take(/[*+?]\??|\{[0-9]+(?:,[0-9]*)?\}\??/uy);
    if (found === undefined) return of;
    const [least, most] = boundsOf(found);
    if (least > limits.patternStepsMax || (most !== Infinity && most > limits.patternStepsMax)) {
      throw new Unreadable('repeats too often; say it by maxLength');
    }
    return { is: 'repeat', of, least, most };
  }

  #take(token: RegExp): string | undefined {
    token.lastIndex = this.#at;
    const found = token.exec(this.#source)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}

function boundsOf(quantifier: string): readonly [number, number] {
  if (quantifier.startsWith('*')) return [0, Infinity];
  if (quantifier.startsWith('+')) return [1, Infinity];
  if (quantifier.startsWith('?')) return [0, 1];
  const [, least = '0', comma, most] = /^\{([0-9]+)(,?)([0-9]*)/.exec(quantifier) ?? [];
  if (comma === '') return [Number(least), Number(least)];
  return [Number(least), most === '' ? Infinity : Number(most)];
}

/** One character by the platform's engine; ASCII once and for all. */
function testOf(source: string): CharTest {
  const single = new RegExp(`^${source === '/' ? '\\/' : source}$`, 'u');
  const ascii = Uint8Array.from({ length: 128 }, (_, code) =>
    single.test(String.fromCharCode(code)) ? 1 : 0,
  );
  return (code) => (code < 128 ? ascii[code] === 1 : single.test(String.fromCodePoint(code)));
}

function write(node: Node, steps: Step[]): void {
  if (steps.length > limits.patternStepsMax) {
    throw new Unreadable('is too large; say repetition by maxLength');
  }
  switch (node.is) {
    case 'char':
      steps.push({ do: 'char', test: node.test });
      return;
    case 'assert':
      steps.push({ do: 'assert', what: node.what });
      return;
    case 'all':
      for (const part of node.parts) write(part, steps);
      // What writes nothing could be repeated for ever before it is too large.
      if (node.parts.length === 0) pass(steps);
      return;
    case 'any':
      writeAny(node.parts, steps);
      return;
    case 'repeat':
      writeRepeat(node, steps);
  }
}

/** A step that only goes on. */
function pass(steps: Step[]): void {
  steps.push({ do: 'fork', a: steps.length + 1, b: steps.length + 1 });
}

function writeAny(parts: readonly Node[], steps: Step[]): void {
  const ends: { a: number; b: number }[] = [];
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    const fork = { do: 'fork' as const, a: steps.length + 1, b: 0 };
    if (!isLast) steps.push(fork);
    write(part, steps);
    if (isLast) break;
    const end = { do: 'fork' as const, a: 0, b: 0 };
    steps.push(end);
    ends.push(end);
    fork.b = steps.length;
  }
  for (const end of ends) end.a = end.b = steps.length;
}

function writeRepeat(
  { of, least, most }: Extract<Node, { readonly is: 'repeat' }>,
  steps: Step[],
): void {
  if (most === 0) pass(steps);
  for (let count = 0; count < least; count++) write(of, steps);
  if (most === Infinity) {
    const fork = { do: 'fork' as const, a: steps.length + 1, b: 0 };
    steps.push(fork);
    write(of, steps);
    const back = steps.indexOf(fork);
    steps.push({ do: 'fork', a: back, b: back });
    fork.b = steps.length;
    return;
  }
  const forks: { b: number }[] = [];
  for (let count = least; count < most; count++) {
    const fork = { do: 'fork' as const, a: steps.length + 1, b: 0 };
    steps.push(fork);
    forks.push(fork);
    write(of, steps);
  }
  for (const fork of forks) fork.b = steps.length;
}

/** Places in the pattern that are reached after the text so far, each once. */
class Places {
  readonly #marks: Uint32Array;
  readonly list: number[] = [];
  #mark = 1;

  constructor(size: number) {
    this.#marks = new Uint32Array(size);
  }

  clear(): void {
    this.list.length = 0;
    this.#mark++;
  }

  /** @returns false where it was there */
  add(place: number): boolean {
    if (this.#marks[place] === this.#mark) return false;
    this.#marks[place] = this.#mark;
    return true;
  }
}

function isFound(steps: readonly Step[], text: string): boolean {
  let now = new Places(steps.length);
  let next = new Places(steps.length);
  let before: number | undefined;
  for (let at = 0; ; ) {
    const code = text.codePointAt(at);
    // It may begin anywhere.
    if (reach(steps, now, 0, before, code)) return true;
    if (code === undefined) return false;
    at += code > 0xffff ? 2 : 1;
    const after = text.codePointAt(at);
    next.clear();
    for (const place of now.list) {
      const step = steps[place]!;
      if (step.do !== 'char' || !step.test(code)) continue;
      if (reach(steps, next, place + 1, code, after)) return true;
    }
    [now, next] = [next, now];
    before = code;
  }
}

/** Goes wherever no character is needed. @returns whether the end of the pattern is reached */
function reach(
  steps: readonly Step[],
  places: Places,
  from: number,
  before: number | undefined,
  after: number | undefined,
): boolean {
  const todo = [from];
  for (let place = todo.pop(); place !== undefined; place = todo.pop()) {
    if (!places.add(place)) continue;
    const step = steps[place]!;
    if (step.do === 'found') return true;
    if (step.do === 'char') places.list.push(place);
    else if (step.do === 'fork') todo.push(step.b, step.a);
    else if (holds(step.what, before, after)) todo.push(place + 1);
  }
  return false;
}

function holds(what: Assertion, before: number | undefined, after: number | undefined): boolean {
  switch (what) {
    case 'start':
      return before === undefined;
    case 'end':
      return after === undefined;
    case 'boundary':
      return isWord(before) !== isWord(after);
    case 'inside':
      return isWord(before) === isWord(after);
  }
}

function isWord(code: number | undefined): boolean {
  return code !== undefined && code < 128 && /\w/.test(String.fromCharCode(code));
}
