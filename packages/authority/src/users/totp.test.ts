import { limits, type UnixSeconds, utf8 } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { base32, matchTotp, totpCode, totpStep, totpUri } from './totp.ts';

const secret = utf8('12345678901234567890');

describe('one-time codes', () => {
  // RFC 6238 appendix B, SHA-1, of eight digits the last six; RFC 4226 appendix D has the same key.
  it.each([
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
    [20000000000, '353130'],
  ])('at %i are those of RFC 6238', (at, code) => {
    expect(totpCode(secret, totpStep(at as UnixSeconds))).toBe(code);
  });

  it.each([
    [0, '755224'],
    [1, '287082'],
    [9, '520489'],
  ])('of counter %i are those of RFC 4226', (counter, code) => {
    expect(totpCode(secret, counter)).toBe(code);
  });

  it('are taken a step early or late, and no more', () => {
    const now = 1_234_567_890 as UnixSeconds;
    const step = totpStep(now);
    const taken = [-3, -2, -1, 0, 1, 2, 3].map((away) =>
      matchTotp(secret, totpCode(secret, step + away), now),
    );
    expect(limits.totpStepsWindow).toBe(1);
    expect(taken).toEqual([undefined, undefined, step - 1, step, step + 1, undefined, undefined]);
  });

  it.each(['', '00592', '0059244', '00592４', '-05924', 'x'.repeat(100_000), '5924'])(
    'are six digits: %.12j',
    (text) => {
      expect(matchTotp(secret, text, 1_234_567_890 as UnixSeconds)).toBeUndefined();
    },
  );

  it('may be typed with a space', () => {
    expect(matchTotp(secret, '005 924', 1_234_567_890 as UnixSeconds)).toBeDefined();
  });
});

describe('what an app reads', () => {
  // RFC 4648 §10.
  it.each([
    ['', ''],
    ['f', 'MY'],
    ['fo', 'MZXQ'],
    ['foo', 'MZXW6'],
    ['foob', 'MZXW6YQ'],
    ['fooba', 'MZXW6YTB'],
    ['foobar', 'MZXW6YTBOI'],
  ])('%j in base32 is %j', (text, encoded) => {
    expect(base32(utf8(text))).toBe(encoded);
  });

  it('names issuer and account', () => {
    const uri = new URL(totpUri(secret, { issuer: 'id.example', account: 'a&b@example.com' }));
    expect(uri.protocol).toBe('otpauth:');
    expect(decodeURIComponent(uri.pathname)).toMatch(/id\.example:a&b@example\.com$/);
    expect(Object.fromEntries(uri.searchParams)).toEqual({
      secret: base32(secret),
      issuer: 'id.example',
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    });
  });
});
