import type { UnixMs } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  advanceBaseline,
  decodeBaseline,
  encodeBaseline,
  feedBaseline,
  openBaseline,
  profileOf,
} from './baseline.ts';
import { type AdaptiveRule, ceilingOf } from './ceiling.ts';
import { packCount, unknownCount, unpackCount } from './packed-count.ts';
import { decodeProfile, encodeProfile, isGoodAt, learnedHour } from './profile.ts';
import { monday, officeTraffic, simulate } from './simulated-weeks.ts';
import { endOfWeek, hourOf, hoursOfWeek, slotOf, weekOf } from './week.ts';

const rule: AdaptiveRule = {
  ...{ quota: 200, floor: 20, ceiling: 5_000 },
  ...{ growthPerWeek: 1.5, headroom: 4 },
};

function topsByWeek(hours: ReturnType<typeof simulate>['hours']): readonly number[] {
  const tops = new Map<number, number>();
  for (const { hour, ceiling } of hours) {
    tops.set(weekOf(hour), Math.max(tops.get(weekOf(hour)) ?? 0, ceiling));
  }
  return [...tops.values()];
}

const anyRule: fc.Arbitrary<AdaptiveRule> = fc
  .record({
    floor: fc.integer({ min: 1, max: 500 }),
    more: fc.integer({ min: 0, max: 2_000 }),
    most: fc.integer({ min: 0, max: 900_000 }),
    growthPerWeek: fc.double({ min: 1, max: 4, noNaN: true }),
    headroom: fc.double({ min: 1, max: 20, noNaN: true }),
  })
  .map(({ floor, more, most, ...rest }) => {
    return { floor, quota: floor + more, ceiling: floor + more + most, ...rest };
  });

describe('a caller that nothing is known of', () => {
  it('has the static quota through its first week', () => {
    const { hours } = simulate(rule, { weeks: 1, wish: officeTraffic(100) });
    expect(new Set(hours.map(({ ceiling }) => ceiling))).toEqual(new Set([200]));
  });

  it('has it again after five weeks away', () => {
    const { baseline, end } = simulate(rule, { weeks: 3, wish: officeTraffic(100) });
    const later = end + 5 * hoursOfWeek;
    const profile = profileOf(advanceBaseline(rule, baseline, later));
    expect(ceilingOf(rule, profile, 10, {})).toMatchObject({ value: 200, basis: 'static' });
  });

  it('is known in the hours of the week in which it was seen first', () => {
    const wednesday = monday + 48;
    const { baseline } = simulate(rule, { weeks: 1, wish: () => 50, start: wednesday });
    const profile = profileOf(advanceBaseline(rule, baseline, monday + hoursOfWeek));
    expect(learnedHour(profile, 20)).toBeUndefined();
    expect(learnedHour(profile, 60)?.median).toBe(50);
  });
});

