import { describe, expect, it } from 'vitest';
import { type AdaptiveRule, ceilingOf } from './ceiling.ts';
import { type LearnedHour, makeProfile, type Profile } from './profile.ts';

const rule: AdaptiveRule = {
  ...{ quota: 100, floor: 10, ceiling: 1_000 },
  ...{ growthPerWeek: 2, headroom: 4 },
};

function profile(hour: Partial<LearnedHour>, more: Partial<Profile> = {}): Profile {
  const hours = Array(168).fill({ median: 50, spread: 1, ...hour });
  return { ...makeProfile({ week: 3_000, bound: 1_000, hours }), busiest: 50, ...more };
}

function reasonsOf(...input: Parameters<typeof ceilingOf>) {
  const { value, reasons } = ceilingOf(...input);
  return { value, reasons: reasons.map(({ reason }) => reason) };
}

describe('every reason is reached, and says what it left', () => {
  it('static_quota', () => {
    expect(ceilingOf(rule, undefined, 0, {})).toEqual({
      value: 100,
      basis: 'static',
      reasons: [
        {
          reason: 'static_quota',
          words: 'too little is known of this hour: the static quota',
          value: 100,
        },
      ],
    });
  });

  it('usual', () => {
    expect(ceilingOf(rule, profile({}), 0, {})).toEqual({
      value: 200,
      basis: 'learned',
      reasons: [
        {
          reason: 'usual',
          words: 'median of such hours in its last weeks: 50, 4 times',
          value: 200,
        },
      ],
    });
  });

  it('spread', () => {
    const answer = reasonsOf(rule, profile({ spread: 40 }), 0, {});
    expect(answer).toEqual({ value: 370, reasons: ['spread'] });
  });

  it('busiest', () => {
    const answer = reasonsOf(rule, profile({ median: 2 }, { busiest: 90 }), 0, {});
    expect(answer).toEqual({ value: 90, reasons: ['busiest'] });
  });

  it('failing_answers', () => {
    const factors = { answers: { total: 40, failed: 20 } };
    const answer = reasonsOf(rule, profile({}), 0, factors);
    expect(answer).toEqual({ value: 75, reasons: ['failing_answers', 'usual'] });
  });

  it('threat', () => {
    const factors = { threat: { factor: 0.25, source: 'crowd' } };
    const answer = reasonsOf(rule, profile({}), 0, factors);
    expect(answer).toEqual({ value: 50, reasons: ['usual', 'threat'] });
    expect(reasonsOf(rule, undefined, 0, factors).value).toBe(25);
  });

  it('growth', () => {
    const answer = reasonsOf(rule, profile({}, { bound: 120 }), 0, {});
    expect(answer).toEqual({ value: 120, reasons: ['usual', 'growth'] });
  });

  it('ceiling', () => {
    const answer = reasonsOf(rule, profile({ median: 900 }, { bound: 9_000 }), 0, {});
    expect(answer).toEqual({ value: 1_000, reasons: ['usual', 'ceiling'] });
  });

  it('floor, whatever the threat', () => {
    const factors = { threat: { factor: 0, source: 'crowd' } };
    const answer = reasonsOf(rule, profile({}), 0, factors);
    expect(answer).toEqual({ value: 10, reasons: ['usual', 'threat', 'floor'] });
  });
});

describe('answers', () => {
  it('count from twenty of them on, and only below nine in ten good ones', () => {
    const of = (total: number, failed: number) =>
      ceilingOf(rule, profile({}), 0, { answers: { total, failed } }).value;
    expect(of(19, 19)).toBe(200);
    expect(of(20, 2)).toBe(200);
    expect(of(20, 6)).toBeLessThan(200);
    expect(of(20, 20)).toBe(75);
  });

  it('never leave more the more of them fail', () => {
    const values = Array.from({ length: 101 }, (_, failed) => {
      return ceilingOf(rule, profile({}), 0, { answers: { total: 100, failed } }).value;
    });
    expect(values).toEqual(values.toSorted((a, b) => b - a));
  });
});
