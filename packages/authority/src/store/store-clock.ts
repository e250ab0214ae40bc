/**
 * The clock that all nodes share, where what is exact hangs on a moment: the database's own, where
 * there is one. It is asked now and then, and carried on by this process's monotonic clock, so that
 * nodes whose clocks differ refill at the same moment. The error is half of what asking took.
 */
import { type Clock, limits } from '@mintmark/core';
import type { StoreUpkeep } from './store.ts';

/** @returns what tells milliseconds since 1970; it throws StoreFault where nobody answers */
export function createStoreClock(
  upkeep: Pick<StoreUpkeep, 'nowMs'>,
  clock: Pick<Clock, 'nowMs' | 'monotonicMs'>,
): () => Promise<number> {
  let known: { readonly offsetMs: number; readonly untilMs: number } | undefined;
  return async () => {
    const startedMs = clock.monotonicMs();
    if (known !== undefined && startedMs < known.untilMs) {
      return Math.floor(startedMs + known.offsetMs);
    }
    const storeMs = await upkeep.nowMs();
    // One process has the store to itself: its clock is the only one.
    if (storeMs === undefined) return clock.nowMs();
    const endedMs = clock.monotonicMs();
    const offsetMs = storeMs - (startedMs + endedMs) / 2;
    known = { offsetMs, untilMs: endedMs + limits.storeClockMs };
    return Math.floor(endedMs + offsetMs);
  };
}