describe('a caller whose weeks are known', () => {
  const learned = simulate(rule, { weeks: 4, wish: officeTraffic(100) });
  const next = { from: learned.baseline, start: learned.end };

  it('is never denied while it does what it always did', () => {
    const { hours } = simulate(rule, { ...next, weeks: 8, wish: officeTraffic(100, 7) });
    expect(hours.filter(({ wished, ceiling }) => wished > ceiling)).toEqual([]);
  });

  it('is bounded far below the static ceiling', () => {
    const { hours } = simulate(rule, { ...next, weeks: 1, wish: () => 0 });
    const office = hours[10]!.ceiling;
    expect(office).toBeGreaterThan(350);
    expect(office).toBeLessThan(550);
    expect(Math.max(...hours.map(({ ceiling }) => ceiling))).toBeLessThan(600);
  });

  it('passes with a launch: everybody two and a half times of the usual for two days', () => {
    for (let caller = 0; caller < 20; caller++) {
      const usual = officeTraffic(100, 50 + caller);
      const wish = (hours: number, slot: number) => usual(hours, slot) * (hours < 48 ? 2.5 : 1);
      const { hours } = simulate(rule, { ...next, weeks: 1, wish });
      expect(hours.filter(({ wished, ceiling }) => wished > ceiling)).toEqual([]);
    }
  });

  it('passes with a backfill: all night at what is usual at its busiest, with good answers', () => {
    const usual = officeTraffic(100, 3);
    const good = { answers: { total: 500, failed: 5 } };
    const wish = (hours: number, slot: number) =>
      hours >= 18 && hours < 32 ? { count: 100, factors: good } : usual(hours, slot);
    const { hours } = simulate(rule, { ...next, weeks: 1, wish });
    expect(hours.filter(({ wished, ceiling }) => wished > ceiling)).toEqual([]);
  });

  it('is left little where half of its answers fail', () => {
    const failing = { answers: { total: 100, failed: 60 } };
    const wish = () => ({ count: 400, factors: failing });
    const { hours } = simulate(rule, { ...next, weeks: 1, wish });
    const ceilings = hours.map(({ ceiling }) => ceiling);
    expect(Math.max(...ceilings)).toBeLessThan(200);
  });

  it('does not learn a flood of one week', () => {
    const before = profileOf(learned.baseline).busiest;
    const flooded = simulate(rule, { ...next, weeks: 1, wish: () => 1_000_000 });
    const after = profileOf(advanceBaseline(rule, flooded.baseline, flooded.end));
    expect(after.busiest).toBeLessThan(before * 1.2);
    expect(Math.max(...flooded.hours.map(({ allowed }) => allowed))).toBeLessThan(600);
  });

  it('keeps every weekly top within the growth of the rule under a slow ramp', () => {
    const usual = officeTraffic(100, 5);
    const wish = (hours: number, slot: number) => usual(hours, slot) * 1.05 ** Math.min(hours, 600);
    const { hours } = simulate(rule, { ...next, weeks: 16, wish });
    const tops = topsByWeek(hours);
    for (const [place, top] of tops.entries()) {
      if (place === 0) continue;
      expect(top).toBeLessThanOrEqual(Math.max(rule.quota, tops[place - 1]! * 1.5) + 1);
    }
    // Without the bound it would be at the rule's ceiling in the second week of the ramp.
    expect(tops[3]).toBeLessThanOrEqual(tops[0]! * 1.5 ** 3 + 3);
    expect(Math.max(...tops)).toBeLessThanOrEqual(rule.ceiling);
  });
});

