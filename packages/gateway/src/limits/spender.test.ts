/** What is done with a store's answer, and without one. */
import {
  createLocalLimits,
  type LimitStore,
  limits,
  manualClock,
  NetworkFault,
} from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../record/metrics.ts';
import { createSpender, type Limited, type NamedCharge, type Spent } from './spender.ts';

const hourly = { kind: 'window', quota: 10, windowMs: 3_600_000 } as const;

function charge(name: string, more: Partial<NamedCharge> = {}): NamedCharge {
  const whose = { key: name, group: 'user' };
  return { name, ...whose, rule: hourly, cost: 1, isReserved: false, ...more };
}

function asked(charges: readonly NamedCharge[], onDown: Limited['onDown'] = 'local'): Limited {
  return { charges, mode: 'strict', onDown };
}

function opened(common?: Partial<LimitStore>) {
  const clock = manualClock(Date.UTC(2026, 0, 31, 12));
  const metrics = createMetrics();
  const local = createLocalLimits(clock);
  const store = common && { isCommon: true, settle() {}, look: () => [], forget() {}, ...common };
  const spender = createSpender({ local, common: store as LimitStore | undefined, metrics });
  return { spender, metrics, clock, local };
}

const down = {
  spend: () => Promise.reject(new NetworkFault('limit_store_unavailable', 'away')),
};

describe('without the store in common', () => {
  it('lets through what its route declares open, uncounted and marked', async () => {
    const { spender, metrics } = opened(down);
    const spent = await spender.spend(asked([charge('a')], 'open'));
    expect(spent).toMatchObject({ refusal: undefined, fields: [], degraded: true });
    spent.giveBack();
    spent.settle(5);
    expect(metrics.value('mintmark_gateway_limits_down_total', 'open')).toBe(1);
  });

  it('refuses what its route declares closed', async () => {
    const { spender, metrics } = opened(down);
    const spent = await spender.spend(asked([charge('a')], 'closed'));
    expect(spent).toMatchObject({ refusal: { reason: 'limits_unavailable' }, degraded: true });
    expect(metrics.value('mintmark_gateway_limits_down_total', 'closed')).toBe(1);
  });

  it('counts by itself otherwise', async () => {
    const { spender, metrics } = opened(down);
    const two = asked([charge('a', { rule: { ...hourly, quota: 2 } })]);
    const seen = [await spender.spend(two), await spender.spend(two), await spender.spend(two)];
    expect(seen.map(({ refusal }) => refusal?.reason)).toEqual([
      ...[undefined, undefined, 'quota_exceeded'],
    ]);
    expect(seen.every(({ degraded }) => degraded)).toBe(true);
    expect(metrics.value('mintmark_gateway_limits_down_total', 'local')).toBe(3);
  });

  it('hides no defect of ours behind its absence', async () => {
    const broken = { spend: () => Promise.reject(new TypeError('a bug')) };
    const spending = opened(broken).spender.spend(asked([charge('a')], 'open'));
    await expect(spending).rejects.toThrow('a bug');
  });
});

describe('a cost that is known after the response', () => {
  const model = charge('tokens', { cost: 4, isReserved: true });
  const request = charge('requests');

  function settled(cost: number) {
    const { spender } = opened();
    const spent = spender.spend(asked([model, request])) as Spent;
    spent.settle(cost);
    const next = spender.spend(asked([charge('tokens', { cost: 0 }), charge('requests')])) as Spent;
    return next.looks.map(({ remaining }) => remaining);
  }

  it.each([
    ['less', 1, 9],
    ['more', 9, 1],
    ['nothing', 0, 10],
    ['more than there was', 400, 0],
    ['a fraction, which counts whole', 1.2, 8],
    ['more than anything costs', 1e300, 0],
  ])('is %s, and only of what was reserved', (_, cost, left) => {
    expect(settled(cost)).toEqual([left, 8]);
  });

  it.each([-5, Number.NaN, Number.POSITIVE_INFINITY])(
    'that is %f is taken for what was reserved',
    (cost) => {
      expect(settled(cost)).toEqual([6, 8]);
    },
  );

  it('is owed where it was more than there was, and no more than a bound', () => {
    const { spender, clock } = opened();
    const rate = { kind: 'rate', quota: 1, windowMs: 1_000, burst: 10 } as const;
    const spent = spender.spend(asked([{ ...model, rule: rate }])) as Spent;
    spent.settle(limits.limitCostMax * 10);
    clock.advanceMs(60_000);
    const next = spender.spend(asked([charge('tokens', { rule: rate })])) as Spent;
    expect(next.refusal).toMatchObject({ policies: ['tokens'] });
  });

  it('costs nothing where the request is refused after all', () => {
    const { spender } = opened();
    (spender.spend(asked([model, request])) as Spent).giveBack();
    const next = spender.spend(asked([charge('tokens'), charge('requests')])) as Spent;
    expect(next.looks.map(({ remaining }) => remaining)).toEqual([9, 9]);
  });
});

describe('the header fields', () => {
  it('say of a month when it ends, and of a rate when all of it is back', () => {
    const { spender } = opened();
    const month = { kind: 'calendar', quota: 90, period: 'month', offsetMinutes: 0 } as const;
    const rate = { kind: 'rate', quota: 2, windowMs: 1_000, burst: 8 } as const;
    const charges = [charge('month', { rule: month }), charge('pace', { rule: rate })];
    expect((spender.spend(asked(charges)) as Spent).fields).toEqual([
      'ratelimit-policy',
      '"month";q=90;w=2678400, "pace";q=8;w=4',
      'ratelimit',
      '"month";r=89;t=43200, "pace";r=7;t=1',
    ]);
  });

  it('name no time at which a request fits that never does', () => {
    const dear = charge('a', { cost: 11 });
    const { refusal } = opened().spender.spend(asked([dear])) as Spent;
    expect(refusal).toMatchObject({ policies: ['a'], retryAfterSeconds: undefined });
  });
});
