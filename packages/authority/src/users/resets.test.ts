import { limits, type SubjectId } from '@mintmark/core';
import { beforeEach, describe, expect, it, test } from 'vitest';
import type { Mail } from '../alerts/mailer.ts';
import { deleteUser, updateUser } from './change-user.ts';
import { resetByMail } from './reset-mail.ts';
import { createResets, type ResetMessage, type Resets } from './resets.ts';
import { requesterOf, rightPassword, tenant, type UsersBed, usersBed } from './users-bed.ts';

const requester = requesterOf();
const fresh = 'a fresh new password';
const claims = { email: 'alice@example.com', email_verified: true };

let bed: UsersBed;
let resets: Resets;
let userId: SubjectId;
let sent: ResetMessage[];
let faults: unknown[];
let isDown: boolean;

beforeEach(async () => {
  bed = usersBed();
  sent = [];
  faults = [];
  isDown = false;
  const delivery = {
    async deliver(message: ResetMessage) {
      if (isDown) throw new Error('no mail');
      sent.push(message);
    },
  };
  resets = createResets({ ...bed, delivery, onFault: (error) => faults.push(error) });
  userId = await bed.addUser('alice', { claims });
});

async function issued(): Promise<string> {
  const made = await resets.issue({ requester, userId });
  if (!made.ok) throw new Error(made.refusal.reason);
  return made.value.token;
}

async function asked(username: string): Promise<void> {
  resets.request({ tenant, username, address: '192.0.2.7' });
  await resets.settled();
}

async function complete(token: string, password = fresh): Promise<string> {
  const done = await resets.complete({ tenant, token, password });
  return done.ok ? 'ok' : done.refusal.reason;
}

describe('a reset token', () => {
  it('sets a password once, and ends what the user held', async () => {
    const token = await issued();
    expect(await complete(token)).toBe('ok');
    expect(await complete(token, 'another password')).toBe('invalid_reset');
    expect(await bed.tryPassword('alice', fresh)).toBe('ok');
    expect(await bed.tryPassword('alice', rightPassword)).toBe('invalid_credentials');
    expect(await bed.store.feed.count({ tenant, targetKind: 'user', targetId: userId })).toBe(1);
    expect(await bed.recorded()).toEqual(
      expect.arrayContaining(['user.reset_issue', 'user.reset_use']),
    );
  });

  it('lets a person in whom somebody else’s guesses have locked out', async () => {
    for (let i = 0; i < limits.signInFailuresFree; i++) await bed.tryPassword('alice', 'guess');
    expect(await bed.tryPassword('alice')).toBe('locked');
    expect(await complete(await issued())).toBe('ok');
    expect(await bed.tryPassword('alice', fresh)).toBe('ok');
  });

  it('is not spent by a password that is refused', async () => {
    const token = await issued();
    expect(await complete(token, 'short')).toBe('password_too_short');
    expect(await complete(token, 'alice@example.com')).toBe('ok');
  });

  it('ends in time, and with the next one', async () => {
    const old = await issued();
    const token = await issued();
    expect(await complete(old)).toBe('invalid_reset');
    bed.clock.advanceMs(limits.passwordResetSeconds * 1000);
    expect(await complete(token)).toBe('invalid_reset');
  });

  it('is nothing for another user, another tenant, or when changed', async () => {
    const token = await issued();
    const bob = await bed.addUser('bob');
    expect(await complete(token.replace(userId, bob))).toBe('invalid_reset');
    const elsewhere = { tenant: 'other' as typeof tenant, token, password: fresh };
    expect((await resets.complete(elsewhere)).ok).toBe(false);
    const last = token.endsWith('A') ? 'B' : 'A';
    expect(await complete(token.slice(0, -1) + last)).toBe('invalid_reset');
    expect(await complete('x'.repeat(100_000))).toBe('invalid_reset');
    expect(await complete(token)).toBe('ok');
  });

  it('is not kept in clear', async () => {
    const [, secret] = (await issued()).split('.');
    const rows = await bed.store.passwordResets.list({ limit: 10 });
    expect(JSON.stringify(rows)).not.toContain(secret);
  });

  it('works for active users only', async () => {
    const token = await issued();
    await updateUser(bed, requester, { id: userId, version: 1, status: 'disabled' });
    expect(await complete(token)).toBe('invalid_reset');
    const refused = { ok: false, refusal: { reason: 'user_not_found' } };
    expect(await resets.issue({ requester, userId })).toEqual(refused);
    await deleteUser(bed, requester, { id: userId, version: 2 });
    expect(await complete(token)).toBe('invalid_reset');
  });
});