describe('whatever a caller does', () => {
  const wishes = fc.array(
    fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 10_000_000 })),
    { minLength: 7, maxLength: 60 },
  );

  it('floor, ceiling and growth hold in every hour', () => {
    fc.assert(
      fc.property(
        anyRule,
        wishes,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (any, some, failed) => {
          const wish = (hours: number) => ({
            count: some[hours % some.length]!,
            factors: { answers: { total: 100, failed: Math.round(failed * 100) } },
          });
          const { hours } = simulate(any, { weeks: 4, wish });
          const tops = topsByWeek(hours);
          for (const { ceiling } of hours) {
            expect(ceiling).toBeGreaterThanOrEqual(any.floor);
            expect(ceiling).toBeLessThanOrEqual(any.ceiling);
          }
          for (const [place, top] of tops.entries()) {
            const before = tops
              .slice(0, place)
              .reduce((most, one) => Math.max(most, one), any.quota);
            expect(top).toBeLessThanOrEqual(before * any.growthPerWeek + 1);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it('the order of reports within two weeks changes nothing', () => {
    const reports = fc.array(
      fc.record({ hour: fc.integer({ min: 0, max: 167 }), peak: fc.integer({ min: 0, max: 15 }) }),
      { maxLength: 12 },
    );
    const feedAll = (seen: readonly { hour: number; peak: number }[]) =>
      seen.reduce(
        (known, { hour, peak }) => feedBaseline(rule, known, { hour: monday + hour, peak }),
        openBaseline(rule, monday),
      );
    fc.assert(
      fc.property(reports, (seen) => {
        const forth = encodeBaseline(feedAll(seen));
        expect(encodeBaseline(feedAll(seen.toReversed()))).toEqual(forth);
      }),
    );
  });
});

describe('clocks and late reports', () => {
  const { baseline, end } = simulate(rule, { weeks: 4, wish: officeTraffic(100) });

  it('takes a late report of last week, and none of a week that is longer closed', () => {
    const inNext = advanceBaseline(rule, baseline, end);
    const late = feedBaseline(rule, inNext, { hour: end - 1, peak: 7 });
    expect(late.counts).not.toEqual(inNext.counts);
    const tooLate = feedBaseline(rule, inNext, { hour: end - 1 - hoursOfWeek, peak: 7 });
    expect(tooLate).toBe(inNext);
  });

  it('keeps what it knows where a clock ran years ahead, stood for a word and was set back', () => {
    const ahead = { ...baseline, week: baseline.week + 100 };
    const back = feedBaseline(rule, ahead, { hour: end, peak: 10 });
    expect(back.week).toBe(weekOf(end));
  });

  it('raises the bound once for a week, however often the clock goes to and fro', () => {
    let known = baseline;
    const first = advanceBaseline(rule, known, end).bound;
    for (let turn = 0; turn < 20; turn++) {
      known = feedBaseline(rule, known, { hour: end, peak: 1_000_000 });
      known = feedBaseline(rule, known, { hour: end - 8 * hoursOfWeek, peak: 1_000_000 });
    }
    expect(known.bound).toBe(first);
  });

  it('never takes less than nothing', () => {
    const fed = feedBaseline(rule, baseline, { hour: end - 1, peak: -5 });
    expect(encodeBaseline(fed)).toEqual(encodeBaseline(baseline));
  });
});

describe('what is kept', () => {
  it('is 1,704 bytes, and the same after it was written and read', () => {
    const { baseline } = simulate(rule, { weeks: 3, wish: officeTraffic(80) });
    const bytes = encodeBaseline(baseline);
    expect(bytes.length).toBe(1_704);
    expect(decodeBaseline(bytes)).toEqual(baseline);
  });

  it('is refused where it is of another length or holds no numbers', () => {
    expect(decodeBaseline(new Uint8Array(1_703))).toBeUndefined();
    expect(decodeBaseline(new Uint8Array(1_704).fill(0xff))).toBeUndefined();
  });

  it('of a profile is 696 bytes, and the same after it was written and read', () => {
    const { baseline } = simulate(rule, { weeks: 3, wish: officeTraffic(80) });
    const profile = profileOf(baseline);
    const bytes = encodeProfile(profile);
    expect(bytes.length).toBe(696);
    expect(decodeProfile(bytes)).toEqual(profile);
    expect(decodeProfile(bytes.subarray(1))).toBeUndefined();
    expect(decodeProfile(new Uint8Array(696).fill(0xff))).toBeUndefined();
  });

  it('of a profile is good for five weeks', () => {
    const { baseline, end } = simulate(rule, { weeks: 3, wish: officeTraffic(80) });
    const profile = profileOf(advanceBaseline(rule, baseline, end));
    expect(isGoodAt(profile, end + 5 * hoursOfWeek - 1)).toBe(true);
    expect(isGoodAt(profile, end + 5 * hoursOfWeek)).toBe(false);
  });

  it('holds counts exactly while they are small, and closely where they are not', () => {
    for (let count = 0; count <= 1_400; count++) expect(unpackCount(packCount(count))).toBe(count);
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 1_000_000 }), (count) => {
        expect(Math.abs(unpackCount(packCount(count))! - count) / count).toBeLessThan(0.0005);
      }),
    );
    expect(unpackCount(unknownCount)).toBeUndefined();
    expect(packCount(1e300)).toBeLessThan(unknownCount);
  });
});

describe('hours of the week', () => {
  it('begin on Monday at midnight UTC', () => {
    const at = Date.parse('2026-11-23T00:00:00Z') as UnixMs;
    expect(slotOf(hourOf(at))).toBe(0);
    expect(slotOf(hourOf((at - 1) as UnixMs))).toBe(167);
    expect(weekOf(hourOf(at))).toBe(weekOf(hourOf((at - 1) as UnixMs)) + 1);
    expect(endOfWeek(hourOf((at - 1) as UnixMs))).toBe(at);
  });
});
