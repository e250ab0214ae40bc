import {
  type FeedDelta,
  limits,
  type ManualClock,
  manualClock,
  type RevocationTarget,
  type TenantId,
  type Timers,
  type TokenTargets,
  type UnixSeconds,
} from '@mintmark/core';
import { beforeEach, expect, test } from 'vitest';
import { undecidedKeyColumns } from '../store/key-tables.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { type Feed, openFeed } from './feed.ts';
import { revocationStep } from './revocation-step.ts';

const tenant = 'default' as TenantId;
const epoch = 'e1';

let store: Store;
let clock: ManualClock;
let due: (() => void)[];
let feed: Feed;

const timers: Timers = {
  after(_ms, run) {
    due.push(run);
    return () => {
      due = due.filter((other) => other !== run);
    };
  },
  every: () => () => undefined,
};

beforeEach(async () => {
  store = openMemoryStore();
  clock = manualClock(1_000_000_000_000);
  due = [];
  await store.acts.run({
    steps: [
      {
        do: 'insert',
        table: 'installation',
        row: { id: 'self', epoch, createdAt: 0, settings: {} },
        refused: 'taken',
      },
    ],
    audit: null,
  });
  feed = await open();
});

function open(over: Store = store): Promise<Feed> {
  const deps = {
    store: over,
    clock,
    timers,
    sealer: { open: async () => new Uint8Array() },
    verifierOf: async (row: Row<'keys'>) => `verifier of ${row.id}`,
    issuerOf: () => 'https://issuer.example',
  };
  return openFeed(deps);
}

let count = 0;

/** Commits a revocation as another process would: this one's feed is not told. */
async function revokeElsewhere(target: RevocationTarget): Promise<number> {
  const id = `r${++count}`;
  const at = clock.nowMs();
  const step = revocationStep({ tenant, id, target, reason: 'test', actor: 'system:test', at });
  const { position } = await store.acts.run({ steps: [step], audit: null });
  return position ?? 0;
}

async function revokeHere(target: RevocationTarget): Promise<void> {
  feed.advanced(tenant, await revokeElsewhere(target));
}

function token(position: number): TokenTargets {
  return {
    position,
    issuedAt: 0 as UnixSeconds,
    tokenId: 't1',
    clientId: 'c1',
    subject: 's1',
    tenant,
  };
}

function ask(after: number, node = 'n1'): Promise<FeedDelta | 'resync'> {
  return feed.delta({ tenant, epoch, after, node });
}

const client: RevocationTarget = { kind: 'client', id: 'c1' };

test('refuses what this process has just acknowledged', async () => {
  expect(await feed.refuses(tenant, token(0))).toBe(false);
  await revokeHere(client);
  expect(await feed.refuses(tenant, token(0))).toBe(true);
  expect(await feed.refuses(tenant, token(1))).toBe(false);
});

test('learns what another process revoked when it refreshes, and knows its own age', async () => {
  await revokeElsewhere(client);
  clock.advanceMs(700);
  expect(feed.ageMs(tenant)).toBe(700);
  await feed.refresh(tenant);
  expect(feed.ageMs(tenant)).toBe(0);
  expect(await feed.refuses(tenant, token(0))).toBe(true);
});

test('knows after a start what was revoked before', async () => {
  await revokeElsewhere(client);
  expect(await (await open()).refuses(tenant, token(0))).toBe(true);
});

test('wakes a waiting node with the new entry', async () => {
  const asked = ask(0);
  await revokeHere(client);
  expect(await asked).toMatchObject({
    epoch,
    after: 0,
    head: 1,
    entries: [{ type: 'revocation', position: 1, target: client }],
  });
});

test('answers a waiting node with a heartbeat when nothing happened', async () => {
  const asked = ask(0);
  await expect.poll(() => due.length).toBe(1);
  for (const run of due) run();
  expect(await asked).toEqual({ tenant, epoch, head: 0, after: 0, entries: [] });
  expect(due).toEqual([]);
});

test('gives entries in order and without holes', async () => {
  for (let i = 0; i < 5; i++) await revokeHere({ kind: 'token', id: `t${i}` });
  const delta = await ask(2);
  expect(delta !== 'resync' && delta.entries.map((entry) => entry.position)).toEqual([3, 4, 5]);
});

test.each([
  ['another epoch', () => feed.delta({ tenant, epoch: 'e0', after: 0, node: 'n1' })],
  ['a position that was never given', () => ask(7)],
])('asks a node with %s for a new snapshot', async (_title, asking) => {
  expect(await asking()).toBe('resync');
});

test('asks a node for a new snapshot where the entries behind its position are gone', async () => {
  for (let i = 0; i < 3; i++) await revokeHere({ kind: 'token', id: `t${i}` });
  const gone = { do: 'delete', table: 'feed', where: { tenant, position: 1 } } as const;
  await store.acts.run({ steps: [gone], audit: null });
  expect(await ask(0)).toBe('resync');
});

test('takes a question as the acknowledgement of everything before it', async () => {
  await revokeHere(client);
  await ask(0);
  expect(await store.nodes.get(tenant, 'n1')).toMatchObject({ position: 0, epoch });
  const waiting = ask(1);
  await expect.poll(() => due.length).toBe(1);
  expect(await store.nodes.get(tenant, 'n1')).toMatchObject({ position: 1 });
  for (const run of due) run();
  await waiting;
});

test('writes down a quiet node only now and then', async () => {
  await revokeHere(client);
  await revokeHere(client);
  await ask(0);
  const first = await store.nodes.get(tenant, 'n1');
  clock.advanceMs(limits.feedLeaseMs / 2 - 1);
  await ask(0);
  expect(await store.nodes.get(tenant, 'n1')).toEqual(first);
  clock.advanceMs(1);
  await ask(0);
  expect((await store.nodes.get(tenant, 'n1'))?.seenAt).toBe(clock.nowMs());
});

