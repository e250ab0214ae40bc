import {
  defaultTenant,
  type FeedDelta,
  type FeedEntry,
  type FeedSnapshot,
  limits,
  type ManualClock,
  manualClock,
  type TenantId,
  type UnixSeconds,
} from '@mintmark/core';
import { generateSigningKey } from '@mintmark/tokens';
import { beforeEach, describe, expect, it } from 'vitest';
import { StatusView, type ViewEvent } from './status-view.ts';

let clock: ManualClock;
let events: ViewEvent[];
let view: StatusView;

beforeEach(() => {
  clock = manualClock(1_800_000_000_000);
  events = [];
  view = new StatusView({ tenant: defaultTenant, clock, log: (event) => events.push(event) });
});

const now = 1_800_000_000 as UnixSeconds;

function snapshot(change: Partial<FeedSnapshot> = {}): FeedSnapshot {
  const issuer = 'https://issuer.test';
  return { tenant: defaultTenant, epoch: 'e', head: 3, issuer, entries: [], ...change };
}

function delta(change: Partial<FeedDelta> = {}): FeedDelta {
  return { tenant: defaultTenant, epoch: 'e', head: 3, after: 3, entries: [], ...change };
}

function revocation(position: number, id = 'c', expiresAt = now + 100): FeedEntry {
  const target = { kind: 'client', id } as const;
  return { type: 'revocation', position, target, expiresAt: expiresAt as UnixSeconds };
}

function key(position: number, change: Record<string, unknown> = {}): FeedEntry {
  const common = { tenant: defaultTenant, status: 'active', owner: 'o', scopes: [] };
  return { type: 'key', position, key: { id: 'k', ...common, ...change } } as never;
}

describe('freshness', () => {
  it('is absent before the first snapshot', () => {
    expect(view.freshness()).toEqual({ kind: 'absent' });
    expect(view.resumeFrom).toBeUndefined();
  });

  it('lasts for five seconds from when the question was sent', () => {
    clock.advanceMs(10_000);
    view.applySnapshot(snapshot(), 9_000);
    expect(view.freshness()).toEqual({ kind: 'fresh' });
    clock.advanceMs(3_999);
    expect(view.freshness()).toEqual({ kind: 'fresh' });
    clock.advanceMs(1);
    expect(view.freshness()).toEqual({ kind: 'stale', overdueMs: 0 });
    clock.advanceMs(1_000);
    expect(view.freshness()).toEqual({ kind: 'stale', overdueMs: 1_000 });
  });

  it('is not moved by the wall clock', () => {
    view.applySnapshot(snapshot(), 0);
    clock.setWallMs(0);
    expect(view.freshness()).toEqual({ kind: 'fresh' });
    clock.advanceMs(limits.feedLeaseMs);
    clock.setWallMs(1_800_000_000_000);
    expect(view.freshness().kind).toBe('stale');
  });

  it('is renewed by a heartbeat', () => {
    view.applySnapshot(snapshot(), 0);
    clock.advanceMs(4_000);
    expect(view.applyDelta(delta(), 3_500)).toBe('applied');
    clock.advanceMs(4_000);
    expect(view.freshness()).toEqual({ kind: 'fresh' });
  });

  it('is not renewed by a part of what is to come', () => {
    view.applySnapshot(snapshot(), 0);
    clock.advanceMs(4_000);
    view.applyDelta(delta({ head: 9, entries: [revocation(4)] }), 4_000);
    expect(view.position).toBe(4);
    clock.advanceMs(1_000);
    expect(view.freshness().kind).toBe('stale');
  });

  it('never gets older by an answer that was overtaken', () => {
    view.applySnapshot(snapshot(), 0);
    view.applyDelta(delta(), 4_000);
    view.applyDelta(delta(), 1_000);
    clock.advanceMs(8_000);
    expect(view.freshness()).toEqual({ kind: 'fresh' });
  });
});

