import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { manualClock } from './clock.ts';
import { limits } from './limits.ts';
import {
  createPressure,
  noPressure,
  type PressureState,
  priorities,
  stepPressure,
} from './pressure.ts';

const boundMs = 100;

function after(delays: readonly number[], from: PressureState = noPressure): PressureState {
  return delays.reduce((state, delayMs) => stepPressure(state, delayMs, boundMs), from);
}

describe('stepPressure', () => {
  it.each([
    [[], 0],
    [[99, 99, 99], 0],
    [[100], 0],
    [[10_000], 0],
    [[100, 100], 1],
    [[250, 250], 2],
    [[500, 500], 3],
    // The lower of the two counts.
    [[10_000, 100], 1],
    [[100, 0, 100, 0], 0],
  ])('takes two late samples in a row for a load: %j is level %i', (delays, level) => {
    expect(after(delays).level).toBe(level);
  });

  it('goes down a step a second, once it is calm', () => {
    const loaded = after([500, 500]);
    expect(after(Array(9).fill(0), loaded).level).toBe(3);
    expect(after(Array(10).fill(0), loaded).level).toBe(2);
    expect(after(Array(30).fill(0), loaded).level).toBe(0);
    expect(after(Array(90).fill(0), loaded)).toEqual(noPressure);
  });

  it('holds its level in between, and counts calm from the beginning again', () => {
    const loaded = after([100, 100]);
    expect(after(Array(100).fill(60), loaded).level).toBe(1);
    expect(after([...Array(9).fill(0), 60, ...Array(9).fill(0)], loaded).level).toBe(1);
  });

  it('never sheds more than any two samples in a row asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1000 })), (delays) => {
        const most = delays.slice(1).map((delay, index) => Math.min(delay, delays[index]!));
        const level = after(delays).level;
        if (level > 0) expect(Math.max(...most)).toBeGreaterThanOrEqual(boundMs);
        expect(level).toBeLessThanOrEqual(3);
      }),
    );
  });
});

describe('createPressure', () => {
  function open(bound = boundMs) {
    const clock = manualClock(0);
    let sample = (): void => {};
    const timers = {
      after: () => () => {},
      every(_ms: number, run: () => void) {
        sample = run;
        return () => {
          sample = () => {};
        };
      },
    };
    const pressure = createPressure({ clock, timers }, bound);
    const run = (...delays: readonly number[]): void => {
      for (const delay of delays) {
        clock.advanceMs(limits.pressureSampleMs + delay);
        sample();
      }
    };
    const shed = () => priorities.filter((priority) => pressure.sheds(priority));
    return { pressure, run, shed };
  }

  it('turns away from the least on, and never what is vital', () => {
    const { pressure, run, shed } = open();
    expect(shed()).toEqual([]);
    run(120, 120);
    expect(shed()).toEqual(['low']);
    run(300, 300);
    expect(shed()).toEqual(['low', 'normal']);
    run(9_000, 9_000);
    expect(shed()).toEqual(['low', 'normal', 'high']);
    expect(pressure.level).toBe(3);
    run(...Array(30).fill(0));
    expect(shed()).toEqual([]);
  });

  it('turns nobody away where the bound is 0, nor once it was stopped', () => {
    const off = open(0);
    off.run(9_000, 9_000);
    expect(off.shed()).toEqual([]);
    const stopped = open();
    stopped.pressure.stop();
    stopped.run(9_000, 9_000);
    expect(stopped.shed()).toEqual([]);
  });
});
