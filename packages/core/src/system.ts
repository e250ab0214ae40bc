/**
 * The real clock, randomness and timers. Imported by composition roots only; everything else takes
 * the ports, so that tests and the simulation decide what time it is. This is the one file in which
 * `Date.now`, timers and the platform's random generator may be named.
 */
import { randomBytes } from 'node:crypto';
import { type Clock, steadyClock, type UnixMs } from './clock.ts';
import { type Entropy, pooledEntropy } from './entropy.ts';
import type { Timers } from './timers.ts';

export const systemClock: Clock = steadyClock({
  nowMs: () => Date.now() as UnixMs,
  monotonicMs: () => performance.now(),
});

export const systemEntropy: Entropy = pooledEntropy({ bytes: (count) => randomBytes(count) });

export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  every(ms, run) {
    const timer = setInterval(run, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};
