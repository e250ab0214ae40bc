import { limits, manualClock } from '@mintmark/core';
import { expect, it } from 'vitest';
import { createStoreClock } from './store-clock.ts';

it('is the clock of the only process where the store has none', async () => {
  const clock = manualClock(5_000);
  const now = createStoreClock({ nowMs: async () => undefined }, clock);
  expect(await now()).toBe(5_000);
});

it('goes by the store’s clock, whatever this machine’s says, and asks now and then', async () => {
  const clock = manualClock(1_000_000);
  let asked = 0;
  let storeMs = 50_000;
  const upkeep = {
    async nowMs() {
      asked++;
      return storeMs;
    },
  };
  const now = createStoreClock(upkeep, clock);
  expect(await now()).toBe(50_000);
  clock.advanceMs(100);
  clock.setWallMs(9);
  expect(await now()).toBe(50_100);
  expect(asked).toBe(1);
  clock.advanceMs(limits.storeClockMs);
  storeMs = 77_000;
  expect(await now()).toBe(77_000);
  expect(asked).toBe(2);
});

it('counts what the answer took by half', async () => {
  const clock = manualClock(0);
  const upkeep = {
    async nowMs() {
      clock.advanceMs(40);
      return 1_000;
    },
  };
  expect(await createStoreClock(upkeep, clock)()).toBe(1_020);
});
