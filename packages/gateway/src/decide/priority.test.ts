/** Who is turned away first, through a whole gateway whose process is late by so much. */
import { type Pressure, type PressureLevel, priorities } from '@mintmark/core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;
let level: PressureLevel;

const pressure: Pressure = {
  get level() {
    return level;
  },
  sheds: (priority) => priorities.indexOf(priority) < level,
  stop() {},
};

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
});
afterAll(() => upstream.close());

beforeEach(async () => {
  level = 0;
  const route = (name: string, more: object = {}) => ({
    ...{ name, match: { path_prefix: `/${name}` }, upstream: upstream.url, ...more },
  });
  const named = priorities.map((priority) => route(priority, { priority }));
  const both = [
    route('header', { priority: 'high' }),
    {
      ...route('header-low', { priority: 'low' }),
      match: { path_prefix: '/header', headers: { 'x-batch': 'yes' } },
    },
  ];
  const chosen = [
    {
      ...route('plan', { priority: 'vital' }),
      match: { path_prefix: '/plan', token: { plan: 'gold' } },
    },
    { ...route('plan-rest', { priority: 'low' }), match: { path_prefix: '/plan' } },
  ];
  rig = await openRig([route('unsaid'), ...named, ...both, ...chosen], {}, [], { pressure });
});
afterEach(() => rig.close());

async function statuses(...paths: readonly string[]): Promise<number[]> {
  const seen: number[] = [];
  for (const path of paths) {
    const { status } = await ask(rig.listener.port, { path, headers: bearer(rig.token()) });
    seen.push(status);
  }
  return seen;
}

const paths = ['/low', '/unsaid', '/normal', '/high', '/vital'];

it.each([
  [0, [200, 200, 200, 200, 200]],
  [1, [503, 200, 200, 200, 200]],
  [2, [503, 503, 503, 200, 200]],
  [3, [503, 503, 503, 503, 200]],
] as const)('at level %i what matters less is turned away', async (at, expected) => {
  level = at;
  expect(await statuses(...paths)).toEqual(expected);
});

it('says so, before it looks at the credential, and counts it', async () => {
  level = 3;
  const answer = await ask(rig.listener.port, { path: '/high', headers: bearer('mm_key_wrong') });
  expect(answer.status).toBe(503);
  expect(answer.headers['retry-after']).toBe('1');
  expect(JSON.parse(answer.body).code).toBe('overloaded');
  expect(rig.gateway.metrics.value('mintmark_gateway_denied_total', 'overloaded')).toBe(1);
  expect(rig.gateway.renderMetrics()).toContain('mintmark_gateway_pressure 3');
});

it('goes by the route that the head of the request finds', async () => {
  level = 1;
  const headers = { ...bearer(rig.token()), 'x-batch': 'yes' };
  expect((await ask(rig.listener.port, { path: '/header', headers })).status).toBe(503);
  expect(await statuses('/header')).toEqual([200]);
});

it('goes by the route that a credential has chosen, once it is known', async () => {
  level = 1;
  expect(await statuses('/plan')).toEqual([503]);
  level = 0;
  expect(await statuses('/plan')).toEqual([200]);
});
