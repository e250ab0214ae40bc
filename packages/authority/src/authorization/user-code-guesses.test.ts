import { defaultTenant, limits, manualClock } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { createUserCodeGuesses } from './user-code-guesses.ts';

const tenant = defaultTenant;

function begin() {
  const clock = manualClock(1_790_000_000_000);
  return { clock, guesses: createUserCodeGuesses(clock) };
}

describe('guesses of user codes are bounded', () => {
  it('for an address, whatever the browser', () => {
    const { clock, guesses } = begin();
    const by = (session: number) => ({ tenant, address: '192.0.2.1', session: `s${session}` });
    for (let i = 0; i < limits.userCodeGuessesPerAddress; i++) expect(guesses.begin(by(i))).toBe(0);
    expect(guesses.begin(by(99))).toBeGreaterThan(0);
    expect(guesses.begin({ ...by(99), address: '192.0.2.2' })).toBe(0);
    clock.advanceMs(60_000);
    expect(guesses.begin(by(99))).toBe(0);
  });

  it('for a session, whatever the address', () => {
    const { guesses } = begin();
    const by = (host: number) => ({ tenant, address: `192.0.2.${host}`, session: 's' });
    for (let i = 0; i < limits.userCodeGuessesPerSession; i++) expect(guesses.begin(by(i))).toBe(0);
    expect(guesses.begin(by(99))).toBeGreaterThan(0);
    expect(guesses.begin({ ...by(99), session: 't' })).toBe(0);
  });

  it('in all', () => {
    const { guesses } = begin();
    const by = (n: number) => ({ tenant, address: `10.0.${n >> 8}.${n & 255}`, session: `s${n}` });
    for (let i = 0; i < limits.userCodeGuessesPerTenant; i++) expect(guesses.begin(by(i))).toBe(0);
    expect(guesses.begin(by(5_000))).toBeGreaterThan(0);
  });

  it('and cost nothing where they were right, nor while somebody has to wait', () => {
    const { clock, guesses } = begin();
    const guesser = { tenant, address: '192.0.2.1', session: 's' };
    for (let i = 0; i < 100; i++) {
      expect(guesses.begin(guesser)).toBe(0);
      guesses.wasRight(guesser);
    }
    for (let i = 0; i < limits.userCodeGuessesPerSession; i++) guesses.begin(guesser);
    const wait = guesses.begin(guesser);
    for (let i = 0; i < 100; i++) guesses.begin(guesser);
    expect(guesses.begin(guesser)).toBe(wait);
    clock.advanceMs(wait * 1000);
    expect(guesses.begin(guesser)).toBe(0);
  });
});
