/**
 * The real clock, randomness and timers. Imported by composition roots only; everything else takes
 * the ports, so that tests and the simulation decide what time it is. This is the one file in which
 * `Date.now`, timers and the platform's random generator may be named.
 */
import { randomBytes, randomFillSync } from 'node:crypto';
import type { Clock, UnixMs } from './clock.ts';
import type { Entropy } from './entropy.ts';
import type { Timers } from './timers.ts';

export const systemClock: Clock = {
  nowMs: () => Date.now() as UnixMs,
  monotonicMs: () => performance.now(),
};

/**
 * Random bytes are drawn from the platform in blocks: a request needs a dozen small pieces, and
 * each draw costs about a microsecond. A piece is erased from the block as it is handed out, so
 * that no copy of a key stays behind.
 */
function pooledEntropy(): Entropy {
  const block = Buffer.alloc(entropyBlockBytes);
  let next = block.length;
  return {
    bytes(count) {
      if (count > block.length) return randomBytes(count);
      if (next + count > block.length) {
        randomFillSync(block);
        next = 0;
      }
      const piece = Uint8Array.prototype.slice.call(block, next, next + count);
      block.fill(0, next, next + count);
      next += count;
      return piece;
    },
  };
}

const entropyBlockBytes = 4096;

export const systemEntropy: Entropy = pooledEntropy();

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
