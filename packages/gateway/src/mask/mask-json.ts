/**
 * Masks places of a JSON text. What is not masked stays as it was written, character for character:
 * a number that no double holds exactly must not change on its way. The text was parsed strictly
 * before, so that reading it here needs to look for nothing but its places.
 */
import { createHmac } from 'node:crypto';
import type { MaskAction, MaskRule } from '@mintmark/core';

export interface Masked {
  readonly text: string;
  /** How often each action was taken. */
  readonly counts: ReadonlyMap<MaskAction, number>;
}

/** How far into a rule's path a place has come. */
interface Way {
  readonly rule: MaskRule;
  readonly at: number;
}

/**
 * @param text that `parseJson` took
 * @param hashKey under which values are hashed
 */
export function maskJson(text: string, rules: readonly MaskRule[], hashKey: Uint8Array): Masked {
  const masker = new Masker(text, hashKey);
  const out = masker.value(rules.map((rule) => ({ rule, at: 0 })));
  return { text: out, counts: masker.counts };
}

/** Of several rules for one place the one that shows least. */
const strictness: readonly MaskAction[] = ['remove', 'redact', 'hash', 'last4'];

class Masker {
  readonly counts = new Map<MaskAction, number>();
  readonly #text: string;
  readonly #hashKey: Uint8Array;
  #at = 0;

  constructor(text: string, hashKey: Uint8Array) {
    this.#text = text;
    this.#hashKey = hashKey;
  }

  /** Reads one value. @returns it as it goes on */
  value(ways: readonly Way[]): string {
    this.#space();
    const start = this.#at;
    const first = this.#text[start];
    if (ways.length === 0 || (first !== '{' && first !== '[')) {
      this.#skip();
      return this.#text.slice(start, this.#at);
    }
    return first === '{' ? this.#object(ways) : this.#array(ways);
  }

  #object(ways: readonly Way[]): string {
    const parts: string[] = [];
    this.#at++;
    for (this.#space(); this.#text[this.#at] !== '}'; this.#space()) {
      if (this.#text[this.#at] === ',') {
        this.#at++;
        this.#space();
      }
      const start = this.#at;
      this.#string();
      const name = this.#text.slice(start, this.#at);
      this.#space();
      this.#at++;
      const one = this.#member(JSON.parse(name) as string, ways);
      if (one !== undefined) parts.push(`${name}:${one}`);
    }
    this.#at++;
    return `{${parts.join(',')}}`;
  }

  #array(ways: readonly Way[]): string {
    const parts: string[] = [];
    this.#at++;
    let index = 0;
    for (this.#space(); this.#text[this.#at] !== ']'; this.#space()) {
      if (this.#text[this.#at] === ',') this.#at++;
      const one = this.#member(String(index++), ways);
      if (one !== undefined) parts.push(one);
    }
    this.#at++;
    return `[${parts.join(',')}]`;
  }

  /** @returns undefined where it is gone */
  #member(name: string, ways: readonly Way[]): string | undefined {
    const next: Way[] = [];
    const actions = new Set<MaskAction>();
    for (const way of ways) follow(way, name, next, actions);
    const action = strictness.find((one) => actions.has(one));
    if (action === undefined) return this.value(next);
    this.counts.set(action, (this.counts.get(action) ?? 0) + 1);
    const hidden = this.value([]);
    return action === 'remove' ? undefined : this.#shown(action, hidden);
  }

  #shown(action: Exclude<MaskAction, 'remove'>, hidden: string): string {
    // Nothing is hidden by hiding that there is nothing.
    if (hidden === 'null') return hidden;
    const isText = hidden.startsWith('"');
    if (action === 'hash') {
      const said = isText ? (JSON.parse(hidden) as string) : hidden;
      const digest = createHmac('sha256', this.#hashKey).update(said).digest('base64url');
      return `"hash:${digest.slice(0, 22)}"`;
    }
    const said = isText ? (JSON.parse(hidden) as string) : hidden;
    const isLong = (isText || /^[-0-9]/.test(hidden)) && said.length > 8;
    if (action === 'last4' && isLong) return JSON.stringify(`***${said.slice(-4)}`);
    return isText || action === 'last4' ? '"***"' : 'null';
  }

  #space(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? '.')) this.#at++;
  }

  /** Over a value of any kind, without looking into it. */
  #skip(): void {
    let depth = 0;
    do {
      const char = this.#text[this.#at]!;
      if (char === '"') this.#string();
      else {
        if (char === '{' || char === '[') depth++;
        else if (char === '}' || char === ']') depth--;
        this.#at++;
        if (depth === 0 && !/[{}[\]\s,:]/.test(char)) this.#scalar();
      }
    } while (depth > 0);
  }

  /** The rest of a number, `true`, `false` or `null`. */
  #scalar(): void {
    while (/[^\s,}\]]/.test(this.#text[this.#at] ?? ' ')) this.#at++;
  }

  #string(): void {
    this.#at++;
    while (this.#text[this.#at] !== '"') this.#at += this.#text[this.#at] === '\\' ? 2 : 1;
    this.#at++;
  }
}

/** One step further by a name; where a path has come to its end, its action counts. */
function follow(way: Way, name: string, next: Way[], actions: Set<MaskAction>): void {
  const { rule, at } = way;
  const segment = rule.path[at];
  if (segment === '**') {
    next.push(way);
    follow({ rule, at: at + 1 }, name, next, actions);
    return;
  }
  if (segment !== '*' && segment !== name) return;
  if (at + 1 === rule.path.length) actions.add(rule.action);
  else next.push({ rule, at: at + 1 });
}
