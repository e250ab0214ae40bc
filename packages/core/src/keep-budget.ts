/**
 * How much a node writes down of what it sees: so much at once, and so much a second after that.
 * What is ordinary may take the upper half only, so that there is room left for what is not.
 */
import type { Clock } from './clock.ts';
import { limits } from './limits.ts';

export interface KeepBudget {
  /** Whether there is room for one more; takes it if so. */
  take(kind: 'ordinary' | 'notable'): boolean;
}

export function createKeepBudget(
  clock: Pick<Clock, 'monotonicMs'>,
  burst: number = limits.explainedBurst,
  perSecond: number = limits.explainedPerSecond,
): KeepBudget {
  let left = burst;
  let atMs = clock.monotonicMs();
  return {
    take(kind) {
      const now = clock.monotonicMs();
      left = Math.min(burst, left + ((now - atMs) / 1000) * perSecond);
      atMs = now;
      if (left < (kind === 'notable' ? 1 : burst / 2 + 1)) return false;
      left -= 1;
      return true;
    },
  };
}
