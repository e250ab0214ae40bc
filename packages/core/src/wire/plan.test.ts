import { describe, expect, it } from 'vitest';
import { planCharges } from '../plan-charges.ts';
import { parsePlan } from './plan.ts';

const daily = { name: 'daily', kind: 'calendar', period: 'day', quota: 10 };

describe('a plan', () => {
  it('is read with its defaults', () => {
    expect(parsePlan({ name: 'free', limits: [daily] })).toEqual({
      ok: true,
      value: {
        name: 'free',
        description: '',
        limits: [
          {
            name: 'daily',
            rule: { kind: 'calendar', period: 'day', quota: 10, offsetMinutes: 0 },
            cost: 1,
            routes: undefined,
            apis: undefined,
          },
        ],
      },
    });
  });

  it.each([
    ['', 'free'],
    ['/name', { limits: [] }],
    ['/name', { name: 'a b', limits: [] }],
    ['/description', { name: 'a', description: 5, limits: [] }],
    ['/limits', { name: 'a' }],
    ['/limits', { name: 'a', limits: Array(9).fill(daily) }],
    ['/limits/0', { name: 'a', limits: ['daily'] }],
    ['/limits/0/by', { name: 'a', limits: [{ ...daily, by: 'user' }] }],
    ['/limits/0/quota', { name: 'a', limits: [{ ...daily, quota: -1 }] }],
    ['/limits/1/name', { name: 'a', limits: [daily, daily] }],
    ['/limits/0/routes', { name: 'a', limits: [{ ...daily, routes: [] }] }],
    ['/limits/0/routes', { name: 'a', limits: [{ ...daily, routes: ['a b'] }] }],
    ['/limits/0/apis', { name: 'a', limits: [{ ...daily, apis: 'shop' }] }],
    ['/price', { name: 'a', limits: [], price: 5 }],
  ])('says %s where it is %j', (path, wire) => {
    const parsed = parsePlan(wire);
    expect(parsed.ok ? 'read' : parsed.refusal.path).toBe(path);
  });

  it('raises a rate with what may come at once', () => {
    const rate = { name: 'pace', kind: 'rate', quota: 2, window_seconds: 1, burst: 4 };
    const parsed = parsePlan({ name: 'a', limits: [rate] });
    if (!parsed.ok) throw new Error('not read');
    const holder = { tenant: 't', kind: 'user', id: 'u' } as const;
    const ruleWith = (quota: number, until: number | undefined) => {
      const raised = [{ limit: 'pace', quota, ...(until === undefined ? {} : { until }) }];
      const of = { holder, raised, nowMs: 1_000, request: undefined };
      const [charge] = planCharges(parsed.value, of);
      return charge?.rule;
    };
    expect(ruleWith(3, undefined)).toMatchObject({ quota: 3, burst: 4 });
    expect(ruleWith(9, 1_001)).toMatchObject({ quota: 9, burst: 9 });
    expect(ruleWith(9, 1_000)).toMatchObject({ quota: 2, burst: 4 });
  });
});
