/**
 * One harness a parser: what it is fed at first, and what must hold whatever it is fed. A new
 * parser gets a file in `harnesses/` and a line in `harnesses.ts`.
 */
export interface Harness {
  /** As `--target` spells it, and the folder of its corpus. */
  readonly name: string;
  /** Inputs to begin with, good and bad. The saved corpus comes on top. */
  readonly seeds: readonly (string | Uint8Array)[];
  /** Pieces that mean something to this parser. */
  readonly dictionary: readonly string[];
  /**
   * Feeds the parser once. Throws where an invariant is broken; the parser itself throwing is one.
   *
   * @returns what the parser did, in a word or two (such as the refusal's reason): an input that
   *   makes it do something new is kept and mutated further
   */
  run(input: Uint8Array): string;
}

/** Ends a harness run: the invariant that the message names does not hold. */
export class Violation extends Error {}

export function invariant(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Violation(message);
}

/** Bytes as text of one character each: every input is some text, and no two are the same. */
export function latin1(input: Uint8Array): string {
  return Buffer.from(input).toString('latin1');
}

/** Bytes as UTF-8, as most parsers meet them; malformed sequences become U+FFFD. */
export function utf8Text(input: Uint8Array): string {
  return Buffer.from(input).toString('utf8');
}
