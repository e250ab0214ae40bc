/** Envoy's rate limit service, over the limits of routes that our own proxy counts too. */
import { NetworkFault } from '@mintmark/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig } from '../conformance/rig.ts';
import { createSpender } from '../limits/spender.ts';
import { rateLimitMethod, readRateLimitRequest } from './envoy-rate-limit.ts';
import { createGrpcJudge } from './grpc-judge.ts';
import { ProtoReader } from './protobuf/reader.ts';
import { bytesOf, messageField, numberField, textField } from './protobuf/write.ts';

let upstream: RawUpstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
});
afterAll(() => upstream.close());

beforeEach(async () => {
  const route = (name: string, limits: readonly object[], more: object = {}) => ({
    ...{ name, match: { path_prefix: `/${name}` }, upstream: upstream.url, limits, ...more },
  });
  rig = await openRig([
    route('tokens', [{ name: 'burst', quota: 3, window_seconds: 60 }]),
    route('users', [{ name: 'each', by: 'user', quota: 2, window_seconds: 3600 }]),
    route('all', [{ name: 'all', by: 'route', quota: 5, window_seconds: 7, cost: 2 }]),
    route('strict', [{ name: 'all', by: 'tenant', quota: 1, window_seconds: 60 }], {
      ...{ limits_mode: 'strict', on_limits_down: 'closed' },
    }),
    route('free', []),
    route('away', [{ name: 'all', by: 'route', quota: 5, window_seconds: 7 }], { tenant: 'away' }),
  ]);
});
afterEach(() => rig.close());

type Entries = Readonly<Record<string, string>>;

interface Asked {
  readonly descriptors: readonly (Entries & { readonly hits?: never })[];
  readonly hits?: number;
  /** Of the first descriptor by itself. */
  readonly ownHits?: number;
}

function requestOf({ descriptors, hits = 0, ownHits }: Asked): Uint8Array {
  const written = descriptors.map((entries, place) => {
    const all = Object.entries(entries).map(([key, value]) =>
      messageField(1, textField(1, key) + textField(2, value)),
    );
    const own = ownHits === undefined || place > 0 ? '' : messageField(3, numberField(1, ownHits));
    return messageField(2, all.join('') + own);
  });
  return bytesOf(textField(1, 'mintmark') + written.join('') + numberField(3, hits));
}

interface Answered {
  code: number;
  statuses: { code: number; quota: number; unit: number; remaining: number; seconds: number }[];
  headers: Record<string, string>;
  body: string;
}

async function limit(asked: Asked, judge = createGrpcJudge(rig.gateway, nobody)) {
  const answer = await judge[rateLimitMethod]!(requestOf(asked), '127.0.0.1');
  if (!answer.ok) return `${answer.refusal.code} ${answer.refusal.message}`;
  return readAnswer(answer.value);
}

const nobody = { trusted: { contains: () => false, size: 0 } };

function readAnswer(bytes: Uint8Array): Answered {
  const out: Answered = { code: 0, statuses: [], headers: {}, body: '' };
  const reader = ProtoReader.of(bytes);
  while (reader.next()) {
    if (reader.field === 1) out.code = reader.number();
    else if (reader.field === 2) out.statuses.push(readStatus(reader.message()));
    else if (reader.field === 5) out.body = reader.utf8();
    else {
      const header = reader.message();
      header.next();
      const name = header.utf8();
      header.next();
      out.headers[name] = header.utf8();
    }
  }
  return out;
}

function readStatus(reader: ProtoReader): Answered['statuses'][number] {
  const status = { code: 0, quota: 0, unit: 0, remaining: 0, seconds: 0 };
  while (reader.next()) {
    if (reader.field === 1) status.code = reader.number();
    else if (reader.field === 3) status.remaining = reader.number();
    else {
      const isLimit = reader.field === 2;
      const inner = reader.message();
      while (inner.next()) {
        if (isLimit && inner.field === 1) status.quota = inner.number();
        else if (isLimit && inner.field === 2) status.unit = inner.number();
        else if (isLimit) inner.skip();
        else status.seconds = inner.number();
      }
    }
  }
  return status;
}

const who = { subject: 'subject-1', client: 'client-1', credential_kind: 'jwt' };

