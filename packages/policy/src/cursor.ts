/** A place in a row of tokens: what the parsers of policies and of schemas walk with. */
import { isIdentifier } from './entity-uid.ts';
import type { Token } from './lexer.ts';
import { Problem } from './policy-error.ts';

export class Cursor {
  readonly #tokens: readonly Token[];
  #at = 0;
  #nesting = 0;

  /** @param tokens ends with the `end` token, beyond which nothing moves */
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get token(): Token {
    return this.#tokens[this.#at]!;
  }

  /** The token after the current one. */
  get next(): Token {
    return this.#tokens[Math.min(this.#at + 1, this.#tokens.length - 1)]!;
  }

  /** Where the token before the current one ended. */
  get endOfLast(): number {
    return this.#at === 0 ? 0 : this.#tokens[this.#at - 1]!.end;
  }

  advance(): Token {
    const token = this.token;
    if (token.kind !== 'end') this.#at += 1;
    return token;
  }

  /** Whether the current token is this symbol. */
  isSymbol(text: string): boolean {
    return this.token.kind === 'symbol' && this.token.text === text;
  }

  /** Whether the current token is this word. */
  isWord(text: string): boolean {
    return this.token.kind === 'name' && this.token.text === text;
  }

  /** Steps over the symbol if it stands here. */
  takeSymbol(text: string): boolean {
    const found = this.isSymbol(text);
    if (found) this.#at += 1;
    return found;
  }

  takeWord(text: string): boolean {
    const found = this.isWord(text);
    if (found) this.#at += 1;
    return found;
  }

  expectSymbol(text: string): Token {
    if (!this.isSymbol(text)) this.fail(`expected "${text}"`);
    return this.advance();
  }

  expectKind(kind: Token['kind'], wanted: string): Token {
    if (this.token.kind !== kind) this.fail(`expected ${wanted}`);
    return this.advance();
  }

  /** A name that is no reserved word. */
  expectIdentifier(wanted: string): Token {
    const token = this.expectKind('name', wanted);
    if (!isIdentifier(token.text)) {
      throw new Problem('syntax', `${token.text} is a reserved word`, token.start);
    }
    return token;
  }

  /** Steps to behind the next `;`, so that the rest of a text is judged as well. */
  skipPast(symbol: string): void {
    while (this.token.kind !== 'end') {
      const found = this.isSymbol(symbol);
      this.#at += 1;
      if (found) return;
    }
  }

  /** Runs one level deeper; parsers recurse, and a stranger's text must not end the stack. */
  nested<T>(levelsMax: number, read: () => T): T {
    if (this.#nesting >= levelsMax) {
      throw new Problem('too_deep', `nested deeper than ${levelsMax} levels`, this.token.start);
    }
    this.#nesting += 1;
    try {
      return read();
    } finally {
      this.#nesting -= 1;
    }
  }

  fail(wanted: string): never {
    const { kind, text, start } = this.token;
    const found = kind === 'end' ? text : JSON.stringify(text);
    throw new Problem('syntax', `${wanted}, found ${found}`, start);
  }
}
