import { limits } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { createSlowHashQueue } from '../custody/slow-hash-queue.ts';
import { updateUser } from './change-user.ts';
import { createUsers } from './users.ts';
import { requesterOf, rightPassword, tenant, type UsersBed, usersBed } from './users-bed.ts';

const wrong = 'something else';

let bed: UsersBed;
beforeEach(() => {
  bed = usersBed();
});

/** A queue that counts what it is given to do. */
function countingQueue() {
  const inner = createSlowHashQueue();
  const counted = { runs: 0 };
  return {
    counted,
    run<T>(work: () => Promise<T>) {
      counted.runs += 1;
      return inner.run(work);
    },
  };
}

async function failTimes(username: string, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    expect(await bed.tryPassword(username, wrong)).toBe('invalid_credentials');
  }
}

describe('authenticatePassword', () => {
  it('gives the user and how he proved it, by any spelling of the name', async () => {
    const id = await bed.addUser('Alice@Example.com', { claims: { given_name: 'Alice' } });
    const input = { tenant, username: 'aLICE@example.COM', password: rightPassword };
    expect(await bed.users.authenticatePassword(input)).toMatchObject({
      ok: true,
      value: {
        id,
        username: 'Alice@Example.com',
        amr: ['pwd'],
        claims: { given_name: 'Alice', updated_at: 1_790_000_000 },
      },
    });
    expect(id).toMatch(/^[0-9A-Za-z]{17}$/);
  });

  it('answers an unknown user as a wrong password, with the same work', async () => {
    const passwordHashes = countingQueue();
    const acts: number[] = [];
    const store = {
      ...bed.store,
      acts: {
        async run(act: Parameters<typeof bed.store.acts.run>[0]) {
          acts.push(act.steps.length);
          return bed.store.acts.run(act);
        },
      },
    };
    await bed.addUser('alice');
    const users = createUsers({ ...bed, store, passwordHashes });
    const outward = [];
    for (const username of ['alice', 'nobody', '\u0000', 'a'.repeat(5_000)]) {
      const before = { hashes: passwordHashes.counted.runs, acts: acts.length };
      const judged = await users.authenticatePassword({ tenant, username, password: wrong });
      const reason = judged.ok ? 'ok' : judged.refusal.reason;
      const hashes = passwordHashes.counted.runs - before.hashes;
      outward.push({ reason, hashes, acts: acts.length - before.acts });
    }
    const same = { reason: 'invalid_credentials', hashes: 1, acts: 1 };
    expect(outward).toEqual([same, same, same, same]);
  });

  it('says why inside: no such user, no password, the wrong one', async () => {
    await bed.addUser('alice');
    const id = await bed.addUser('keyless');
    await updateUser(bed, requesterOf(), { id, version: 1, password: null });
    const why = async (username: string) => {
      const judged = await bed.users.authenticatePassword({ tenant, username, password: wrong });
      return judged.ok ? undefined : judged.refusal;
    };
    const reason = 'invalid_credentials';
    expect(await why('alice')).toEqual({ reason, why: 'wrong_password' });
    expect(await why('bob')).toEqual({ reason, why: 'unknown_user' });
    expect(await why('keyless')).toEqual({ reason, why: 'no_password' });
  });

  it('tells a disabled user so, after the right password only', async () => {
    const id = await bed.addUser('alice');
    await updateUser(bed, requesterOf(), { id, version: 1, status: 'disabled' });
    expect(await bed.tryPassword('alice', wrong)).toBe('invalid_credentials');
    expect(await bed.tryPassword('alice')).toBe('user_disabled');
  });

  it('knows no user of another tenant', async () => {
    await bed.addUser('alice', { tenant: 'other' as typeof tenant });
    expect(await bed.tryPassword('alice')).toBe('invalid_credentials');
  });

  it('turns away at once when too many wait, and counts no attempt', async () => {
    await bed.addUser('alice');
    const passwordHashes = createSlowHashQueue({ concurrencyMax: 0, queueMax: 0 });
    const users = createUsers({ ...bed, passwordHashes });
    const input = { tenant, username: 'alice', password: rightPassword };
    expect(await users.authenticatePassword(input)).toEqual({
      ok: false,
      refusal: { reason: 'busy' },
    });
    expect(await bed.store.signInAttempts.count()).toBe(0);
  });
});

