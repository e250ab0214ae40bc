import type { UnixSeconds } from '@mintmark/core';
import { expect, test } from 'vitest';
import { type LiveRequest, LiveRequests } from './live-requests.ts';

function request(address: string, cut: string[]): LiveRequest {
  return {
    route: {} as LiveRequest['route'],
    judgedBy: undefined,
    allowedBy: undefined,
    request: { method: 'GET', host: undefined, path: '/', header: () => undefined, rawHeaders: [] },
    identity: undefined,
    address,
    beganAt: 0 as UnixSeconds,
    place: -1,
    endless: false,
    stalledSinceMs: undefined,
    cut: (reason) => cut.push(`${address} ${reason}`),
  };
}

test('every request is judged once, in whatever order the others ended', () => {
  const cut: string[] = [];
  const live = new LiveRequests();
  const requests = ['a', 'b', 'c', 'd', 'e'].map((address) => request(address, cut));
  for (const one of requests) live.add(one);
  live.remove(requests[1]!);
  live.remove(requests[4]!);
  live.remove(requests[4]!);
  expect(live.size).toBe(3);
  const judged: string[] = [];
  live.sweep(({ address }) => {
    judged.push(address);
    return address === 'c' ? undefined : 'revoked';
  });
  expect(judged.sort()).toEqual(['a', 'c', 'd']);
  expect(cut.sort()).toEqual(['a revoked', 'd revoked']);
  expect(live.size).toBe(1);
  live.remove(requests[0]!);
  expect(live.size).toBe(1);
});

test('a request that ends while others are cut is not judged any more', () => {
  const cut: string[] = [];
  const live = new LiveRequests();
  const second = request('second', cut);
  const first = { ...request('first', cut), cut: () => live.remove(second) };
  live.add(first);
  live.add(second);
  live.sweep(() => 'closing');
  expect(cut).toEqual([]);
  expect(live.size).toBe(0);
});
