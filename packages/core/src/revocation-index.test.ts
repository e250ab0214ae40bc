import { expect, test } from 'vitest';
import type { UnixSeconds } from './clock.ts';
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