describe('attempts that fail', () => {
  it('make the account wait, longer each time, with a ceiling', async () => {
    await bed.addUser('alice');
    await failTimes('alice', limits.signInFailuresFree);
    const waits: number[] = [];
    for (let i = 0; i < 12; i++) {
      const input = { tenant, username: 'alice', password: rightPassword };
      const refused = await bed.users.authenticatePassword(input);
      if (refused.ok || refused.refusal.reason !== 'locked') throw new Error('not locked');
      waits.push(refused.refusal.retryAfterSeconds);
      bed.clock.advanceMs(refused.refusal.retryAfterSeconds * 1000);
      await failTimes('alice', 1);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    expect(await bed.recorded()).toContain('user.lock');
  });

  it('are counted together whatever the spelling', async () => {
    await bed.addUser('Straße');
    for (const name of ['straße', 'STRASSE', 'strasse', 'Ｓtraße', 'straſſe']) {
      await failTimes(name, limits.signInFailuresFree / 5);
    }
    expect(await bed.tryPassword('strasse')).toBe('locked');
  });

  it('are counted for a name that nobody has, and its name is not kept', async () => {
    await failTimes('nobody@example.com', limits.signInFailuresFree);
    expect(await bed.tryPassword('NOBODY@example.com')).toBe('locked');
    const [row] = await bed.store.signInAttempts.list({ limit: 10 });
    expect(JSON.stringify(row)).not.toMatch(/nobody/i);
  });

  it('are forgotten by a success', async () => {
    await bed.addUser('alice');
    for (let round = 0; round < 3; round++) {
      await failTimes('alice', limits.signInFailuresFree - 1);
      expect(await bed.tryPassword('alice')).toBe('ok');
    }
    expect(await bed.store.signInAttempts.count()).toBe(0);
  });

  it('are forgotten after a day', async () => {
    await bed.addUser('alice');
    await failTimes('alice', limits.signInFailuresFree);
    bed.clock.advanceMs(limits.signInFailuresKeptSeconds * 1000);
    await failTimes('alice', limits.signInFailuresFree - 1);
    expect(await bed.tryPassword('alice')).toBe('ok');
  });

  it('never lock for longer than the ceiling, even when a clock ran ahead', async () => {
    await bed.addUser('alice');
    await failTimes('alice', limits.signInFailuresFree);
    const year = 365 * 86_400_000;
    const set = { lockedUntil: bed.clock.nowMs() + year };
    const where = { tenant };
    await bed.store.acts.run({
      steps: [{ do: 'update', table: 'signInAttempts', where, set }],
      audit: null,
    });
    expect(await bed.tryPassword('alice')).toBe('ok');
  });

  it('of one account make no other wait, and a new password lets its owner in', async () => {
    const id = await bed.addUser('alice');
    await bed.addUser('bob');
    await failTimes('alice', limits.signInFailuresFree);
    expect(await bed.tryPassword('bob')).toBe('ok');
    expect(await bed.tryPassword('alice')).toBe('locked');
    const password = 'a fresh start';
    await updateUser(bed, requesterOf(), { id, version: 1, password });
    expect(await bed.tryPassword('alice', password)).toBe('ok');
  });

  it('made elsewhere do not lock a browser in which the user has signed in', async () => {
    const id = await bed.addUser('alice');
    const from = async (browser: string, password: string, username = 'alice') => {
      const input = { tenant, username, password, browser };
      const judged = await bed.users.authenticatePassword(input);
      return judged.ok ? 'ok' : judged.refusal.reason;
    };
    expect(await from('home', rightPassword)).toBe('ok');
    await failTimes('alice', limits.signInFailuresFree);
    expect(await bed.tryPassword('alice')).toBe('locked');
    expect(await from('cafe', rightPassword)).toBe('locked');
    expect(await from('home', rightPassword)).toBe('ok');
    // Its own count is bounded like every other, and is one user's.
    await bed.addUser('bob');
    for (let i = 0; i < limits.signInFailuresFree; i++) await from('home', wrong);
    expect(await from('home', rightPassword)).toBe('locked');
    for (let i = 0; i < limits.signInFailuresFree; i++) await from('home', wrong, 'bob');
    expect(await bed.tryPassword('bob')).toBe('locked');
    // A new password: whoever knew the old one has no browser that is known.
    await updateUser(bed, requesterOf(), { id, version: 1, password: 'a fresh start' });
    expect(await bed.store.knownBrowsers.count()).toBe(0);
  });

  it('in a browser that was not used for long count with all others', async () => {
    await bed.addUser('alice');
    const home = { tenant, username: 'alice', password: rightPassword, browser: 'home' };
    await bed.users.authenticatePassword(home);
    bed.clock.advanceMs(limits.knownBrowserSeconds * 1000);
    await failTimes('alice', limits.signInFailuresFree);
    expect(await bed.users.authenticatePassword(home)).toMatchObject({ ok: false });
  });

  it('made at once cannot outrun the count, in two processes either', async () => {
    await bed.addUser('alice');
    const other = usersBed(bed.store, 2);
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? bed : other).tryPassword('alice', wrong)),
    );
    const judged = answers.filter((answer) => answer === 'invalid_credentials');
    expect(judged).toHaveLength(limits.signInFailuresFree);
    expect(new Set(answers)).toEqual(new Set(['invalid_credentials', 'locked']));
  });
});