describe('continuity', () => {
  beforeEach(() => view.applySnapshot(snapshot(), 0));

  it.each([
    ['a hole', delta({ head: 5, entries: [revocation(5)] })],
    ['a hole within', delta({ head: 6, entries: [revocation(4), revocation(6)] })],
    ['the wrong order', delta({ head: 5, entries: [revocation(5), revocation(4)] })],
    ['a repetition', delta({ head: 5, entries: [revocation(4), revocation(4)] })],
    ['another start', delta({ after: 2, entries: [revocation(3)] })],
    ['a head behind its entries', delta({ head: 3, entries: [revocation(4)] })],
    ['a head behind what is known', delta({ head: 2, after: 2 })],
    ['another epoch', delta({ epoch: 'f' })],
    ['another tenant', delta({ tenant: 'else' as TenantId })],
  ])('%s voids the view', (_what, bad) => {
    expect(view.applyDelta(bad, 0)).toBe('gap');
    expect(view.freshness()).toEqual({ kind: 'absent' });
    expect(view.keySet).toBeUndefined();
    expect(view.revocations).toBeUndefined();
    expect(view.routes.routes).toEqual([]);
  });

  it('a delta before any snapshot is a gap', () => {
    view.invalidate();
    expect(view.applyDelta(delta(), 0)).toBe('gap');
  });

  it('a snapshot heals it', () => {
    view.applyDelta(delta({ epoch: 'f' }), 0);
    view.applySnapshot(snapshot({ epoch: 'f', head: 1 }), 0);
    expect(view.freshness()).toEqual({ kind: 'fresh' });
    expect(view.resumeFrom).toEqual({ epoch: 'f', after: 1 });
  });
});

describe('contents', () => {
  it('a snapshot replaces everything', () => {
    view.applySnapshot(snapshot({ entries: [revocation(1), key(2)] }), 0);
    expect(view.key('k')).toBeDefined();
    view.applySnapshot(snapshot({ epoch: 'f' }), 0);
    expect(view.key('k')).toBeUndefined();
    expect(view.revocations?.size).toBe(0);
  });

  it('forgets revocations and keys some time after they have ended', () => {
    const entries = [revocation(1), key(2, { expiresAt: now + 10 })];
    view.applySnapshot(snapshot({ entries }), 0);
    clock.advanceMs(101_000);
    view.expire();
    expect(view.revocations?.size).toBe(0);
    expect(view.key('k')).toBeDefined();
    clock.advanceMs(limits.keyTombstoneSeconds * 1000);
    view.expire();
    expect(view.key('k')).toBeUndefined();
  });

  it('a revoked key stays revoked, in whatever order it is told', () => {
    const target = { kind: 'key', id: 'k' } as const;
    view.applySnapshot(snapshot({ entries: [key(1)] }), 0);
    const revoked: FeedEntry = { type: 'revocation', position: 4, target, expiresAt: now };
    view.applyDelta(delta({ head: 5, entries: [revoked, key(5)] }), 0);
    expect(view.key('k')?.view.status).toBe('revoked');
  });

  it('makes a new key set with each change of keys, without those it cannot use', async () => {
    const { kid, publicJwk } = await generateSigningKey('EdDSA');
    const entry = { type: 'signing_key', kid, jwk: publicJwk, status: 'trusted' } as const;
    view.applySnapshot(snapshot({ entries: [{ ...entry, position: 1 }] }), 0);
    const first = view.keySet;
    expect(first?.lookup(kid)?.kid).toBe(kid);
    const odd = { ...entry, position: 4, kid: 'odd' as never, jwk: { kty: 'oct', k: 'AA' } };
    view.applyDelta(delta({ head: 4, entries: [odd] }), 0);
    expect(view.keySet?.epoch).not.toBe(first?.epoch);
    expect(view.keySet?.keys).toHaveLength(1);
    expect(events).toEqual([{ type: 'signing_key_unusable', kid: 'odd', reason: 'weak_key' }]);
    view.applyDelta(delta({ after: 4, head: 4 }), 0);
    const unchanged = view.keySet;
    view.applyDelta(delta({ after: 4, head: 5, entries: [revocation(5)] }), 0);
    expect(view.keySet).toBe(unchanged);
  });
});
