/** Whose use of a route's limits is remembered, and what an edit of them keeps. */
import { createLocalLimits, defaultTenant, manualClock } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../record/metrics.ts';
import { type CompiledRoute, compileRoute } from '../routes/route-table.ts';
import type { Identity } from '../verify/identity.ts';
import { createRouteLimiter, type LimitedRequest } from './route-limiter.ts';
import { createSpender, type Spent } from './spender.ts';

function routeOf(limit: object, name = 'r'): CompiledRoute {
  const limits = [{ name: 'l', quota: 2, window_seconds: 60, ...limit }];
  const wire = { name, match: { path_prefix: `/${name}` }, upstream: 'http://127.0.0.1:1', limits };
  const route = compileRoute(wire);
  if (route === undefined) throw new Error('not a route');
  return route;
}

function limiting(statesMax?: number) {
  const clock = manualClock(1_800_000_000_000);
  clock.advanceMs(7_200_000);
  const local = createLocalLimits(clock, statesMax);
  const limiter = createRouteLimiter(
    createSpender({ local, common: undefined, metrics: createMetrics() }),
    { nowMs: clock.nowMs, home: defaultTenant },
  );
  const ask = (route: CompiledRoute, who: Partial<Identity> & { address?: string } = {}) => {
    const { address = '192.0.2.7', ...more } = who;
    const identity = {
      ...{ kind: 'jwt', credentialId: 'T', subject: 'u', clientId: 'c', scopes: [] },
      ...more,
    } as unknown as Identity;
    const known = who.credentialId === '' ? undefined : identity;
    const request: LimitedRequest = {
      route,
      tenant: defaultTenant,
      identity: known,
      address,
      plans: undefined,
    };
    // Nothing is counted in common: it is no promise.
    return limiter.spend(request) as Spent | undefined;
  };
  const isAllowed = (...asked: Parameters<typeof ask>) => ask(...asked)?.refusal === undefined;
  return { clock, ask, isAllowed };
}

describe('an edit of a limit', () => {
  it.each([
    [{ kind: 'rate' }, { kind: 'window' }],
    [{ window_seconds: 60 }, { window_seconds: 3_600 }],
    [{ window_seconds: 3_600, kind: 'rate' }, { kind: 'rate' }],
  ])('from %j to %j begins anew, and denies nobody for what is long past', (before, after) => {
    const { clock, isAllowed } = limiting();
    const old = routeOf(before);
    expect([isAllowed(old), isAllowed(old), isAllowed(old)]).toEqual([true, true, false]);
    const edited = routeOf(after);
    expect([isAllowed(edited), isAllowed(edited), isAllowed(edited)]).toEqual([true, true, false]);
    clock.advanceMs(3_600_000);
    expect(isAllowed(edited)).toBe(true);
  });

  it.each(['window', 'rate'])('of a %s to less keeps what was spent, and owes nobody', (kind) => {
    const { ask, isAllowed } = limiting();
    const old = routeOf({ kind });
    expect([isAllowed(old), isAllowed(old)]).toEqual([true, true]);
    const left = ask(routeOf({ kind, quota: 1 }));
    expect(left?.refusal).toMatchObject({ policies: ['l'] });
    expect(left?.fields.at(-1)).toMatch(/^"l";r=0;/);
  });
});

describe('what a caller spent', () => {
  const hourly = routeOf({ by: 'user' }, 'hourly');

  it.each([
    ['tokens', routeOf({}, 'other'), (i: number) => ({ credentialId: `t${i}` })],
    [
      'addresses',
      routeOf({}, 'open'),
      (i: number) => ({ credentialId: '', address: `192.0.2.${i}` }),
    ],
  ])('as a user is not forgotten by many %s of his', (_, other, who) => {
    const { isAllowed } = limiting(10);
    expect([isAllowed(hourly), isAllowed(hourly), isAllowed(hourly)]).toEqual([true, true, false]);
    for (let i = 0; i < 50; i++) expect(isAllowed(other, who(i))).toBe(true);
    expect(isAllowed(hourly)).toBe(false);
  });

  it('is not forgotten while he goes on asking', () => {
    const { isAllowed } = limiting(10);
    expect([isAllowed(hourly), isAllowed(hourly)]).toEqual([true, true]);
    for (let i = 0; i < 50; i++) {
      isAllowed(hourly, { subject: `u${i}` });
      expect(isAllowed(hourly)).toBe(false);
    }
  });

  it('counts for all of his IPv6 network', () => {
    const { isAllowed } = limiting();
    const route = routeOf({ by: 'address' });
    const from = (address: string) => isAllowed(route, { address });
    expect([from('2001:db8::1'), from('2001:db8::2'), from('2001:db8::3')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(from('2001:db8:0:1::1')).toBe(true);
  });
});