describe('the rate limit service', () => {
  it('counts with our own proxy, under the same key', async () => {
    const token = rig.token({ tokenId: 'T1' as never });
    await ask(rig.listener.port, { path: '/tokens', headers: bearer(token) });
    const asked = { descriptors: [{ route: 'tokens', credential_id: 'T1', ...who }] };
    expect(await limit(asked)).toEqual({
      code: 1,
      statuses: [{ code: 1, quota: 3, unit: 2, remaining: 1, seconds: 60 }],
      headers: { 'ratelimit-policy': '"burst";q=3;w=60', ratelimit: '"burst";r=1;t=60' },
      body: '',
    });
    await limit(asked);
    const own = await ask(rig.listener.port, { path: '/tokens', headers: bearer(token) });
    expect(own.status).toBe(429);
  });

  it('denies with the words of our own proxy', async () => {
    const asked = { descriptors: [{ route: 'users', credential_id: 'T1', ...who }], hits: 3 };
    const denied = (await limit(asked)) as Answered;
    expect(denied).toMatchObject({
      code: 2,
      statuses: [{ code: 2, quota: 2, unit: 3 }],
      headers: { 'content-type': 'application/problem+json', ratelimit: '"each";r=2;t=0' },
    });
    expect(JSON.parse(denied.body)).toMatchObject({ status: 429, code: 'quota_exceeded' });
    // Nothing was spent.
    expect(await limit({ ...asked, hits: 2 })).toMatchObject({ code: 1 });
  });

  it('takes what a request costs times how many it is', async () => {
    const all = { descriptors: [{ route: 'all' }] };
    expect(await limit({ ...all, hits: 2 })).toMatchObject({ statuses: [{ remaining: 1 }] });
    expect(await limit(all)).toMatchObject({ code: 2, statuses: [{ unit: 0 }] });
    expect(await limit({ ...all, ownHits: 0 })).toMatchObject({ code: 1 });
  });

  it('counts who has no credential by his address', async () => {
    const from = (remote_address: string) => ({
      descriptors: [{ route: 'tokens', remote_address }],
    });
    for (let i = 0; i < 3; i++) await limit(from('192.0.2.1'));
    expect(await limit(from('192.0.2.1'))).toMatchObject({ code: 2 });
    expect(await limit(from('192.0.2.2'))).toMatchObject({ code: 1 });
  });

  it('spends for all descriptors or for none', async () => {
    const user = { route: 'users', credential_id: 'T1', ...who };
    await limit({ descriptors: [user], hits: 2 });
    const both = (await limit({ descriptors: [user, { route: 'all' }] })) as Answered;
    expect(both.code).toBe(2);
    expect(both.statuses.map(({ code }) => code)).toEqual([2, 1]);
    expect(await limit({ descriptors: [{ route: 'all' }], hits: 2 })).toMatchObject({ code: 1 });
    const twice = { descriptors: [{ route: 'strict' }, { route: 'strict' }] };
    expect(await limit(twice)).toMatchObject({ code: 2 });
  });

  it('lets through what has no limits', async () => {
    const free = { descriptors: [{ route: 'free' }] };
    expect(await limit(free)).toMatchObject({ code: 1, statuses: [{ code: 1 }], headers: {} });
  });

  it.each<[string, Asked]>([
    ['3 unknown_route', { descriptors: [{ route: 'other' }] }],
    ['3 unknown_route', { descriptors: [{}] }],
    ['14 unavailable', { descriptors: [{ route: 'away' }] }],
    ['3 incomplete', { descriptors: [{ route: 'tokens' }] }],
    ['3 no RateLimitRequest', { descriptors: [] }],
  ])('fails, and lets nobody through: %s', async (failure, asked) => {
    expect(await limit(asked)).toBe(failure);
  });

  it('fails without a view, and where the limits cannot be asked', async () => {
    const common = {
      spend: () => Promise.reject(new NetworkFault('unreachable', 'gone')),
      settle: () => undefined,
    };
    const { local, metrics } = { local: {} as never, metrics: rig.gateway.metrics };
    const spender = createSpender({ local, metrics, common: common as never });
    const { decide, rateLimits } = rig.gateway;
    const judge = createGrpcJudge({ decide, rateLimits: { ...rateLimits, spender } }, nobody);
    const asked = { descriptors: [{ route: 'strict' }] };
    expect(await limit(asked, judge)).toBe('14 unavailable');
    rig.gateway.view.invalidate();
    expect(await limit(asked)).toBe('14 unavailable');
  });

  it('refuses names that are no UTF-8', () => {
    const broken = bytesOf(messageField(2, messageField(1, messageField(1, '\xff'))));
    expect(readRateLimitRequest(broken).ok).toBe(false);
  });
});
