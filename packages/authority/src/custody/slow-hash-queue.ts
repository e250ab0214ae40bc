/**
 * A bounded place for bcrypt and argon2: few at once, few waiting, the rest turned away. They run
 * on the platform's thread pool, never on the event loop, so that a flood of slow checks costs the
 * fast ones nothing.
 */
import { limits } from '@mintmark/core';

export interface SlowHashQueue {
  /** @returns what the work returned, or `busy` where there is no room; then it did not start */
  run<T>(work: () => Promise<T>): Promise<T | 'busy'>;
}

export function createSlowHashQueue(
  options: { readonly concurrencyMax: number; readonly queueMax: number } = {
    concurrencyMax: limits.slowHashConcurrencyMax,
    queueMax: limits.slowHashQueueMax,
  },
): SlowHashQueue {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    async run(work) {
      if (running >= options.concurrencyMax) {
        if (waiting.length >= options.queueMax) return 'busy';
        // Whoever finishes hands its place over, so that `running` counts it already.
        await new Promise<void>((resolve) => waiting.push(resolve));
      } else {
        running++;
      }
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) running--;
        else next();
      }
    },
  };
}
