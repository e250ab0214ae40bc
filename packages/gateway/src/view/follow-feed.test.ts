import { defaultTenant, manualClock, seededEntropy, type TenantId } from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeFeed } from '../conformance/fake-feed.ts';
import { HandTimers } from '../conformance/hand-timers.ts';
import { turn, until } from '../conformance/rig.ts';
import { type FeedFollower, followFeed } from './follow-feed.ts';
import { StatusView } from './status-view.ts';

const clock = manualClock(0);
let timers: HandTimers;
let feed: FakeFeed;
let view: StatusView;
let faults: string[];
let changes: number;
let follower: FeedFollower | undefined;

function start(): FeedFollower {
  follower = followFeed({
    ...{ source: feed, view, node: 'n', clock, timers, tenant: defaultTenant },
    entropy: seededEntropy(1),
    onChange: () => changes++,
    onFault: (kind) => faults.push(kind),
  });
  return follower;
}

beforeEach(() => {
  timers = new HandTimers(clock);
  feed = new FakeFeed();
  view = new StatusView({ tenant: defaultTenant, clock, log: () => {} });
  faults = [];
  changes = 0;
});
afterEach(() => follower?.stop());

const revocation = {
  type: 'revocation',
  target: { kind: 'client', id: 'c' },
  expiresAt: 9_999_999_999,
} as const;

describe('followFeed', () => {
  it('takes a snapshot, then what comes after it', async () => {
    feed.push(revocation as never);
    await start().ready;
    expect(view.position).toBe(1);
    feed.push(revocation as never, revocation as never);
    await until(() => view.position === 3);
    expect(faults).toEqual([]);
    expect(changes).toBe(2);
    expect(feed.snapshots).toBe(1);
  });

  it('keeps asking while there is nothing new', async () => {
    await start().ready;
    await until(() => feed.waiting === 1);
    clock.advanceMs(1000);
    feed.heartbeat();
    await until(() => feed.waiting === 1);
    expect(view.freshness()).toEqual({ kind: 'fresh' });
    expect(changes).toBe(1);
  });

  it('pauses where the feed answers nothing at once, again and again', async () => {
    await start().ready;
    await until(() => feed.waiting === 1);
    feed.heartbeat();
    for (let i = 0; i < 5; i++) await turn();
    expect(feed.waiting).toBe(0);
    timers.advance(50);
    await until(() => feed.waiting === 1);
  });

  it('takes a new snapshot when it is told to, and refuses until then', async () => {
    await start().ready;
    await until(() => feed.waiting === 1);
    feed.restore('epoch-2', [revocation as never]);
    await until(() => view.resumeFrom?.epoch === 'epoch-2');
    expect(faults).toEqual(['resync']);
    expect(feed.snapshots).toBe(2);
  });

  it('takes a new snapshot after a gap', async () => {
    await start().ready;
    await until(() => feed.waiting === 1);
    const hole = { ...revocation, position: 9 } as never;
    feed.answer({ tenant: defaultTenant, epoch: 'epoch-1', head: 9, after: 0, entries: [hole] });
    await until(() => faults.includes('gap'));
    expect(view.freshness()).toEqual({ kind: 'absent' });
    timers.advance(50);
    await until(() => feed.snapshots === 2);
    await until(() => view.freshness().kind === 'fresh');
  });

  it('tries again after faults, with growing pauses that stay below the lease', async () => {
    feed.fault = new Error('down');
    start();
    const pauses: number[] = [];
    for (let tries = 1; tries <= 8; tries++) {
      await until(() => feed.snapshots === tries);
      await turn();
      const before = clock.monotonicMs();
      while (feed.snapshots === tries) {
        timers.advance(5);
        await turn();
      }
      pauses.push(clock.monotonicMs() - before);
    }
    expect(pauses[0]).toBeLessThanOrEqual(55);
    expect(pauses[7]).toBeGreaterThan(400);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1_005);
    feed.fault = undefined;
    timers.advance(1_000);
    await follower!.ready;
  });

  it('keeps the age of its view through a fault', async () => {
    await start().ready;
    await until(() => feed.waiting === 1);
    feed.fault = new Error('down');
    feed.heartbeat();
    await until(() => faults.length === 1);
    expect(view.freshness()).toEqual({ kind: 'fresh' });
    clock.advanceMs(5_000);
    expect(view.freshness()).toMatchObject({ kind: 'stale' });
  });

  it('takes no snapshot of another tenant', async () => {
    const original = feed.snapshot.bind(feed);
    feed.snapshot = async () => ({ ...(await original()), tenant: 'else' as TenantId });
    start();
    await until(() => faults.length === 1);
    expect(view.freshness()).toEqual({ kind: 'absent' });
  });

  it('stops although the feed is silent', async () => {
    await start().ready;
    await until(() => feed.waiting === 1);
    await follower!.stop();
  });
});
