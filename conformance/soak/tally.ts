/** What became of everything that was asked, by its number. */
import { createHash } from 'node:crypto';

export const kinds = ['get', 'get-h2', 'post', 'sse', 'websocket', 'grpc', 'grpc-stream'] as const;
export type Kind = (typeof kinds)[number];

export interface Tally {
  /** A number that was never given out before. */
  next(): number;
  answered(kind: Kind): void;
  /** The answer of another, or in the wrong order. */
  swapped(kind: Kind, detail: string): void;
  /** No answer, half of one, or an error that nobody caused. */
  lost(kind: Kind, detail: string): void;
  /** The upstream tells what reached it: what may not be sent twice was, if it says so twice. */
  reached(kind: Kind, n: number): void;
  readonly counts: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
}

export function createTally(): Tally {
  let last = 0;
  const counts: Record<string, number> = {};
  const problems: string[] = [];
  const seen = new Map<Kind, Set<number>>();
  const count = (name: string): void => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  const problem = (what: string, kind: Kind, detail: string): void => {
    count(`${kind} ${what}`);
    if (problems.length < 100) problems.push(`${kind} ${what}: ${detail}`);
  };
  return {
    counts,
    problems,
    next: () => ++last,
    answered: (kind) => count(kind),
    swapped: (kind, detail) => problem('swapped', kind, detail),
    lost: (kind, detail) => problem('lost', kind, detail),
    reached(kind, n) {
      const known = seen.get(kind) ?? new Set();
      seen.set(kind, known);
      if (known.has(n)) problem('doubled', kind, String(n));
      known.add(n);
      // Doubles come close to one another; an hour of numbers is not held.
      if (known.size > 100_000) known.delete(known.values().next().value as number);
    },
  };
}

/** A body that only its number makes. */
export function bodyOf(n: number): Buffer {
  return Buffer.alloc((n * 7919) % 60_000, `${n}.`);
}

export function digestOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}
