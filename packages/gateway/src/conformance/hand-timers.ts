/** Timers that run when a test moves the clock. */
import type { ManualClock, Timers } from '@mintmark/core';

interface Due {
  atMs: number;
  readonly everyMs: number | undefined;
  readonly run: () => void;
}

export class HandTimers implements Timers {
  readonly #clock: ManualClock;
  readonly #due = new Set<Due>();

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  after(ms: number, run: () => void): () => void {
    return this.#add({ atMs: this.#clock.monotonicMs() + ms, everyMs: undefined, run });
  }

  every(ms: number, run: () => void): () => void {
    return this.#add({ atMs: this.#clock.monotonicMs() + ms, everyMs: ms, run });
  }

  /** Moves the clock, running what falls due on the way, in order. */
  advance(ms: number): void {
    const endMs = this.#clock.monotonicMs() + ms;
    for (;;) {
      const [next] = [...this.#due].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > endMs) break;
      this.#clock.advanceMs(Math.max(0, next.atMs - this.#clock.monotonicMs()));
      if (next.everyMs === undefined) this.#due.delete(next);
      else next.atMs += next.everyMs;
      next.run();
    }
    this.#clock.advanceMs(endMs - this.#clock.monotonicMs());
  }

  #add(due: Due): () => void {
    this.#due.add(due);
    return () => this.#due.delete(due);
  }
}
