import {
  defaultTenant,
  type FeedDelta,
  type KeptFeed,
  manualClock,
  seededEntropy,
  utf8,
} from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeFeed } from '../conformance/fake-feed.ts';
import { HandTimers } from '../conformance/hand-timers.ts';
import { until } from '../conformance/rig.ts';
import { type FeedFollower, followFeed } from './follow-feed.ts';
import type { KeptPart } from './kept-feed.ts';
import { readKept } from './kept-view.ts';
import { StatusView } from './status-view.ts';

const startMs = Date.UTC(2026, 0, 1);
const revocation = {
  type: 'revocation',
  target: { kind: 'client', id: 'c' },
  expiresAt: 9_999_999_999,
} as const;

let feed: FakeFeed;
let clock: ReturnType<typeof manualClock>;
let view: StatusView;
let follower: FeedFollower;
let faults: string[];

beforeEach(() => {
  feed = new FakeFeed();
  clock = manualClock(startMs);
  view = new StatusView({ tenant: defaultTenant, clock, log: () => {} });
  faults = [];
});
afterEach(() => follower?.stop());

function follow(kept: KeptFeed | undefined): HandTimers {
  const timers = new HandTimers(clock);
  follower = followFeed({
    source: Object.assign(feed, { kept: async () => kept }),
    ...{ view, node: 'n', clock, timers, tenant: defaultTenant, entropy: seededEntropy(1) },
    onChange: () => {},
    onFault: (kind) => faults.push(kind),
  });
  return timers;
}

async function keptUpTo(provenAtMs: number): Promise<KeptFeed> {
  return { snapshot: await feed.snapshot(), later: [], provenAtMs };
}

describe('a gateway that starts from what was kept', () => {
  it('is as old as its last proof, and goes on in order once it can', async () => {
    feed.push(revocation as never);
    const kept = await keptUpTo(startMs - 3600_000);
    feed.push(revocation as never, revocation as never);
    feed.fault = new Error('gone');
    const timers = follow(kept);
    await until(() => view.position === 1);
    expect(view.freshness()).toEqual({ kind: 'stale', overdueMs: 3600_000 - 5_000 });
    expect(view.revocations?.position('client', 'c')).toBe(1);
    feed.fault = undefined;
    await until(() => faults.length > 0);
    timers.advance(1_000);
    await until(() => view.position === 3);
    expect(view.freshness()).toEqual({ kind: 'fresh' });
    // It asked for what follows, and for nothing over again.
    expect(feed.snapshots).toBe(1);
  });

  it('begins anew where its epoch is over', async () => {
    feed.push(revocation as never);
    const kept = await keptUpTo(startMs);
    feed.restore('epoch-2', []);
    follow(kept);
    await until(() => view.resumeFrom?.epoch === 'epoch-2');
    expect(faults).toEqual(['resync']);
  });

  it('does not take what another tenant kept', async () => {
    const kept = await keptUpTo(startMs);
    follow({ ...kept, snapshot: { ...kept.snapshot, tenant: 'other' as never } });
    await follower.ready;
    expect(feed.snapshots).toBe(2);
  });
});

describe('readKept', () => {
  const records = (...bodies: readonly [KeptPart, unknown][]) =>
    bodies.map(([part, body]) => ({ part, body: utf8(JSON.stringify(body)) }));
  const head = { tenant: defaultTenant, epoch: 'e' };
  const snapshot = { ...head, head: 3, issuer: 'https://issuer.test', entries: [] };
  const entry = (position: number) => ({ ...revocation, position });
  const delta = (after: number, ...positions: number[]): FeedDelta =>
    ({ ...head, head: 9, after, entries: positions.map(entry) }) as never;
  const at = { provenAtMs: startMs };

  it('leaves out what the snapshot tells already', () => {
    const kept = readKept({
      records: records(
        ['snapshot', snapshot],
        ['delta', delta(1, 2, 3, 4)],
        ['keys', { ...head, entries: [] }],
        ['delta', delta(4, 5)],
      ),
      ...{ ...at, position: 5 },
    });
    const deltas = kept?.later.filter((one) => 'after' in one);
    expect(deltas?.map(({ after, entries }) => [after, entries.length])).toEqual([
      [3, 1],
      [4, 1],
    ]);
  });

  it.each([
    ['with a gap', [['delta', delta(4, 5)]], 3],
    ['that reaches less far than was proven', [['delta', delta(3, 4)]], 5],
    ['with a part that cannot be read', [['delta', { ...head }]], 3],
    ['with a page that cannot be read', [['keys', 7]], 3],
  ] as const)('is nothing %s', (_, rest, position) => {
    const all = records(['snapshot', snapshot], ...(rest as never as [KeptPart, unknown][]));
    expect(readKept({ records: all, ...at, position })).toBeUndefined();
  });

  it('is nothing without a snapshot', () => {
    expect(readKept({ records: [], ...at, position: 0 })).toBeUndefined();
    expect(readKept({ records: records(['snapshot', {}]), ...at, position: 0 })).toBeUndefined();
  });
});
