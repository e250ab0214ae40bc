import { expect, it } from 'vitest';
import { manualClock } from './clock.ts';
import { createKeepBudget } from './keep-budget.ts';

it('keeps the lower half for what is notable, and fills up with time', () => {
  const clock = manualClock(0);
  const budget = createKeepBudget(clock, { burst: 10, perSecond: 2 });
  const taken = (kind: 'ordinary' | 'notable') => {
    let count = 0;
    while (budget.take(kind)) count++;
    return count;
  };
  expect(taken('ordinary')).toBe(5);
  expect(taken('notable')).toBe(5);
  clock.advanceMs(1_000);
  expect(taken('ordinary')).toBe(0);
  expect(taken('notable')).toBe(2);
  clock.advanceMs(3_600_000);
  expect(taken('ordinary') + taken('notable')).toBe(10);
  expect(budget.refused).toBe(6);
});
