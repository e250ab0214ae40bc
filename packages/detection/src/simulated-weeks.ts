/** A caller's traffic hour by hour through baseline and ceiling, for tests. */
import { seededEntropy } from '@mintmark/core';
import {
  advanceBaseline,
  type Baseline,
  feedBaseline,
  openBaseline,
  profileOf,
} from './baseline.ts';
import { type AdaptiveRule, type CeilingFactors, ceilingOf } from './ceiling.ts';
import { type Hour, hoursOfWeek, slotOf, weekOf } from './week.ts';

/** A Monday at midnight. */
export const monday: Hour = 2950 * hoursOfWeek - 72;

export interface Wish {
  readonly count: number;
  readonly factors?: CeilingFactors;
}

export interface SimulatedHour {
  readonly hour: Hour;
  readonly wished: number;
  readonly ceiling: number;
  readonly allowed: number;
}

/** Lets the caller wish for a peak in each hour; what is over the ceiling is denied, not fed. */
export function simulate(
  rule: AdaptiveRule,
  input: {
    readonly weeks: number;
    readonly wish: (hours: number, slot: number) => number | Wish;
    readonly from?: Baseline | undefined;
    readonly start?: Hour;
  },
): { readonly hours: readonly SimulatedHour[]; readonly baseline: Baseline; readonly end: Hour } {
  const start = input.start ?? monday;
  let baseline = input.from ?? openBaseline(rule, start);
  let profile = profileOf(baseline);
  const hours: SimulatedHour[] = [];
  for (let passed = 0; passed < input.weeks * hoursOfWeek; passed++) {
    const hour = start + passed;
    if (weekOf(hour) > baseline.week) {
      baseline = advanceBaseline(rule, baseline, hour);
      profile = profileOf(baseline);
    }
    const wanted = input.wish(passed, slotOf(hour));
    const { count, factors = {} } = typeof wanted === 'number' ? { count: wanted } : wanted;
    const ceiling = ceilingOf(rule, profile, slotOf(hour), factors).value;
    const allowed = Math.min(count, ceiling);
    if (allowed > 0) baseline = feedBaseline(rule, baseline, { hour, peak: allowed });
    hours.push({ hour, wished: count, ceiling, allowed });
  }
  return { hours, baseline, end: start + input.weeks * hoursOfWeek };
}

/** Office hours on weekdays, a little at night, with the scatter of independent requests. */
export function officeTraffic(scale: number, seed = 1): (hours: number, slot: number) => number {
  const draw = uniform(seed);
  return (_hours, slot) => {
    const [day, hour] = [Math.floor(slot / 24), slot % 24];
    const isOffice = day < 5 && hour >= 8 && hour < 18;
    const mean = scale * (isOffice ? 1 : 0.05);
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(draw)));
  };
}

function uniform(seed: number): () => number {
  const entropy = seededEntropy(seed);
  return () => {
    const [a = 0, b = 0, c = 0] = entropy.bytes(3);
    return (a * 65_536 + b * 256 + c + 1) / 16_777_217;
  };
}

/** Box and Muller. */
function normal(draw: () => number): number {
  return Math.sqrt(-2 * Math.log(draw())) * Math.cos(2 * Math.PI * draw());
}