describe('asking for a reset', () => {
  it('sends a token to the verified address', async () => {
    await asked('ALICE');
    expect(sent).toMatchObject([{ email: 'alice@example.com', username: 'alice' }]);
    expect(await complete(sent[0]!.token)).toBe('ok');
  });

  it.each([
    ['nobody', undefined],
    ['unverified', { email: 'mallory@example.com', email_verified: false }],
    ['unsaid', { email: 'mallory@example.com' }],
    ['addressless', { email_verified: true }],
  ])('for %s does nothing, and says nothing', async (username, of) => {
    if (of !== undefined) await bed.addUser(username, { claims: of });
    await asked(username);
    expect(sent).toEqual([]);
    expect(await bed.store.passwordResets.count()).toBe(0);
  });

  it('again does not fill a mailbox', async () => {
    for (let i = 0; i < 5; i++) await asked('alice');
    expect(sent).toHaveLength(1);
    bed.clock.advanceMs(limits.passwordResetPauseSeconds * 1000);
    await asked('alice');
    expect(sent).toHaveLength(2);
    expect(await complete(sent[0]!.token)).toBe('invalid_reset');
    expect(await complete(sent[1]!.token)).toBe('ok');
  });

  it('where mail is down is told to the operator alone', async () => {
    isDown = true;
    await asked('alice');
    expect(faults).toHaveLength(1);
  });

  it('by too many at once is dropped', async () => {
    for (let i = 0; i < 200; i++) resets.request({ tenant, username: `nobody${i}` });
    resets.request({ tenant, username: 'alice' });
    await resets.settled();
    expect(sent).toEqual([]);
  });

  it('is not offered where nothing delivers', async () => {
    const none = createResets({ ...bed, delivery: undefined, onFault: () => undefined });
    expect([none.isSelfService, resets.isSelfService]).toEqual([false, true]);
    none.request({ tenant, username: 'alice' });
    await none.settled();
    expect(await bed.store.passwordResets.count()).toBe(0);
  });
});

test('the message has the token, the page and the end', async () => {
  const mails: Mail[] = [];
  const mailer = { send: async (mail: Mail) => void mails.push(mail) };
  const delivery = resetByMail(mailer, () => 'https://id.example/reset');
  const mailed = createResets({ ...bed, delivery, onFault: (error) => faults.push(error) });
  mailed.request({ tenant, username: 'alice' });
  await mailed.settled();
  expect(faults).toEqual([]);
  const [mail] = mails;
  expect(mail).toMatchObject({ to: 'alice@example.com', subject: 'Set a new password' });
  expect(mail!.text).toContain('until 2026-09-21 14:43 UTC');
  const token = /https:\/\/id\.example\/reset\?token=(\S+)/.exec(mail!.text)?.[1];
  expect(await complete(String(token))).toBe('ok');
});

test.each([
  ['de', 'de', 'Ein neues Passwort setzen'],
  ['de-AT', 'en', 'Ein neues Passwort setzen'],
  [undefined, 'de', 'Ein neues Passwort setzen'],
  ['xx', 'de', 'Set a new password'],
  ['constructor', 'de', 'Set a new password'],
  [undefined, undefined, 'Set a new password'],
])('the message of a user of locale %s, asked for in %s, says %s', async (own, page, subject) => {
  const mails: Mail[] = [];
  const delivery = resetByMail(
    { send: async (mail: Mail) => void mails.push(mail) },
    () => 'https://id.example/reset',
  );
  const alice = (await bed.users.findByUsername(tenant, 'alice'))!;
  const users: typeof bed.users = {
    ...bed.users,
    findByUsername: async () => ({ ...alice, claims: { ...alice.claims, locale: own } }),
  };
  const mailed = createResets({ ...bed, users, delivery, onFault: (error) => faults.push(error) });
  mailed.request({ tenant, username: 'alice', ...(page && { language: page }) });
  await mailed.settled();
  expect([faults, mails.map((mail) => mail.subject)]).toEqual([[], [subject]]);
});
