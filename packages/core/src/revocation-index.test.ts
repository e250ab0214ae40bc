import { expect, test } from 'vitest';
import type { UnixMs, UnixSeconds } from './clock.ts';
import { createRevocationIndex, type TokenTargets } from './revocation-index.ts';
import type { RevocationEntry, RevocationTarget } from './wire/status-feed.ts';

const token: TokenTargets = {
  position: 5,
  issuedAt: 100 as UnixSeconds,
  tokenId: 't1',
  clientId: 'c1',
  subject: 'u1',
  tenant: 'default',
  family: 'f1',
  signingKey: 'k1',
};

function entry(target: RevocationTarget, position: number, expiresAt = 1000): RevocationEntry {
  return { type: 'revocation', position, target, expiresAt: expiresAt as UnixSeconds };
}

test.each([
  { kind: 'token', id: 't1' },
  { kind: 'family', id: 'f1' },
  { kind: 'client', id: 'c1' },
  { kind: 'user', id: 'u1' },
  { kind: 'signing_key', id: 'k1' },
  { kind: 'tenant', id: 'default' },
] as const)('refuses a token older than the revocation of its $kind', (target) => {
  const index = createRevocationIndex();
  index.apply(entry(target, 6));
  expect(index.refuses(token)).toEqual(target);
  expect(index.refuses({ ...token, position: 6 })).toBeUndefined();
});

test('ends what was issued before a moment by its date, whatever its position', () => {
  const index = createRevocationIndex();
  index.apply({ ...entry({ kind: 'client', id: 'c1' }, 6), before: 100 as UnixSeconds });
  expect(index.refuses(token)).toBeUndefined();
  expect(index.refuses({ ...token, issuedAt: 99 as UnixSeconds })).toBeDefined();
  expect(index.refuses({ ...token, issuedAt: 99 as UnixSeconds, position: 50 })).toBeDefined();
});

test('forgets neither of two revocations of one target that end different things', () => {
  const orders = [
    [6, 9],
    [9, 6],
  ] as const;
  for (const [plain, dated] of orders) {
    const index = createRevocationIndex();
    index.apply(entry({ kind: 'client', id: 'c1' }, plain));
    index.apply({ ...entry({ kind: 'client', id: 'c1' }, dated), before: 100 as UnixSeconds });
    expect(index.refuses({ ...token, position: plain - 1 })).toBeDefined();
    expect(index.refuses({ ...token, position: plain })).toBeUndefined();
    const old = { ...token, position: 50, issuedAt: 99 as UnixSeconds };
    expect(index.refuses(old)).toBeDefined();
  }
});

test('ends keys of a user or tenant by when they were made, or by their own position', () => {
  const key = { owner: 'u1', tenant: 'default', createdAt: 1000 as UnixMs };
  for (const target of [
    { kind: 'user', id: 'u1' } as const,
    { kind: 'tenant', id: 'default' } as const,
  ]) {
    const index = createRevocationIndex();
    index.apply({ ...entry(target, 6), keysBefore: 1000 as UnixMs });
    expect(index.refusesKey(key)).toBeUndefined();
    expect(index.refusesKey({ ...key, createdAt: 999 as UnixMs })).toEqual(target);
    expect(index.refusesKey({ ...key, createdAt: undefined })).toEqual(target);
    expect(index.refusesKey({ ...key, position: 5 })).toEqual(target);
    expect(index.refusesKey({ ...key, position: 6 })).toBeUndefined();
    expect(index.refusesKey({ ...key, owner: 'u2', tenant: 'other' })).toBeUndefined();
  }
});

test('counts what a holder asked for while it lives', () => {
  const index = createRevocationIndex();
  for (const id of ['t1', 't2', 't2']) {
    index.apply({ ...entry({ kind: 'token', id }, 6), holder: 'c u' });
  }
  index.apply(entry({ kind: 'token', id: 't3' }, 7));
  expect(index.askedBy('c u')).toBe(2);
  index.expire(1001 as UnixSeconds);
  expect([index.askedBy('c u'), index.size]).toEqual([0, 0]);
});

test('leaves tokens of other targets alone', () => {
  const index = createRevocationIndex();
  index.apply(entry({ kind: 'client', id: 'c2' }, 9));
  index.apply(entry({ kind: 'key', id: 't1' }, 9));
  expect(index.refuses(token)).toBeUndefined();
});

test('keeps the higher position when a snapshot and a delta overlap', () => {
  const index = createRevocationIndex();
  index.apply(entry({ kind: 'client', id: 'c1' }, 9));
  index.apply(entry({ kind: 'client', id: 'c1' }, 3));
  expect(index.position('client', 'c1')).toBe(9);
});

test('keeps the later end of two revocations of one target', () => {
  const index = createRevocationIndex();
  index.apply(entry({ kind: 'client', id: 'c1' }, 6, 2000));
  index.apply(entry({ kind: 'client', id: 'c1' }, 9, 1000));
  index.expire(1500 as UnixSeconds);
  expect(index.position('client', 'c1')).toBe(9);
  index.expire(2001 as UnixSeconds);
  expect(index.size).toBe(0);
});
