/**
 * How much a node writes down of what it sees: so much at once, and so much a second after that.
 * What is ordinary may take the upper half only, so that there is room left for what is not.
 */
import type { Clock } from './clock.ts';
import { limits } from './limits.ts';

export interface KeepBudget {
  /** Whether there is room for one more; takes it if so. */
  take(kind: 'ordinary' | 'notable'): boolean;
  /** How often there was none. */
  readonly refused: number;
}

/** How many decisions a node keeps to be explained. */
export interface KeepRate {
  /** At once; 0: none. */
  readonly burst: number;
  readonly perSecond: number;
}

export const defaultKeepRate: KeepRate = {
  burst: limits.explainedBurst,
  perSecond: limits.explainedPerSecond,
};

export function createKeepBudget(
  clock: Pick<Clock, 'monotonicMs'>,
  { burst, perSecond }: KeepRate = defaultKeepRate,
): KeepBudget {
  let left = burst;
  let atMs = clock.monotonicMs();
  let refused = 0;
  return {
    get refused() {
      return refused;
    },
    take(kind) {
      const now = clock.monotonicMs();
      left = Math.min(burst, left + ((now - atMs) / 1000) * perSecond);
      atMs = now;
      if (left < (kind === 'notable' ? 1 : burst / 2 + 1)) {
        refused++;
        return false;
      }
      left -= 1;
      return true;
    },
  };
}
