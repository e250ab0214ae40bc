import { defaultTenant, limits } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import type { Act } from '../store/act.ts';
import { createKey } from './create-key.ts';
import { keyBed, requester } from './key-bed.ts';
import { createKeyCache } from './key-cache.ts';
import type { KeyRow } from './key-change.ts';

async function cached() {
  const bed = keyBed();
  let reads = 0;
  let hold = Promise.resolve();
  const keys = {
    async get(...key: readonly (string | number)[]) {
      reads++;
      const row = await bed.store.keys.get(...key);
      await hold;
      return row;
    },
  };
  const cache = createKeyCache(keys, bed.clock);
  const settings = { name: 'a', owner: 'a', scopes: [] };
  const made = await createKey(bed, { requester, settings });
  const { id } = (made.ok ? made.value.row : undefined) as KeyRow;
  return {
    bed,
    cache,
    id,
    get: async () => (await cache.get(defaultTenant, id))?.status,
    reads: () => reads,
    holdUp(until: Promise<void>) {
      hold = until;
    },
  };
}

const disable = (id: string): Act => ({
  steps: [
    {
      do: 'update',
      table: 'keys',
      where: { tenant: defaultTenant, id },
      set: { status: 'disabled' },
    },
  ],
  audit: null,
});

describe('level', () => {
  it('makes each refusal cost two readings, of a row and of none', async () => {
    const { bed, cache, id, reads } = await cached();
    const refused = async (of: string) => {
      const before = reads();
      const row = await cache.get(defaultTenant, of);
      await cache.level?.(defaultTenant, row);
      return reads() - before;
    };
    // Nothing was read yet that could stand for it.
    expect(await refused('unknown')).toBe(1);
    expect(await refused(id)).toBe(2);
    expect(await refused(id)).toBe(2);
    expect(await refused('unknown')).toBe(2);
    bed.clock.advanceMs(limits.keyRowCacheMs);
    expect(await refused(id)).toBe(2);
  });
});

describe('createKeyCache', () => {
  it('reads a key once while it is used again and again', async () => {
    const { get, reads, bed } = await cached();
    for (let i = 0; i < 5; i++) expect(await get()).toBe('active');
    expect(reads()).toBe(1);
    bed.clock.advanceMs(limits.keyRowCacheMs);
    await get();
    expect(reads()).toBe(2);
  });

  it('shows a change of its own process at once, and of another within its bound', async () => {
    const { bed, cache, id, get } = await cached();
    await get();
    const act = disable(id);
    await bed.store.acts.run(act);
    expect(await get()).toBe('active');
    cache.forget(act);
    expect(await get()).toBe('disabled');
    await bed.store.acts.run({
      ...act,
      steps: [{ ...act.steps[0], set: { status: 'active' } }] as never,
    });
    bed.clock.advanceMs(limits.keyRowCacheMs - 1);
    expect(await get()).toBe('disabled');
    bed.clock.advanceMs(1);
    expect(await get()).toBe('active');
  });

  it('is not moved by the wall clock', async () => {
    const { bed, get, reads } = await cached();
    await get();
    bed.clock.setWallMs(0);
    await get();
    bed.clock.advanceMs(limits.keyRowCacheMs);
    await get();
    expect(reads()).toBe(2);
  });

  it('does not remember what was read before a change and arrived after it', async () => {
    const { bed, cache, id, get, holdUp } = await cached();
    let release = (): void => {};
    holdUp(
      new Promise((resolve) => {
        release = resolve;
      }),
    );
    const early = get();
    const act = disable(id);
    await bed.store.acts.run(act);
    cache.forget(act);
    release();
    expect(await early).toBe('active');
    expect(await get()).toBe('disabled');
  });

  it('keeps its rows while other things change', async () => {
    const { bed, cache, get, reads } = await cached();
    await get();
    const where = { tenant: defaultTenant };
    cache.forget({
      steps: [
        { do: 'update', table: 'tenants', where, set: { name: 'x' } },
        { do: 'require', table: 'keys', where, refused: 'none' },
        { do: 'feed', tenant: defaultTenant, entries: [], at: bed.clock.nowMs() },
      ],
      audit: null,
    });
    await get();
    expect(reads()).toBe(1);
  });

  it('forgets where only the other way of an act writes keys', async () => {
    const { cache, id, get, reads } = await cached();
    await get();
    cache.forget({ steps: [], audit: null, otherwise: { reused: disable(id) } });
    await get();
    expect(reads()).toBe(2);
  });

  it('remembers no key that does not exist, and no more than its bound', async () => {
    const bed = keyBed();
    let reads = 0;
    const row = { id: 'x' } as KeyRow;
    const keys = {
      async get(_tenant: string | number, id?: string | number) {
        reads++;
        return id === 'none' ? undefined : row;
      },
    };
    const cache = createKeyCache(keys as never, bed.clock);
    await cache.get('t', 'none');
    await cache.get('t', 'none');
    expect(reads).toBe(2);
    for (let i = 0; i <= limits.keyRowsCachedMax; i++) await cache.get('t', `k${i}`);
    reads = 0;
    await cache.get('t', `k${limits.keyRowsCachedMax}`);
    expect(reads).toBe(0);
    await cache.get('t', 'k0');
    expect(reads).toBe(1);
  });
});
