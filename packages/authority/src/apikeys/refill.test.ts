import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Refill } from '../store/key-tables.ts';
import { nextRefill } from './refill.ts';

const at = (text: string) => Date.parse(text);
const written = (ms: number) => new Date(ms).toISOString().slice(0, 16);

describe('the next refill', () => {
  it.each([
    ['day', 1, 0, '2026-11-22T07:00Z', '2026-11-23T00:00'],
    ['day', 1, 480, '2026-11-22T07:00Z', '2026-11-22T08:00'],
    // The moment itself is past: it is done then.
    ['day', 1, 420, '2026-11-22T07:00Z', '2026-11-23T07:00'],
    // 22 November 2026 is a Sunday.
    ['week', 1, 0, '2026-11-22T07:00Z', '2026-11-23T00:00'],
    ['week', 7, 480, '2026-11-22T07:00Z', '2026-11-22T08:00'],
    ['week', 7, 420, '2026-11-22T07:00Z', '2026-11-29T07:00'],
    ['month', 1, 0, '2026-11-22T07:00Z', '2026-12-01T00:00'],
    ['month', 31, 0, '2026-11-22T07:00Z', '2026-11-30T00:00'],
    ['month', 31, 0, '2026-11-30T00:00Z', '2026-12-31T00:00'],
    ['month', 29, 0, '2027-02-01T00:00Z', '2027-02-28T00:00'],
    ['month', 29, 0, '2028-02-01T00:00Z', '2028-02-29T00:00'],
    ['month', 5, 60, '2026-12-05T01:00Z', '2027-01-05T01:00'],
  ] as const)('every %s on %i at minute %i after %s is %s', (every, on, atMinute, after, next) => {
    expect(written(nextRefill({ amount: 1, every, on, atMinute }, at(after)))).toBe(next);
  });

  it('is always later, never further than its span, and at its minute', () => {
    const refills: fc.Arbitrary<Refill> = fc
      .record({
        every: fc.constantFrom('day', 'week', 'month'),
        on: fc.integer({ min: 1, max: 31 }),
        atMinute: fc.integer({ min: 0, max: 1439 }),
      })
      .map(({ every, on, atMinute }) => {
        const most = every === 'day' ? 1 : every === 'week' ? 7 : 31;
        return { amount: 1, every, on: Math.min(on, most), atMinute } as Refill;
      });
    const moments = fc.integer({ min: at('1999-01-01T00:00Z'), max: at('2150-01-01T00:00Z') });
    fc.assert(
      fc.property(refills, moments, (refill, after) => {
        const next = nextRefill(refill, after);
        const days = { day: 1, week: 7, month: 31 }[refill.every];
        expect(next).toBeGreaterThan(after);
        expect(next - after).toBeLessThanOrEqual(days * 86_400_000);
        expect((next / 60_000) % 1440).toBe(refill.atMinute);
        // There is none between.
        expect(nextRefill(refill, next - 1)).toBe(next);
      }),
    );
  });
});
