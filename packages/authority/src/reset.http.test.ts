/** A forgotten password, as a browser and a mailbox go through it. */
import { limits } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Mail } from './alerts/mailer.ts';
import { openAuthority } from './authority.ts';
import { authorityBed, bedConfig, bedPassword } from './authority-bed.ts';
import { openBrowser } from './browser-bed.ts';

type Bed = Awaited<ReturnType<typeof authorityBed>>;

const fresh = 'a fresh new password';

let bed: Bed;
/** Resolves with the next message; those who wait are served in order. */
let nextMail: () => Promise<Mail>;
let mailCount: number;
let browser: ReturnType<typeof openBrowser>;
let userId: string;

beforeEach(async () => {
  bed = await authorityBed();
  mailCount = 0;
  const waiting: ((mail: Mail) => void)[] = [];
  const mailer = {
    async send(mail: Mail) {
      mailCount++;
      waiting.shift()?.(mail);
    },
  };
  nextMail = () => new Promise((resolve) => waiting.push(resolve));
  const authority = await openAuthority(bedConfig, { ...bed.ports, mailer });
  browser = openBrowser(() => authority);
  const json = {
    username: 'alice',
    password: bedPassword,
    claims: { email: 'alice@example.com', email_verified: true },
  };
  userId = String((await bed.manage('POST', '/v1/users', { json })).json['id']);
});

/** Asks for a link. @returns what the page says */
async function ask(username: string): Promise<string> {
  const page = await browser.open('/forgot');
  expect(page.status).toBe(200);
  const sent = await browser.submit(page, { username });
  expect(sent.status).toBe(200);
  return sent.text;
}

/** Asks, and waits for the mail, which is sent behind the answer. */
async function mailed(username: string): Promise<Mail> {
  const mail = nextMail();
  await ask(username);
  return mail;
}

const linkOf = (mail: Mail) => /https:\/\/issuer\.example(\/reset\?token=\S+)/.exec(mail.text)![1]!;

async function isPassword(password: string): Promise<unknown> {
  const path = `/v1/users/${userId}/password/compare`;
  return (await bed.manage('POST', path, { json: { password } })).json['same'];
}

describe('a forgotten password', () => {
  it('is replaced by way of the mailbox', async () => {
    const mail = await mailed('Alice');
    expect(mail).toMatchObject({ to: 'alice@example.com' });
    const link = linkOf(mail);
    // Whoever only looks, as scanners of mail do, spends nothing.
    await browser.open(link);
    const page = await browser.open(link);
    expect(page.headers['referrer-policy']).toBe('no-referrer');
    const done = await browser.submit(page, { password: fresh });
    expect(done.text).toContain('The new password is set');
    expect(await isPassword(fresh)).toBe(true);
    const again = await browser.submit(await browser.open(link), { password: 'yet another one' });
    expect([again.status, again.text.includes('reset_over')]).toEqual([400, true]);
    expect(await isPassword(fresh)).toBe(true);
  });

  it('is asked for in one answer, whoever is named', async () => {
    const mail = nextMail();
    const [unknown, known] = [await ask('nobody'), await ask('alice')];
    expect(unknown).toBe(known);
    await mail;
    expect(mailCount).toBe(1);
  });

  it('keeps the link while a password is refused', async () => {
    const page = await browser.open(linkOf(await mailed('alice')));
    const short = await browser.submit(page, { password: 'short' });
    expect([short.status, short.text.includes('at least 8 characters')]).toEqual([422, true]);
    const blocked = await browser.submit(short, { password: 'password123' });
    expect(blocked.text).toContain('guessed first');
    const long = await browser.submit(blocked, { password: 'x'.repeat(2_000) });
    expect(long.text).toContain(`${limits.passwordBytesMax} bytes`);
    expect((await browser.submit(long, { password: fresh })).text).toContain('is set');
  });

  it('is not replaced by a form that another page sends', async () => {
    const page = await browser.open(linkOf(await mailed('alice')));
    const forged = await browser.submit(page, { token: 'AAAA', password: fresh });
    expect(forged.text).toContain('no longer good');
    expect(await isPassword(bedPassword)).toBe(true);
    const asked = await browser.post('/forgot', { token: 'AAAA', username: 'alice' });
    expect(asked.text).toContain('no longer good');
  });

  it.each(['/reset', '/reset?token=x', '/reset?token=x&token=y'])(
    'has no page at %s',
    async (url) => {
      expect((await browser.open(url)).status).toBe(400);
    },
  );

  it('can be replaced with an administrator’s link where there is no mail', async () => {
    const own = openBrowser(() => bed.authority);
    expect((await own.open('/forgot')).status).toBe(404);
    const reset = await bed.manage('POST', `/v1/users/${userId}/password/reset`);
    const { pathname, search } = new URL(String(reset.json['url']));
    const done = await own.submit(await own.open(pathname + search), { password: fresh });
    expect(done.text).toContain('is set');
    expect(await isPassword(fresh)).toBe(true);
  });
});
