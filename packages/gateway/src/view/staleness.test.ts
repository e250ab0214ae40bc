import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, startMs, until } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;
let token: string;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
});
afterAll(() => upstream.close());

beforeEach(async () => {
  rig = await openRig([
    { name: 'strict', match: {}, upstream: upstream.url },
    { name: 'open', match: { path_prefix: '/open' }, credential: 'none', upstream: upstream.url },
    {
      name: 'lasting',
      match: { path_prefix: '/lasting' },
      on_stale: { continue_seconds: 60 },
      upstream: upstream.url,
    },
  ]);
  token = rig.token();
  await until(() => rig.feed.waiting === 1);
});
afterEach(() => rig.close());

async function status(path = '/'): Promise<number> {
  return (await ask(rig.listener.port, { path, headers: bearer(token) })).status;
}

/** The authority goes away, and time passes. */
async function loseFor(ms: number): Promise<void> {
  rig.feed.fault = new Error('gone');
  rig.feed.heartbeat();
  rig.timers.advance(ms);
}

describe('a node that cannot hear', () => {
  it('goes on until its lease ends, then refuses, then goes on again', async () => {
    await loseFor(4_999);
    expect(await status()).toBe(200);
    rig.timers.advance(1);
    expect(await status()).toBe(503);
    rig.feed.fault = undefined;
    rig.timers.advance(1_000);
    await until(() => rig.feed.waiting === 1);
    rig.feed.heartbeat();
    await until(() => rig.gateway.view.freshness().kind === 'fresh');
    expect(await status()).toBe(200);
  });

  it('says when to come again', async () => {
    await loseFor(6_000);
    const answer = await ask(rig.listener.port, { headers: bearer(token) });
    expect(answer.headers['retry-after']).toBe('1');
    expect(JSON.parse(answer.body).code).toBe('status_stale');
  });

  it('goes on for as long as the route declares, and marks it', async () => {
    await loseFor(64_999);
    expect(await status('/lasting')).toBe(200);
    rig.timers.advance(1_000);
    expect(await status('/lasting')).toBe(503);
    rig.timers.advance(500);
    await until(() => rig.decisions.length === 2);
    expect(rig.decisions[0]).toMatchObject({ verdict: 'allow', degraded: true });
    expect(rig.decisions[1]).toMatchObject({ verdict: 'deny', reason: 'status_stale' });
  });

  it('still judges expiry by its own clock', async () => {
    token = rig.token({ expiresAt: (startMs / 1000 + 10) as never });
    await loseFor(11_000);
    expect(await status('/lasting')).toBe(401);
  });

  it('serves routes that need no credential', async () => {
    await loseFor(10_000);
    expect(await status('/open')).toBe(200);
  });

  it('tells those without a credential to bring one, not that it is stale', async () => {
    await loseFor(10_000);
    expect((await ask(rig.listener.port, {})).status).toBe(401);
  });
});

describe('a view that is void', () => {
  it('refuses everything, even what routes would continue, until a snapshot is in', async () => {
    rig.feed.fault = new Error('gone');
    rig.gateway.view.invalidate();
    expect(await status()).toBe(503);
    expect(await status('/lasting')).toBe(503);
    expect(await status('/open')).toBe(503);
  });

  it('forgets the keys of an earlier epoch', async () => {
    expect(await status()).toBe(200);
    rig.feed.restore('epoch-2', [
      {
        type: 'route',
        name: 'strict',
        route: { name: 'strict', match: {}, upstream: upstream.url },
      },
    ]);
    await until(() => rig.gateway.view.resumeFrom?.epoch === 'epoch-2');
    expect(await status()).toBe(401);
  });
});

describe('before the first snapshot', () => {
  it('refuses', async () => {
    const early = await openRig([]);
    early.gateway.view.invalidate();
    expect((await ask(early.listener.port, {})).status).toBe(503);
    await early.close();
  });
});
