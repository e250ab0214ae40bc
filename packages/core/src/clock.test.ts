import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { manualClock, steadyClock, type UnixMs } from './clock.ts';

const hourMs = 3_600_000;

describe('steadyClock', () => {
  it('un-expires nothing when the clock is set back, and lengthens nothing', () => {
    const machine = manualClock(1_000_000);
    const clock = steadyClock(machine);
    machine.setWallMs(1_000_000 - hourMs);
    expect(clock.nowMs()).toBe(1_000_000);
    machine.advanceMs(5_000);
    expect(clock.nowMs()).toBe(1_005_000);
  });

  it('goes on from a moment that was shown before it began', () => {
    const machine = manualClock(1_000_000);
    const clock = steadyClock(machine, { fromMs: 1_030_000 as UnixMs });
    expect(clock.nowMs()).toBe(1_030_000);
    machine.advanceMs(10_000);
    expect(clock.nowMs()).toBe(1_040_000);
    machine.setWallMs(1_050_000);
    expect(clock.nowMs()).toBe(1_050_000);
  });

  it('follows the machine again once that has caught up', () => {
    const machine = manualClock(1_000_000);
    const clock = steadyClock(machine);
    machine.setWallMs(1_000_000 - hourMs);
    clock.nowMs();
    machine.advanceMs(10_000);
    machine.setWallMs(1_012_000);
    expect(clock.nowMs()).toBe(1_012_000);
    machine.advanceMs(1);
    expect(clock.nowMs()).toBe(1_012_001);
  });

  it('follows the machine when it is set forward', () => {
    const machine = manualClock(1_000_000);
    const clock = steadyClock(machine);
    machine.setWallMs(1_000_000 + hourMs);
    expect(clock.nowMs()).toBe(1_000_000 + hourMs);
  });

  it('is not carried away by a wall that is slewed below the monotonic side', () => {
    const machine = manualClock(1_000_000);
    const clock = steadyClock(machine);
    for (let i = 1; i <= 10_000; i++) {
      machine.advanceMs(1_000);
      machine.setWallMs(1_000_000 + i * 999);
      clock.nowMs();
    }
    expect(clock.nowMs()).toBe(machine.nowMs());
  });

  it('never shows an earlier moment than before, whatever the machine does', () => {
    const step = fc.record({
      ms: fc.integer({ min: 0, max: 10_000 }),
      wallMs: fc.option(fc.integer({ min: 0, max: 2_000_000 })),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const machine = manualClock(1_000_000);
        const clock = steadyClock(machine);
        let before = clock.nowMs();
        for (const { ms, wallMs } of steps) {
          machine.advanceMs(ms);
          if (wallMs !== null) machine.setWallMs(wallMs);
          const now = clock.nowMs();
          expect(now).toBeGreaterThanOrEqual(before);
          before = now;
        }
      }),
    );
  });
});