test('puts everything that holds now into a snapshot', async () => {
  await revokeHere(client);
  await store.acts.run({
    steps: [
      {
        do: 'insert',
        table: 'routes',
        row: { tenant, name: 'api', route: { name: 'api' }, updatedAt: 0, version: 1 },
        refused: 'taken',
      },
      {
        do: 'insert',
        table: 'importFormats',
        row: { tenant, id: 'f', prefix: 'sk_', separator: '.', hashed: 'all', createdAt: 0 },
        refused: 'taken',
      },
    ],
    audit: null,
  });
  const snapshot = await feed.snapshot(tenant);
  expect(snapshot).toMatchObject({ tenant, epoch, head: 1, issuer: 'https://issuer.example' });
  expect(snapshot.entries).toMatchObject([
    { type: 'revocation', target: client },
    { type: 'route', name: 'api', route: { name: 'api' } },
    { type: 'import_prefix', prefix: 'sk_' },
  ]);
});

test('leaves out of a snapshot what has expired', async () => {
  await revokeHere(client);
  clock.advanceMs((limits.accessTokenTtlSecondsMax + limits.clockSkewSeconds + 2) * 1000);
  expect((await feed.snapshot(tenant)).entries).toEqual([]);
});

test('never loses an entry between a head that moves and a node that asks', async () => {
  const seen: number[] = [];
  let after = 0;
  const reader = (async () => {
    while (after < 200) {
      const delta = await ask(after);
      if (delta === 'resync') throw new Error('resync');
      for (const entry of delta.entries) seen.push(entry.position);
      after = delta.entries.at(-1)?.position ?? after;
    }
  })();
  for (let i = 0; i < 200; i++) await revokeHere({ kind: 'token', id: `t${i}` });
  await reader;
  expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
});

test('loses no revocation that is committed while it reads that there is none', async () => {
  let between: (() => Promise<void>) | undefined;
  const list: Store['feed']['list'] = async (query) => {
    const rows = await store.feed.list(query);
    const interrupt = between;
    between = undefined;
    await interrupt?.();
    return rows;
  };
  feed = await open({ ...store, feed: { ...store.feed, list } });
  // A position without an entry, as one that has expired leaves behind.
  await revokeElsewhere({ kind: 'user', id: 'somebody' });
  await store.acts.run({
    steps: [{ do: 'delete', table: 'feed', where: { tenant } }],
    audit: null,
  });
  between = () => revokeHere(client);
  await feed.refresh(tenant);
  expect(await feed.refuses(tenant, token(0))).toBe(true);
});

test('lets others run between the parts of a long snapshot', async () => {
  const count = limits.longReadRows + 1;
  for (let i = 0; i < count; i++) await revokeElsewhere({ kind: 'token', id: `t${i}` });
  const asked = feed.snapshot(tenant);
  await expect.poll(() => due.length).toBe(1);
  // What is revoked meanwhile is in the first delta, if not in the snapshot.
  await revokeHere(client);
  for (const run of due) run();
  const { head, entries } = await asked;
  expect(head).toBe(count);
  expect(entries.length).toBeGreaterThanOrEqual(count);
});

test('gives the keys of a snapshot by pages, each once, and no other kind', async () => {
  const many = 2 * limits.feedKeysAtOnce + 10;
  const ids = Array.from({ length: many }, (_, i) => `k${String(i).padStart(5, '0')}`);
  const rows = ids.map((id) => keyRow(id, id === 'k00005' ? 'admin' : 'key'));
  await store.acts.run({ steps: [{ do: 'insertMany', table: 'keys', rows }], audit: null });
  const snapshot = await withTurns(feed.snapshot(tenant));
  const seen = snapshot.entries.flatMap((entry) => (entry.type === 'key' ? [entry.key.id] : []));
  expect(seen.length).toBeLessThanOrEqual(limits.feedKeysAtOnce);
  let after = snapshot.nextKeys;
  while (after !== undefined) {
    const page = await withTurns(feed.keys({ tenant, epoch, after }));
    if (page === 'resync') throw new Error('resync');
    expect(page.entries.length).toBeLessThanOrEqual(limits.feedKeysAtOnce);
    for (const { key } of page.entries) {
      expect(key.verifier).toBe(`verifier of ${key.id}`);
      seen.push(key.id);
    }
    after = page.nextKeys;
  }
  expect(seen).toEqual(ids.filter((id) => id !== 'k00005'));
  expect(await feed.keys({ tenant, epoch: 'e0', after: 'k' })).toBe('resync');
  expect(await feed.keys({ tenant, epoch, after: 'z' })).toEqual({ tenant, epoch, entries: [] });
});

/** Lets the parts of a long reading go on until it has ended. */
async function withTurns<T>(reading: Promise<T>): Promise<T> {
  let ended = false;
  const result = reading.finally(() => {
    ended = true;
  });
  while (!ended) {
    for (const run of due.splice(0)) run();
    await Promise.resolve();
  }
  return result;
}

function keyRow(id: string, kind: string): Row<'keys'> {
  return {
    ...{ tenant, id, kind, name: id, status: 'active', owner: 'o', scopes: [] },
    ...{ hashScheme: 'pepper', hash: new Uint8Array(32), pepperVersion: 'p1' },
    ...{ sealedVerifier: new Uint8Array(1), derivationKey: null },
    ...{ environment: null, plan: null, allowedAddresses: null, metadata: {} },
    ...{ createdAt: 1, updatedAt: 1, notBefore: null, expiresAt: null },
    ...{ predecessor: null, successor: null, importFormat: null, importFingerprint: null },
    version: 1,
    ...undecidedKeyColumns,
  };
}
