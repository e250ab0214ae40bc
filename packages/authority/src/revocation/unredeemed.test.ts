import {
  defaultTenant,
  limits,
  seededEntropy,
  type UnixMs,
  type UnixSeconds,
} from '@mintmark/core';
import { freshTokenId, partitionOfTokenId } from '@mintmark/tokens';
import { describe, expect, it } from 'vitest';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import { unredeemedPage } from './unredeemed.ts';

const day = 86_400;
const midnight = 20_700 * day;
const entropy = seededEntropy(3);

async function codesMadeAt(moments: readonly number[]) {
  const store = openMemoryStore();
  for (const made of moments) {
    const expiresAt = (made + limits.authorizationCodeSeconds) as UnixSeconds;
    const id = freshTokenId({ now: made as UnixSeconds, expiresAt, entropy });
    const row = {
      ...{ partition: partitionOfTokenId(id)!, tenant: defaultTenant, id, clientId: 'app' },
      ...{ hash: new Uint8Array(32), pepperVersion: 'p', subject: 'u', family: `f${made}` },
      ...{ terms: { scopes: ['read'], audience: [] }, position: 1 },
      ...{ expiresAtSeconds: expiresAt, consumedAt: null },
    };
    const step = { do: 'insert', table: 'authorizationCodes', row, refused: 'taken' } as const;
    await store.acts.run({ steps: [step], audit: null });
  }
  return store;
}

async function found(store: Awaited<ReturnType<typeof codesMadeAt>>, seconds: number) {
  const families: string[] = [];
  const of = { tenant: defaultTenant, now: (seconds * 1000) as UnixMs };
  let after: Parameters<typeof unredeemedPage>[2]['after'];
  for (let pages = 1; ; pages++) {
    const page = await unredeemedPage(store, 'codes', { ...of, after });
    families.push(...page.found.map(({ family }) => family));
    if (page.after === undefined) return { families, pages };
    after = page.after;
  }
}

describe('codes that nobody has redeemed', () => {
  it('are found on both sides of midnight', async () => {
    const made = [-90, -70, -40, -10, 20].map((seconds) => midnight + seconds);
    const store = await codesMadeAt(made);
    const names = (...places: readonly number[]) => places.map((place) => `f${made[place]}`);
    expect((await found(store, midnight - 30)).families).toEqual(names(1, 2, 3, 4));
    expect((await found(store, midnight - 5)).families).toEqual(names(2, 3, 4));
    expect((await found(store, midnight + 30)).families).toEqual(names(3, 4));
    expect((await found(store, midnight + day)).families).toEqual([]);
  });

  it('are found beyond one page, and those that are over are not looked at', async () => {
    const now = midnight + day / 2;
    const old = Array.from({ length: 3 * limits.longReadRows }, () => now - 3_600);
    const fresh = Array.from({ length: limits.longReadRows + 2 }, (_, i) => now - (i % 50));
    const { families, pages } = await found(await codesMadeAt([...old, ...fresh]), now);
    expect([families.length, pages]).toEqual([fresh.length, 2]);
  });
});
