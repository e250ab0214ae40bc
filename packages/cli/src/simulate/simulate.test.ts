import { describe, expect, it } from 'vitest';
import { createSimulator, type SimulatedLimit } from './simulate.ts';
import { createTrafficReader, type RecordedRequest } from './traffic.ts';

const startMs = Date.UTC(2026, 9, 10, 13, 55, 0);
const minute: SimulatedLimit = {
  ...{ name: 'burst', by: 'user', cost: 1 },
  rule: { kind: 'window', quota: 3, windowMs: 60_000 },
};

function request(user: string, afterMs: number, more: Partial<RecordedRequest> = {}) {
  return {
    ...{ at: startMs + afterMs, tenant: '', route: undefined, path: '/', address: '192.0.2.1' },
    ...{ token: undefined, client: undefined, user, cost: undefined },
    ...more,
  };
}

describe('a simulation of limits', () => {
  it('says who would have been denied, how often and when, and how near the others came', () => {
    const simulator = createSimulator([minute]);
    for (let i = 0; i < 5; i++) simulator.take(request('loud', i * 1_000));
    for (let i = 0; i < 2; i++) simulator.take(request('quiet', i * 1_000));
    for (let i = 0; i < 6; i++) simulator.take(request('paced', i * 30_000));
    const result = simulator.result(2);
    expect(result).toEqual({
      ...{ requests: 13, denied: 2, from: startMs, to: startMs + 150_000, untold: 0 },
      limits: [
        {
          ...{ name: 'burst', callers: 3, callersDenied: 1, denied: 2 },
          peaks: [0, 0, 0, 0, 0, 0, 1, 0, 0, 1],
        },
      ],
      worst: [
        {
          ...{ caller: 'loud', limit: 'burst', requests: 5, denied: 2, peak: 1 },
          ...{ firstAt: startMs + 3_000, lastAt: startMs + 4_000 },
        },
        {
          ...{ caller: 'paced', limit: 'burst', requests: 6, denied: 0, peak: 1 },
          ...{ firstAt: undefined, lastAt: undefined },
        },
      ],
      hours: [{ at: Date.UTC(2026, 9, 10, 13), denied: 2 }],
    });
  });

  it('counts all limits or none, and what the record says that a request cost', () => {
    const bytes: SimulatedLimit = {
      ...{ name: 'bytes', by: 'client', cost: 'after' },
      rule: { kind: 'calendar', quota: 100, period: 'day', offsetMinutes: 0 },
    };
    const simulator = createSimulator([minute, bytes]);
    for (const cost of [60, 60, 40, 0.5, 0]) {
      simulator.take(request('u', 0, { client: 'c', cost }));
    }
    const { limits, denied } = simulator.result(0);
    // The second is denied by bytes and takes nothing of the other.
    expect([denied, ...limits.map((one) => one.denied)]).toEqual([2, 0, 2]);
  });

  it('tells callers apart as a gateway does', () => {
    const callersBy = (by: SimulatedLimit['by']) => {
      const simulator = createSimulator([{ ...minute, by }]);
      simulator.take(request('u', 0, { token: 't1', client: 'c', address: '2001:db8::1' }));
      simulator.take(request('u', 0, { token: 't2', client: 'c', address: '2001:db8::2' }));
      simulator.take({ ...request('', 0), user: undefined, address: '192.0.2.9' });
      return simulator.result(9).limits[0]!.callers;
    };
    expect(
      (['token', 'client', 'user', 'tenant', 'route', 'address'] as const).map(callersBy),
    ).toEqual([3, 2, 2, 1, 1, 2]);
  });

  it('keeps only so many callers apart, and says of how many requests it could not', () => {
    const simulator = createSimulator([minute], { callersMax: 3 });
    for (let i = 0; i < 10; i++) simulator.take(request(`u${i}`, i));
    const { limits, untold, requests } = simulator.result(99);
    expect([limits[0]!.callers, untold, requests]).toEqual([3, 7, 10]);
  });

  it('goes on where lines of several processes cross', () => {
    const simulator = createSimulator([minute]);
    for (const afterMs of [50_000, 0, 50_000, 1_000]) simulator.take(request('u', afterMs));
    expect(simulator.result(1)).toMatchObject({ denied: 1, to: startMs + 50_000 });
  });
});

describe('recorded traffic', () => {
  const read = createTrafficReader();
  const moment = '10/Oct/2026:15:55:36 +0200';

  it.each([
    [
      `192.0.2.7 - alice [${moment}] "GET /a?b=1 HTTP/1.1" 200 512`,
      { at: Date.UTC(2026, 9, 10, 13, 55, 36), address: '192.0.2.7', user: 'alice', path: '/a' },
    ],
    [
      `2001:db8::1 - - [${moment}] "POST / HTTP/2.0" 429 - "https://a.example" "x \\"y\\""`,
      { address: '2001:db8::1', user: undefined, cost: 0 },
    ],
    [
      '{"type":"decision","at":1790000000000,"tenant":"acme","route":"r","path":"/p",' +
        '"address":"::1","credentialId":"K","subject":"s","clientId":"c","verdict":"allow"}',
      { at: 1_790_000_000_000, tenant: 'acme', route: 'r', token: 'K', client: 'c', user: 's' },
    ],
    [
      '{"timestamp":"2026-10-10T13:55:36Z","remote_addr":"192.0.2.7","bytes":"77"}',
      { at: Date.UTC(2026, 9, 10, 13, 55, 36), cost: 77 },
    ],
    ['{"ts":1790000000.5,"cost":3}', { at: 1_790_000_000_500, cost: 3 }],
    ['{"at":1,"verdict":"deny","reason":"quota_exceeded"}', { at: 1_000 }],
  ])('is read: %s', (line, found) => {
    expect(read(line)).toMatchObject(found);
  });

  it.each([
    [`192.0.2.7 - - [${moment}] "GET / HTTP/1.1" 401 5`, 'passed_over'],
    ['{"at":1,"verdict":"deny","reason":"revoked"}', 'passed_over'],
    ['{"at":1,"status":403}', 'passed_over'],
    ['192.0.2.7 - - [10/Foo/2026:15:55:36 +0200] "GET / HTTP/1.1" 200 5', 'unreadable'],
    ['not a line of any log', 'unreadable'],
    ['{"at":', 'unreadable'],
    ['{"at":"yesterday"}', 'unreadable'],
    ['{"user":"x"}', 'unreadable'],
  ])('%s is %s', (line, what) => {
    expect(read(line)).toBe(what);
  });
});
