/** Limits of routes and what a request costs, as operators write them. */
import { describe, expect, it } from 'vitest';
import { parseRoute } from './route.ts';

const small = { name: 'r', match: {}, upstream: 'http://127.0.0.1:1' };

function read(more: object) {
  const parsed = parseRoute({ ...small, ...more });
  return parsed.ok ? parsed.value : parsed.refusal.path;
}

function limitsOf(limits: unknown) {
  const route = read({ limits });
  return typeof route === 'string' ? route : route.limits;
}

const good = { name: 'a', quota: 5, window_seconds: 60 };

describe('limits of a route', () => {
  it('are read with their defaults', () => {
    const rule = { kind: 'window', quota: 5, windowMs: 60_000 };
    expect(limitsOf([good])).toEqual([{ name: 'a', by: 'token', rule, cost: 1 }]);
    expect(limitsOf([{ ...good, kind: 'rate', by: 'user', burst: 9, cost: 9 }])).toEqual([
      { name: 'a', by: 'user', rule: { ...rule, kind: 'rate', burst: 9 }, cost: 9 },
    ]);
    const month = { name: 'a', kind: 'calendar', quota: 5, period: 'month' };
    const calendar = { kind: 'calendar', quota: 5, period: 'month', offsetMinutes: 0 };
    expect(limitsOf([month])).toMatchObject([{ rule: calendar }]);
    expect(limitsOf([{ ...month, utc_offset: '-03:30' }])).toMatchObject([
      { rule: { ...calendar, offsetMinutes: -210 } },
    ]);
    expect(limitsOf(undefined)).toEqual([]);
    expect(read({ limits_mode: 'strict', on_limits_down: 'closed', cost: 3 })).toMatchObject({
      ...{ limitsMode: 'strict', onLimitsDown: 'closed', cost: 3 },
    });
  });

  const calendar = { kind: 'calendar', window_seconds: undefined, period: 'day' };

  it.each([
    ['/limits/1/name', { name: 'a' }],
    ['/limits/1/name', { name: 'a"' }],
    ['/limits/1/name', { name: undefined }],
    ['/limits/1/by', { by: 'owner' }],
    ['/limits/1/kind', { kind: 'month' }],
    ['/limits/1/quota', { quota: 0 }],
    ['/limits/1/quota', { quota: 1.5 }],
    ['/limits/1/quota', { quota: undefined }],
    ['/limits/1/quota', { quota: 1e13 }],
    ['/limits/1/window_seconds', { window_seconds: '60' }],
    ['/limits/1/window_seconds', { ...calendar, window_seconds: 60 }],
    ['/limits/1/burst', { burst: 2 }],
    ['/limits/1/burst', { kind: 'rate', burst: 0 }],
    ['/limits/1/burst', { kind: 'rate', burst: 1e12, window_seconds: 86_400 }],
    ['/limits/1/period', { period: 'day' }],
    ['/limits/1/period', { ...calendar, period: undefined }],
    ['/limits/1/period', { ...calendar, period: 'week' }],
    ['/limits/1/utc_offset', { ...calendar, utc_offset: 'CET' }],
    ['/limits/1/utc_offset', { ...calendar, utc_offset: '+15:00' }],
    ['/limits/1/cost', { cost: 6 }],
    ['/limits/1/cost', { cost: -1 }],
    ['/limits/1/cost', { cost: Number.NaN }],
    ['/limits/1/cost', { cost: 'after' }],
    ['/limits/1/per', { per: 'token' }],
  ])('say %s where it is %j', (path, change) => {
    expect(limitsOf([good, { ...good, name: 'b', ...change }])).toBe(path);
  });

  it('are a list with a bound', () => {
    expect(limitsOf({})).toBe('/limits');
    const many = Array.from({ length: 9 }, (_, i) => ({ ...good, name: `l${i}` }));
    expect(limitsOf(many)).toBe('/limits');
    expect(read({ limits_mode: 'exact' })).toBe('/limits_mode');
    expect(read({ on_limits_down: 'refuse' })).toBe('/on_limits_down');
    expect(read({ cost: 0 })).toBe('/cost');
  });
});

describe('a cost that the response tells', () => {
  it('is read in each of its forms', () => {
    const of = (more: object) => {
      const route = read({ cost_after: { reserve: 100, ...more } });
      return typeof route === 'string' ? route : route.costAfter?.from;
    };
    expect(of({ from: 'response_header', header: 'X-Units' })).toEqual({
      ...{ kind: 'response_header', header: 'x-units', isPassedOn: false },
    });
    expect(of({ from: 'response_bytes', unit_bytes: 1024 })).toEqual({
      ...{ kind: 'response_bytes', unitBytes: 1024 },
    });
    expect(of({ from: 'json_pointer', pointer: '/usage/a~1b~0' })).toEqual({
      ...{ kind: 'json_pointer', tokens: ['usage', 'a/b~'] },
    });
    const after = [{ ...good, cost: 'after' }];
    const from = { reserve: 2, from: 'response_bytes' };
    expect(read({ limits: after, cost_after: from })).toMatchObject({
      limits: [{ cost: 'after' }],
    });
  });

  it.each([
    ['/cost_after', 'bytes'],
    ['/cost_after/reserve', { from: 'response_bytes' }],
    ['/cost_after/reserve', { reserve: 0, from: 'response_bytes' }],
    ['/cost_after/from', { reserve: 1 }],
    ['/cost_after/from', { reserve: 1, from: 'trailer' }],
    ['/cost_after/header', { reserve: 1, from: 'response_header' }],
    ['/cost_after/header', { reserve: 1, from: 'response_header', header: 'a b' }],
    ['/cost_after/header', { reserve: 1, from: 'response_bytes', header: 'x' }],
    ['/cost_after/pass_on', { reserve: 1, from: 'response_header', header: 'x', pass_on: 1 }],
    ['/cost_after/unit_bytes', { reserve: 1, from: 'response_bytes', unit_bytes: 0 }],
    ['/cost_after/pointer', { reserve: 1, from: 'json_pointer' }],
    ['/cost_after/pointer', { reserve: 1, from: 'json_pointer', pointer: 'usage' }],
    ['/cost_after/size', { reserve: 1, from: 'response_bytes', size: 1 }],
  ])('says %s where it is %j', (path, costAfter) => {
    expect(read({ cost_after: costAfter })).toBe(path);
  });
});
