/** A view whose keys come page by page: what is there is judged here, the rest is asked about. */
import { type IntrospectionAnswer, type KeyId, NetworkFault, nowSeconds } from '@mintmark/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { FakeFeed } from '../conformance/fake-feed.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, turn, until } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
});
afterAll(() => upstream.close());
afterEach(() => rig.close());

async function judged(credential: string): Promise<string> {
  const before = rig.decisions.length;
  const { status } = await ask(rig.listener.port, { headers: bearer(credential) });
  rig.timers.advance(500);
  await until(() => rig.decisions.length > before);
  return `${status} ${rig.decisions.at(-1)?.reason}`;
}

/** A gateway that begins again with a snapshot of one key, two more pages held back. */
async function paged() {
  rig = await openRig([{ name: 'all', match: {}, upstream: upstream.url, scopes: ['read'] }]);
  const keys = ['A', 'B', 'C'].map((letter) => rig.key({ id: letter.repeat(17) as KeyId }));
  await rig.caughtUp();
  rig.feed.keysAtOnce = 1;
  rig.feed.held = [];
  rig.feed.answer('resync');
  await until(() => rig.feed.held!.length === 1);
  return keys.map(({ text, id }) => ({ text, id }));
}

function release(): void {
  for (const go of rig.feed.held!.splice(0)) go();
}

function activeKey(id: string): IntrospectionAnswer {
  const now = nowSeconds(rig.clock);
  return {
    ...{ active: true, kind: 'api_key', id, subject: 'owner-1', clientId: undefined },
    ...{ scopes: ['read'], audience: [], issuedAt: now, expiresAt: undefined },
    ...{ position: undefined, family: undefined, binding: undefined },
  };
}

describe('a gateway whose keys are still to come', () => {
  it('is ready with the first, and asks about the others until they are there', async () => {
    const [a, , c] = await paged();
    rig.introspect = async () => activeKey(c!.id);
    expect(rig.gateway.renderMetrics()).toContain('mintmark_gateway_view_keys_complete 0');
    expect(await judged(a!.text)).toBe('200 ok');
    expect(rig.asked).toEqual([]);
    expect(await judged(c!.text)).toBe('200 ok');
    expect(rig.asked).toEqual([c!.text]);
    release();
    await until(() => rig.feed.held!.length === 1);
    release();
    await until(() => rig.gateway.view.wantedKeys === undefined);
    expect(rig.gateway.view.keyCount).toBe(3);
    rig.introspect = async () => ({ active: false });
    expect(await judged(c!.text)).toBe('200 ok');
    expect(rig.asked).toHaveLength(1);
    expect(rig.gateway.renderMetrics()).toContain('mintmark_gateway_view_keys_complete 1');
  });

  it('takes what deltas say over a page that was read before them', async () => {
    const [, b, c] = await paged();
    // The page with B was read when it was active, and is under way.
    rig.feed.push({
      type: 'key',
      key: { ...rig.feed.lastKey()!, id: b!.id as KeyId, status: 'disabled' },
    });
    await rig.caughtUp();
    release();
    await until(() => rig.feed.held!.length === 1);
    expect(rig.gateway.view.key(b!.id)?.view.status).toBe('disabled');
    // C is revoked by an entry that is no key's.
    rig.revoke({ kind: 'key', id: c!.id });
    await rig.caughtUp();
    release();
    await until(() => rig.gateway.view.wantedKeys === undefined);
    expect(rig.gateway.view.key(c!.id)?.view.status).toBe('revoked');
    expect(await judged(c!.text)).toBe('401 revoked');
  });

  it('passes over a page of the snapshot before', async () => {
    const [, b] = await paged();
    const held = rig.feed.held!.splice(0);
    rig.feed.answer('resync');
    const { snapshots } = rig.feed;
    await until(() => rig.feed.snapshots === snapshots + 1);
    await until(() => rig.feed.waiting === 1);
    for (const go of held) go();
    await until(() => rig.feed.held!.length === 1);
    expect(rig.gateway.view.key(b!.id)).toBe(undefined);
    release();
    await until(() => rig.gateway.view.key(b!.id) !== undefined);
  });

  it('asks again for a page that did not come', async () => {
    await paged();
    rig.feed.fault = new NetworkFault('feed', 'away');
    release();
    for (let i = 0; i < 20; i++) await turn();
    rig.feed.fault = undefined;
    rig.feed.held = undefined;
    rig.feed.heartbeat();
    while (rig.gateway.view.wantedKeys !== undefined) {
      rig.timers.advance(50);
      await turn();
    }
    expect(rig.gateway.view.keyCount).toBe(3);
    expect(rig.gateway.view.resumeFrom).toBeDefined();
  });

  it('stops with the gateway', async () => {
    await paged();
    await rig.gateway.close();
    release();
    await turn();
    expect(rig.feed.held).toEqual([]);
  });
});

it('hands out keys by pages only where it is told to', async () => {
  rig = await openRig([{ name: 'all', match: {}, upstream: upstream.url }]);
  const feed = new FakeFeed();
  expect(await feed.keys({ epoch: 'other', after: '' })).toBe('resync');
});
