import { defaultTenant, limits, seededEntropy, type TenantId } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { createStatusPlaces } from './status-places.ts';

describe('places in status lists', () => {
  it('are never taken twice, and a full list is left for a new one', () => {
    const places = createStatusPlaces(seededEntropy(3));
    const count = limits.statusListEntries + 10;
    const taken = Array.from({ length: count }, () => places.take(defaultTenant));
    expect(new Set(taken.map(({ list, index }) => `${list} ${index}`)).size).toBe(count);
    const lists = new Set(taken.map(({ list }) => list));
    expect(lists.size).toBe(2);
    const first = taken.slice(0, limits.statusListEntries).map(({ index }) => index);
    expect(first.toSorted((a, b) => a - b)).toEqual(first.map((_, index) => index));
  });

  it('tell nothing of the order in which they were taken', () => {
    const places = createStatusPlaces(seededEntropy(4));
    const taken = Array.from({ length: 1_000 }, () => places.take(defaultTenant).index);
    const rising = taken.filter((index, at) => at > 0 && index > taken[at - 1]!);
    expect(rising.length).toBeGreaterThan(420);
    expect(rising.length).toBeLessThan(580);
    expect(Math.max(...taken)).toBeGreaterThan(limits.statusListEntries * 0.9);
  });

  it('are of one tenant, of one process and of a bounded number of lists', () => {
    const [one, two] = [createStatusPlaces(seededEntropy(5)), createStatusPlaces(seededEntropy(6))];
    const list = one.take(defaultTenant).list;
    expect(two.take(defaultTenant).list).not.toBe(list);
    expect(one.take('other' as TenantId).list).not.toBe(list);
    expect(one.take(defaultTenant).list).toBe(list);
    for (let i = 0; i < limits.statusListsOpenMax; i++) one.take(`t${i}` as TenantId);
    expect(one.take(defaultTenant).list).not.toBe(list);
  });
});
