import { limits, seededEntropy } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { createSlowHashQueue } from '../custody/slow-hash-queue.ts';
import { decoyHash, hashPassword, judgePassword, verifyPassword } from './password.ts';

const deps = { entropy: seededEntropy(3), passwordHashes: createSlowHashQueue() };
const names = ['alice@example.com', 'Alice Liddell'];

async function hashOf(password: string): Promise<string> {
  const made = await hashPassword(deps, { password, names });
  if (!made.ok) throw new Error(made.refusal.reason);
  return made.value;
}

describe('a password', () => {
  it('is kept as argon2id with 19 MiB and two passes, each with a salt of its own', async () => {
    const [one, two] = [await hashOf('correct horse'), await hashOf('correct horse')];
    const base64 = '[A-Za-z0-9+/]';
    expect(one).toMatch(
      new RegExp(`^\\$argon2id\\$v=19\\$m=19456,t=2,p=1\\$${base64}{22}\\$${base64}{43}$`),
    );
    expect(two).not.toBe(one);
    expect(await verifyPassword(one, 'correct horse')).toBe(true);
    expect(await verifyPassword(one, 'correct Horse')).toBe(false);
  });

  it('is the same however the keyboard composed it', async () => {
    expect(await verifyPassword(await hashOf('café au lait'), 'cafe\u0301 au lait')).toBe(true);
  });

  it('fits no decoy, which has the form and the cost of a real hash', async () => {
    const decoy = decoyHash(seededEntropy(4));
    const real = await hashOf('correct horse');
    expect(decoy.split('$').slice(0, 4)).toEqual(real.split('$').slice(0, 4));
    expect(decoy).toHaveLength(real.length);
    expect(await verifyPassword(decoy, '')).toBe(false);
  });

  it.each([
    ['1234567', 'password_too_short'],
    ['😀😀😀😀', 'password_too_short'],
    ['x'.repeat(limits.passwordBytesMax + 1), 'password_too_long'],
    [`${'é'.repeat(600)}`, 'password_too_long'],
    ['x'.repeat(1024 * 1024), 'password_too_long'],
    ['Password', 'password_blocked'],
    ['password123!', 'password_blocked'],
    ['Welcome2026!', 'password_blocked'],
    ['aaaaaaaaaaaa', 'password_blocked'],
    ['1234567890', 'password_blocked'],
    ['ALICE@example.com', 'password_blocked'],
    ['alice liddell', 'password_blocked'],
  ])('%.20s… is refused: %s', (password, reason) => {
    expect(judgePassword(password, names)).toMatchObject({ ok: false, refusal: { reason } });
  });

  it.each([
    'correct horse battery staple',
    'password is a bad word',
    'x9$fjk2L',
    `${'lorem ipsum '.repeat(85)}`,
  ])('%.20s… is accepted, without rules of composition', (password) => {
    expect(judgePassword(password, names).ok).toBe(true);
  });

  it('of a megabyte is judged without any hashing', async () => {
    expect(await verifyPassword('not a hash at all', 'x'.repeat(1024 * 1024))).toBe(false);
  });

  it('is not hashed where the queue is full', async () => {
    const passwordHashes = createSlowHashQueue({ concurrencyMax: 0, queueMax: 0 });
    const made = await hashPassword({ ...deps, passwordHashes }, { password: 'good one!', names });
    expect(made).toEqual({ ok: false, refusal: { reason: 'busy' } });
  });
});
