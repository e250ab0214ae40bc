/** Adaptive limits, through a whole gateway. */
import {
  base64urlEncode,
  type LimitObservation,
  type LimitProfilePage,
  type UnixMs,
} from '@mintmark/core';
import {
  advanceBaseline,
  encodeProfile,
  feedBaseline,
  hourOf,
  hoursOfWeek,
  openBaseline,
  profileOf,
} from '@mintmark/detection';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, startMs } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;
let page: LimitProfilePage;
let status = 200;
const told: LimitObservation[] = [];

beforeAll(async () => {
  upstream = await openRawUpstream((socket) =>
    socket.write(`HTTP/1.1 ${status} Said\r\nContent-Length: 2\r\n\r\nok`),
  );
});
afterAll(() => upstream.close());

const adaptive = { floor: 2, ceiling: 40, headroom: 2 };
const rule = { ...adaptive, quota: 10, growthPerWeek: 2 };

/** Of a caller who does four requests in a window, in every hour. */
function usual(): string {
  const now = hourOf(startMs as UnixMs);
  let baseline = openBaseline(rule, now - hoursOfWeek);
  for (let back = hoursOfWeek; back > 0; back--) {
    baseline = feedBaseline(rule, baseline, { hour: now - back, peak: 4 });
  }
  const next = advanceBaseline(rule, baseline, now + hoursOfWeek);
  return base64urlEncode(encodeProfile(profileOf(next)));
}

beforeEach(async () => {
  status = 200;
  told.length = 0;
  const caller = JSON.stringify(['user', 'default', 'user-1']);
  const profile = usual();
  page = {
    newest: 1,
    profiles: ['enforced', 'shadowed', 'observed', 'paced'].map((route) => {
      return { route, limit: 'each', caller, profile };
    }),
  };
  const quota = { name: 'each', by: 'user', quota: 10, window_seconds: 60 };
  const route = (name: string, mode: string, more: object = {}) => ({
    ...{ name, match: { path_prefix: `/${name}` }, upstream: upstream.url },
    on_stale: { continue_seconds: 600 },
    limits: [{ ...quota, adaptive: { mode, ...adaptive }, ...more }],
  });
  rig = await openRig(
    [
      ...[route('enforced', 'enforce'), route('shadowed', 'shadow'), route('observed', 'observe')],
      route('paced', 'enforce', { kind: 'rate', burst: 5 }),
    ],
    {},
    [],
    {
      limitProfiles: { read: async () => page },
      limitObservations: { accept: async (seen) => void told.push(...seen) },
    },
  );
  // The profiles are in before an answer has come over a socket.
  await get('/nothing', 'user-9');
});
afterEach(() => rig.close());

function get(path: string, sub: string) {
  return ask(rig.listener.port, { path, headers: bearer(rig.token({ subject: sub as never })) });
}

async function statuses(count: number, path: string, sub = 'user-1'): Promise<string> {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push((await get(path, sub)).status);
  return seen.join(' ');
}

const denied = () => rig.gateway.metrics.value('mintmark_gateway_adaptive_total', 'denied');
const wouldDeny = () => rig.gateway.metrics.value('mintmark_gateway_adaptive_total', 'would_deny');

describe('an enforced ceiling', () => {
  it('holds for who is known, and the static quota for who is not', async () => {
    // Four usually, scattered by two: 4 + 2 × 2 × 2 = 12.
    const known = await get('/enforced', 'user-1');
    expect(known.headers['ratelimit-policy']).toBe('"each";q=12;w=60');
    const unknown = await get('/enforced', 'user-2');
    expect(unknown.headers['ratelimit-policy']).toBe('"each";q=10;w=60');
  });

  it('denies what is beyond, and the denied is told as denied and not as usual', async () => {
    expect(await statuses(14, '/enforced')).toBe(`${'200 '.repeat(12)}429 429`);
    expect(denied()).toBe(2);
    await rig.gateway.close();
    expect(told).toEqual([
      {
        ...{ tenant: 'default', route: 'enforced', limit: 'each' },
        caller: '["user","default","user-1"]',
        hour: hourOf(startMs as UnixMs),
        ...{ peak: 12, denied: 2, wouldDeny: 0 },
      },
    ]);
  });

  it('of a rate keeps its proportions', async () => {
    const { headers } = await get('/paced', 'user-1');
    expect(headers['ratelimit-policy']).toBe('"each";q=6;w=30');
  });

  it('falls for who is answered with errors of the caller', async () => {
    status = 404;
    await statuses(9, '/enforced');
    rig.timers.advance(60_000);
    await statuses(11, '/enforced');
    rig.timers.advance(60_000);
    // 4 + 2 × 1.5 × 2 = 10
    const { headers } = await get('/enforced', 'user-1');
    expect(headers['ratelimit-policy']).toBe('"each";q=10;w=60');
  });
});

describe('a ceiling in shadow', () => {
  it('denies nobody, and counts whom it would', async () => {
    expect(await statuses(11, '/shadowed', 'user-3')).toBe(`${'200 '.repeat(10)}429`);
    expect([denied(), wouldDeny()]).toEqual([1, 0]);
    page = { newest: 2, profiles: [] };
  });

  it('counts what is over what is usual, and does not tell it as usual', async () => {
    status = 403;
    await statuses(10, '/shadowed');
    rig.timers.advance(60_000);
    await statuses(10, '/shadowed');
    rig.timers.advance(60_000);
    status = 200;
    expect(await statuses(10, '/shadowed')).toBe('200 '.repeat(10).trim());
    await rig.gateway.close();
    expect(told[0]).toMatchObject({ route: 'shadowed', peak: 10 });
  });
});

describe('a limit that only observes', () => {
  it('is what the route says, and tells what it saw when the hour is over', async () => {
    const { headers } = await get('/observed', 'user-1');
    expect(headers['ratelimit-policy']).toBe('"each";q=10;w=60');
    expect(told).toEqual([]);
    rig.timers.advance(3_600_000);
    await rig.gateway.close();
    expect(told).toMatchObject([{ route: 'observed', peak: 1, denied: 0 }]);
  });
});
