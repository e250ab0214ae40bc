import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  holderId,
  manualClock,
  seededEntropy,
  type TokenTargets,
  defaultTenant as tenant,
  type UnixSeconds,
} from '@mintmark/core';
import { systemClock, systemTimers } from '@mintmark/core/system';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRecorder } from '../audit/record.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';
import type { Store } from '../store/store.ts';
import { type Feed, openFeed } from './feed.ts';
import { type RevokeOwnDeps, revokeOwn } from './revoke-own.ts';

const bound = 3;
const sealer = {
  seal: async (_tenant: unknown, text: Uint8Array) => text,
  open: async (_tenant: unknown, text: Uint8Array) => text,
} as never;

describe.each(['memory', 'sqlite'] as const)('a client that ends its own tokens, on %s', (kind) => {
  let folder: string;
  let store: Store;
  let feed: Feed;
  let deps: RevokeOwnDeps;
  let clock: ReturnType<typeof manualClock>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mintmark-own-'));
    clock = manualClock(1_790_000_000_000);
    const directory = join(folder, 'store');
    store =
      kind === 'memory'
        ? openMemoryStore()
        : await openSqliteStore({ directory, clock: systemClock, timers: systemTimers });
    feed = await openFeed({
      store,
      sealer,
      clock,
      timers: systemTimers,
      verifierOf: async () => undefined,
      issuerOf: () => 'https://issuer.example',
    });
    const entropy = seededEntropy(1);
    deps = {
      store,
      clock,
      entropy,
      sealer,
      recorder: createRecorder({ sealer, entropy, clock }),
      askedBy: feed.askedBy,
      holderRevocationsMax: bound,
    };
  });

  afterEach(async () => {
    await store.upkeep.close();
    await rm(folder, { recursive: true });
  });

  function token(id: string, change: Partial<TokenTargets> = {}): TokenTargets {
    const targets = { tokenId: id, clientId: 'c', subject: 'c', tenant, ...change };
    return { position: feed.head(tenant), issuedAt: 0 as UnixSeconds, ...targets };
  }

  async function end(one: TokenTargets): Promise<void> {
    const { tokenId, clientId, subject } = one;
    const expiresAt = (clock.nowMs() / 1000 + 600) as UnixSeconds;
    const actor = { kind: 'client', id: clientId } as const;
    const asked = { tokenId, clientId, subject, expiresAt };
    const done = await revokeOwn(deps, { requester: { tenant, actor }, token: asked });
    if (!done.ok) throw new Error(done.refusal.reason);
    await feed.refresh(tenant);
  }

  /** Entries that a node which starts now must hold. */
  async function held(): Promise<readonly string[]> {
    const { entries } = await feed.snapshot(tenant);
    return entries.flatMap((one) => (one.type === 'revocation' ? [one.target.kind] : []));
  }

  it('fills no more of a node’s memory than its bound, and each end still holds', async () => {
    const tokens = Array.from({ length: 50 }, (_, i) => token(`t${i}`));
    for (const one of tokens) {
      await end(one);
      expect(await feed.refuses(tenant, one)).toBe(true);
    }
    expect(await held()).toEqual([...Array(bound).fill('token'), 'holder']);
    expect(feed.askedBy(tenant, holderId('c', 'c'))).toBe(bound);
  });

  it('beyond the bound ends what it holds for that subject, and nobody else’s', async () => {
    for (let i = 0; i < bound; i++) await end(token(`t${i}`));
    const mine = token('mine');
    const others = [
      token('x1', { clientId: 'c2', subject: 'c2' }),
      token('x2', { subject: 'somebody' }),
      token('x3', { clientId: 'c2', subject: 'c' }),
    ];
    await end(token('one-too-many'));
    expect(await feed.refuses(tenant, mine)).toBe(true);
    for (const other of others) expect(await feed.refuses(tenant, other)).toBe(false);
    expect(await feed.refuses(tenant, token('later'))).toBe(false);
  });

  it('has its whole bound again when what it ended has expired', async () => {
    for (let i = 0; i < bound; i++) await end(token(`t${i}`));
    clock.advanceMs(3600_000);
    await feed.refresh(tenant);
    const other = token('other');
    await end(token('again'));
    expect(await feed.refuses(tenant, other)).toBe(false);
  });

  it('records each end as one of the token that was asked for', async () => {
    for (let i = 0; i <= bound; i++) await end(token(`t${i}`));
    const rows = [
      ...(await store.auditPending.list({ limit: 100 })),
      ...(await store.auditLog.list({ limit: 100 })),
    ];
    expect(rows.map(({ object }) => object).sort()).toEqual(
      ['t0', 't1', 't2', 't3'].map((id) => `token:${id}`),
    );
    expect(rows.map(({ leaf }) => JSON.parse(Buffer.from(leaf).toString()).detail)).toContainEqual({
      target_kind: 'holder',
      target_id: 'c c',
    });
  });
});
