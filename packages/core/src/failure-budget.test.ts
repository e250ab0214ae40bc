import { expect, test } from 'vitest';
import { manualClock } from './clock.ts';
import { createFailureBudget } from './failure-budget.ts';

test('lets an address fail as often as its budget allows, then names the wait', () => {
  const clock = manualClock(0);
  const budget = createFailureBudget(clock, 60);
  for (let i = 0; i < 60; i++) {
    expect(budget.retryAfterSeconds('192.0.2.1')).toBe(0);
    budget.failed('192.0.2.1');
  }
  expect(budget.retryAfterSeconds('192.0.2.1')).toBe(1);
  clock.advanceMs(999);
  expect(budget.retryAfterSeconds('192.0.2.1')).toBe(1);
  clock.advanceMs(1);
  expect(budget.retryAfterSeconds('192.0.2.1')).toBe(0);
});

test('does not let one address spend the budget of another', () => {
  const budget = createFailureBudget(manualClock(0), 1);
  budget.failed('192.0.2.1');
  expect(budget.retryAfterSeconds('192.0.2.1')).toBeGreaterThan(0);
  expect(budget.retryAfterSeconds('::ffff:192.0.2.1')).toBeGreaterThan(0);
  expect(budget.retryAfterSeconds('192.0.2.2')).toBe(0);
});

test('is not refilled by a wall clock set forward', () => {
  const clock = manualClock(0);
  const budget = createFailureBudget(clock, 1);
  budget.failed('192.0.2.1');
  clock.setWallMs(1e12);
  expect(budget.retryAfterSeconds('192.0.2.1')).toBeGreaterThan(0);
});

test('forgets the address that failed longest ago once it knows too many', () => {
  const budget = createFailureBudget(manualClock(0), 1, 2);
  budget.failed('a');
  budget.failed('b');
  budget.failed('a');
  budget.failed('c');
  expect(budget.retryAfterSeconds('b')).toBe(0);
  expect(budget.retryAfterSeconds('a')).toBeGreaterThan(0);
  expect(budget.retryAfterSeconds('c')).toBeGreaterThan(0);
});

test('counts a whole /64 of IPv6 as one address, and IPv4 in whatever spelling', () => {
  const budget = createFailureBudget(manualClock(0), 2);
  budget.failed('2001:db8:0:1::1');
  budget.failed('2001:db8:0:1:ffff::2');
  expect(budget.retryAfterSeconds('2001:0db8::1:0:0:0:3')).toBeGreaterThan(0);
  expect(budget.retryAfterSeconds('2001:db8:0:2::1')).toBe(0);
  budget.failed('192.0.2.1');
  budget.failed('192.0.2.1');
  expect(budget.retryAfterSeconds('192.0.2.1')).toBeGreaterThan(0);
  expect(budget.retryAfterSeconds('192.0.2.2')).toBe(0);
});

test('gives whoever proved itself at an address a budget of its own', () => {
  const budget = createFailureBudget(manualClock(0), 2);
  budget.proven('192.0.2.1', 'good');
  for (let i = 0; i < 2; i++) budget.failed('192.0.2.1', 'other');
  expect(budget.retryAfterSeconds('192.0.2.1', 'other')).toBeGreaterThan(0);
  expect(budget.retryAfterSeconds('192.0.2.1')).toBeGreaterThan(0);
  expect(budget.retryAfterSeconds('::ffff:192.0.2.1', 'good')).toBe(0);
  // Guesses at its name count against it alone, and what was proven elsewhere counts for nothing.
  for (let i = 0; i < 2; i++) budget.failed('192.0.2.1', 'good');
  expect(budget.retryAfterSeconds('192.0.2.1', 'good')).toBeGreaterThan(0);
  for (let i = 0; i < 2; i++) budget.failed('192.0.2.2');
  expect(budget.retryAfterSeconds('192.0.2.2', 'good')).toBeGreaterThan(0);
});

test('bounds what it remembers as proven', () => {
  const budget = createFailureBudget(manualClock(0), 1, 2);
  for (const who of ['a', 'b', 'c', 'c']) budget.proven('192.0.2.1', who);
  budget.failed('192.0.2.1');
  expect(budget.retryAfterSeconds('192.0.2.1', 'a')).toBeGreaterThan(0);
  expect(budget.retryAfterSeconds('192.0.2.1', 'b')).toBe(0);
  expect(budget.retryAfterSeconds('192.0.2.1', 'c')).toBe(0);
});
