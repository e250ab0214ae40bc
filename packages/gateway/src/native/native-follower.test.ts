import { type ManualClock, manualClock, type RevocationEntry, seededEntropy } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeFeed } from '../conformance/fake-feed.ts';
import { HandTimers } from '../conformance/hand-timers.ts';
import { followNatively, type NativeFollower, type NativeTarget } from './native-follower.ts';
import type { NativeChange } from './native-view.ts';

/** A program that takes what it is told, as long as it is there. */
class FakeTarget implements NativeTarget {
  isThere = true;
  readonly told: string[] = [];
  readonly renewedWithMs: number[] = [];
  readonly known = new Set<string>();

  async apply(state: Parameters<NativeTarget['apply']>[0], change: NativeChange | undefined) {
    if (!this.isThere) throw new Error('gone');
    const entries: Iterable<RevocationEntry> = change?.revoked ?? state.revocations;
    for (const { target } of entries) this.known.add(target.id);
    this.told.push(change === undefined ? 'all' : `${change.revoked.length}`);
  }

  async renew({ leaseLeftMs }: Parameters<NativeTarget['renew']>[0]) {
    if (!this.isThere) throw new Error('gone');
    this.renewedWithMs.push(leaseLeftMs);
  }

  async refuse() {
    this.told.push('refuse');
  }
}

let clock: ManualClock;
let timers: HandTimers;
let feed: FakeFeed;
let target: FakeTarget;
let follower: NativeFollower;
let faults: unknown[];

beforeEach(async () => {
  clock = manualClock(1_700_000_000_000);
  timers = new HandTimers(clock);
  feed = new FakeFeed();
  target = new FakeTarget();
  faults = [];
  follower = followNatively({
    ...{ clock, timers, target, source: feed, tenant: feed.tenant, node: 'proxy' },
    entropy: seededEntropy(1),
    log: () => {},
    onFault: () => {},
    onTargetFault: (fault) => faults.push(fault),
    onTargetWell: () => {},
  });
  await follower.ready;
  await turns();
});

/** Lets what was begun come to where it waits for the feed or a timer. */
async function turns(): Promise<void> {
  for (let times = 0; times < 50; times++) await Promise.resolve();
}

function revoke(id: string): void {
  const expiresAt = 2e9 as never;
  feed.push({ type: 'revocation', target: { kind: 'token', id }, expiresAt });
}

describe('a node for another program', () => {
  it('tells it everything once, then what is new', async () => {
    expect(target.told).toEqual(['all']);
    revoke('one');
    await turns();
    expect(target.told).toEqual(['all', '1']);
    expect([...target.known]).toEqual(['one']);
  });

  it('says that there are news only while there are', async () => {
    timers.advance(300);
    await turns();
    feed.silent = true;
    timers.advance(4_500);
    await turns();
    const before = target.renewedWithMs.length;
    expect(target.renewedWithMs[0]).toBeGreaterThan(4_000);
    timers.advance(2_000);
    await turns();
    expect(target.renewedWithMs.length - before).toBeLessThanOrEqual(1);
    expect(Math.min(...target.renewedWithMs)).toBeGreaterThanOrEqual(0);
  });

  it('asks the feed on, which acknowledges, only once the program has taken it', async () => {
    expect(feed.waiting).toBe(1);
    target.isThere = false;
    revoke('one');
    await turns();
    // It would wait at the feed for what comes after the revocation.
    expect(feed.waiting).toBe(0);
    target.isThere = true;
    timers.advance(1_500);
    await turns();
    expect(feed.waiting).toBe(1);
    expect(target.known).toContain('one');
    expect(faults.length).toBeGreaterThan(0);
  });

  it('tells all of it to who could not be told a part', async () => {
    target.isThere = false;
    revoke('one');
    await turns();
    timers.advance(300);
    await turns();
    target.isThere = true;
    timers.advance(300);
    await turns();
    expect(target.told).toEqual(['all', 'all']);
  });

  it('has it refuse where what is known has a hole', async () => {
    const { tenant, epoch, head } = feed;
    feed.answer({ tenant, epoch, head: head + 5, after: head + 3, entries: [] });
    await turns();
    expect(target.told).toContain('refuse');
    timers.advance(2_000);
    await turns();
    expect(target.told.at(-1)).toBe('all');
  });

  it('says nothing more once it is stopped', async () => {
    await follower.stop();
    const count = target.renewedWithMs.length;
    timers.advance(5_000);
    await turns();
    expect(target.renewedWithMs).toHaveLength(count);
  });
});
