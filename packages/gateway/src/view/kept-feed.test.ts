import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limits, manualClock, seededEntropy, utf8, utf8Decode } from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FeedKeeper, type Kept, type KeptEvent } from './kept-feed.ts';

const startMs = Date.UTC(2026, 0, 1);
let folder: string;
let events: KeptEvent[];
let seed = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mintmark-'));
  events = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function keeper(changes: { credential?: string; nowMs?: number; name?: string } = {}): FeedKeeper {
  return new FeedKeeper({
    folder: join(folder, 'state'),
    name: changes.name ?? 'node-default',
    credential: changes.credential ?? 'a credential',
    clock: manualClock(changes.nowMs ?? startMs),
    entropy: seededEntropy(++seed),
    log: (event) => events.push(event),
  });
}

const file = (kind: string): string => join(folder, 'state', `node-default.${kind}`);

/** A snapshot, a page, two deltas, and the word of the authority for both. */
async function keep(): Promise<void> {
  const one = keeper();
  await one.begin(utf8('snapshot'));
  await one.proven(7, startMs - 9_000);
  await one.add('keys', utf8('page'));
  await one.add('delta', utf8('delta 8'));
  await one.proven(8, startMs - 6_000);
  await one.add('delta', utf8('delta 9'));
}

function words(kept: Kept | undefined): string[] | undefined {
  return kept?.records.map(({ part, body }) => `${part}: ${utf8Decode(body)}`);
}

const all = ['snapshot: snapshot', 'keys: page', 'delta: delta 8', 'delta: delta 9'];

describe('what a gateway keeps of its feed', () => {
  it('is there for the next process, in order, with the time of its last proof', async () => {
    await keep();
    const kept = await keeper().load();
    expect(words(kept)).toEqual(all);
    expect(kept).toMatchObject({ position: 8, provenAtMs: startMs - 6_000 });
    expect(events).toEqual([]);
  });

  it('goes on behind what an earlier process left', async () => {
    await keep();
    const next = keeper();
    await next.load();
    await next.add('delta', utf8('delta 10'));
    await next.proven(10, startMs);
    const kept = await keeper().load();
    expect(words(kept)).toEqual([...all, 'delta: delta 10']);
    expect(kept?.position).toBe(10);
  });

  it('shows nothing of it to who reads the disk', async () => {
    await keep();
    for (const kind of ['feed', 'proof']) {
      expect(readFileSync(file(kind)).toString('latin1')).not.toMatch(/snapshot|page|delta|prov/);
      expect(statSync(file(kind)).mode & 0o077).toBe(0);
    }
  });

  it('is nothing where nothing was kept', async () => {
    expect(await keeper().load()).toBeUndefined();
    expect(events).toEqual([]);
  });

  it('writes the time of a proof once a second, or after a step back of the clock', async () => {
    const one = keeper();
    await one.begin(utf8('snapshot'));
    for (const ms of [0, 400, 999]) await one.proven(1, startMs - 5_000 + ms);
    expect((await keeper().load())?.provenAtMs).toBe(startMs - 5_000);
    await one.proven(1, startMs - 5_000 + limits.keptProofMs);
    expect((await keeper().load())?.provenAtMs).toBe(startMs - 4_000);
    await one.proven(1, startMs - 90_000);
    expect((await keeper().load())?.provenAtMs).toBe(startMs - 90_000);
  });

  it('begins anew with a new snapshot, and keeps what came while that was on its way', async () => {
    await keep();
    const next = keeper();
    await next.load();
    next.renew();
    await next.add('delta', utf8('delta 10'));
    await next.begin(utf8('new snapshot'));
    await next.add('delta', utf8('delta 11'));
    await next.proven(11, startMs);
    const kept = await keeper().load();
    expect(words(kept)).toEqual(['snapshot: new snapshot', 'delta: delta 10', 'delta: delta 11']);
  });

  it('asks for a new snapshot where it grew to twice its beginning, and by much', async () => {
    const one = keeper();
    await one.begin(utf8('snapshot'));
    expect(one.isLong).toBe(false);
    await one.add('delta', new Uint8Array(limits.keptFeedBytesMin));
    expect(one.isLong).toBe(true);
    await one.begin(new Uint8Array(limits.keptFeedBytesMin));
    await one.add('delta', new Uint8Array(limits.keptFeedBytesMin / 2));
    expect(one.isLong).toBe(false);
  });
});

describe('what is not as it was written', () => {
  async function refused(changes?: Parameters<typeof keeper>[0]): Promise<string | undefined> {
    expect(await keeper(changes).load()).toBeUndefined();
    const [event] = events;
    return event?.type === 'kept_feed_unusable' ? event.reason : undefined;
  }

  it('is not used where any bit of it was changed', async () => {
    await keep();
    for (const kind of ['feed', 'proof']) {
      const whole = readFileSync(file(kind));
      for (let at = 0; at < whole.length; at += 7) {
        const changed = Buffer.from(whole);
        changed[at]! ^= 1 << (at % 8);
        writeFileSync(file(kind), changed);
        const kept = await keeper().load();
        // A changed length reads as a record that a crash cut off; the proof says what is missing.
        expect(kept === undefined || kept.records.length < all.length).toBe(true);
        writeFileSync(file(kind), whole);
      }
    }
  });

  it('ends before a record that a crash cut off, and goes on there', async () => {
    await keep();
    truncateSync(file('feed'), statSync(file('feed')).size - 3);
    const next = keeper();
    expect(words(await next.load())).toEqual(all.slice(0, 3));
    await next.add('delta', utf8('delta 9 again'));
    expect(words(await keeper().load())).toEqual([...all.slice(0, 3), 'delta: delta 9 again']);
  });

  it('is not used under another name, nor opened with another credential', async () => {
    await keep();
    expect(await refused({ credential: 'another' })).toBe('the proof does not open');
    events = [];
    for (const kind of ['feed', 'proof']) {
      writeFileSync(join(folder, 'state', `other.${kind}`), readFileSync(file(kind)));
    }
    expect(await refused({ name: 'other' })).toBe('the proof does not open');
  });

  it('does not let an old copy pass for a new one', async () => {
    await keep();
    const old = readFileSync(file('feed'));
    const next = keeper();
    await next.begin(utf8('new snapshot'));
    await next.proven(20, startMs);
    writeFileSync(file('feed'), old);
    expect(await refused()).toBe('another run');
  });

  it('is not used where the clock was set back behind its proof', async () => {
    await keep();
    expect(await refused({ nowMs: startMs - 7_000 })).toBe('the clock was set back');
  });
});

describe('a disk that fails', () => {
  it('is told of, and what it holds counts for nothing any more', async () => {
    const one = keeper();
    await one.begin(utf8('snapshot'));
    await one.proven(1, startMs);
    rmSync(join(folder, 'state'), { recursive: true });
    writeFileSync(join(folder, 'state'), 'no folder');
    await one.begin(utf8('another'));
    expect(events.map(({ type }) => type)).toEqual(['kept_feed_failed']);
    await one.add('delta', utf8('more'));
    await one.proven(2, startMs + 10_000);
    expect(events).toHaveLength(1);
    expect(one.isLong).toBe(false);
  });
});
