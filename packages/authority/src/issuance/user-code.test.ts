import { defaultTenant, seededEntropy, type TenantId } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { formatUserCode, freshUserCode, hashUserCode, parseUserCode } from './user-code.ts';

describe('a user code', () => {
  it('is eight of twenty letters, each as likely as any other', () => {
    const entropy = seededEntropy(7);
    const counts = new Map<string, number>();
    for (let i = 0; i < 5_000; i++) {
      const code = freshUserCode(entropy);
      expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{8}$/);
      for (const letter of code) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    }
    expect(counts.size).toBe(20);
    // 2,000 of each are expected, and 44 the standard deviation.
    for (const count of counts.values()) expect(Math.abs(count - 2_000)).toBeLessThan(220);
  });

  it.each([
    'WDJB-MJHT',
    'wdjbmjht',
    ' wdjb  mjht ',
    'W.D_J.B–M—J H T',
    'ＷＤＪＢ－ＭＪＨＴ',
    'wdjb\u00a0mjht',
  ])('is read however it is typed: %s', (typed) => {
    expect(parseUserCode(typed)).toBe('WDJBMJHT');
    expect(formatUserCode('WDJBMJHT')).toBe('WDJB-MJHT');
  });

  it.each(['', 'WDJB-MJH', 'WDJB-MJHTT', 'WDJB-MJHA', 'WDJB-MJH1', 'WDJB/MJHT', '-'.repeat(100)])(
    'is nothing else: %s',
    (typed) => {
      expect(parseUserCode(typed)).toBeUndefined();
    },
  );

  it('has a hash that needs the key, and that differs by tenant', () => {
    const of = (byte: number, tenant: string) =>
      hashUserCode(new Uint8Array(32).fill(byte), tenant as TenantId, 'WDJBMJHT');
    const hashes = new Set([of(1, defaultTenant), of(2, defaultTenant), of(1, 'other')]);
    expect(hashes.size).toBe(3);
  });
});
