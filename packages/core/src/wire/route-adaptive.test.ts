import { describe, expect, it } from 'vitest';
import { readAdaptive } from './route-adaptive.ts';

const rule = { kind: 'window', quota: 100, windowMs: 60_000 } as const;
const limit = { rule, cost: 2 };
const adaptive = { mode: 'enforce', floor: 10, ceiling: 1_000 };

function pathOf(value: unknown, of: Partial<Parameters<typeof readAdaptive>[2]> = {}) {
  const read = readAdaptive(value, '/a', { ...limit, ...of });
  return read.ok ? undefined : read.refusal.path;
}

describe('a limit that adapts', () => {
  it('is read with its defaults', () => {
    expect(readAdaptive(adaptive, '/a', limit)).toEqual({
      ok: true,
      value: { mode: 'enforce', floor: 10, ceiling: 1_000, growthPerWeek: 2, headroom: 4 },
    });
    expect(readAdaptive(undefined, '/a', limit)).toEqual({ ok: true, value: undefined });
  });

  it.each([
    ['/a', 'observe'],
    ['/a/mode', { floor: 10, ceiling: 1_000 }],
    ['/a/mode', { ...adaptive, mode: 'on' }],
    ['/a/floor', { ...adaptive, floor: 1 }],
    ['/a/floor', { ...adaptive, floor: 101 }],
    ['/a/floor', { ...adaptive, floor: 10.5 }],
    ['/a/ceiling', { ...adaptive, ceiling: 99 }],
    ['/a/ceiling', { ...adaptive, ceiling: 1e15 }],
    ['/a/ceiling', { ...adaptive, ceiling: undefined }],
    ['/a/growth_per_week', { ...adaptive, growth_per_week: 0.5 }],
    ['/a/growth_per_week', { ...adaptive, growth_per_week: '2' }],
    ['/a/headroom', { ...adaptive, headroom: 21 }],
    ['/a/most', { ...adaptive, most: 1 }],
  ])('is refused at %s: %j', (path, value) => {
    expect(pathOf(value)).toBe(path);
  });

  it('has a window of an hour at most, and no calendar', () => {
    expect(pathOf(adaptive, { rule: { ...rule, windowMs: 3_600_000 } })).toBeUndefined();
    expect(pathOf(adaptive, { rule: { ...rule, windowMs: 3_601_000 } })).toBe('/a');
    const calendar = { kind: 'calendar', quota: 100, period: 'day', offsetMinutes: 0 } as const;
    expect(pathOf(adaptive, { rule: calendar })).toBe('/a');
  });

  it('whose cost the response tells has a floor of one at least', () => {
    expect(pathOf({ ...adaptive, floor: 1 }, { cost: 'after' })).toBeUndefined();
    expect(pathOf({ ...adaptive, floor: 0 }, { cost: 'after' })).toBe('/a/floor');
  });
});
