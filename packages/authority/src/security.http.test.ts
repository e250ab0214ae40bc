/** A person's own page of what signs them in, and signing in with what was set up there. */
import { nowSeconds } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { bedConfig, bedPassword } from './authority-bed.ts';
import type { Shown } from './browser-bed.ts';
import { answerOf, asAlice, type SignInBed, signInBed } from './sign-in-bed.ts';
import { softwareAuthenticator } from './users/software-authenticator.ts';
import { totpCode, totpStep } from './users/totp.ts';

const origin = bedConfig.issuer;
const current = bedPassword;
const url = '/account/security';

let bed: SignInBed;
let browser: ReturnType<SignInBed['browse']>;

beforeEach(async () => {
  bed = await signInBed();
  browser = await bed.settled();
});

const open = () => browser.open(url);
const press = async (fields: Record<string, string>) => browser.submit(await open(), fields);

/** What the page's script is given. */
function optionsOf(page: Shown) {
  const [, escaped = ''] = /data-options="([^"]+)"/.exec(page.text) ?? [];
  return JSON.parse(escaped.replaceAll('&quot;', '"').replaceAll('&amp;', '&'));
}

async function addPasskey() {
  const device = softwareAuthenticator(origin);
  const page = await press({ current, do: 'passkey_begin' });
  const response = JSON.stringify(device.create(optionsOf(page)));
  const done = await browser.submit(page, { do: 'passkey_finish', name: 'my phone', response });
  expect(done.text).toContain('my phone');
  return device;
}

describe('the page of what signs somebody in', () => {
  it('is for who is signed in', async () => {
    const stranger = await bed.browse().send('GET', url);
    expect([stranger.status, stranger.headers['location']]).toEqual([303, '/account']);
    const account = await browser.open('/account');
    expect(account.text).toContain(`href="${url}"`);
    const page = await open();
    expect([page.status, page.text.includes('No app is set up.')]).toEqual([200, true]);
    expect(page.text).toContain('href="/account"');
  });

  it.each(['password', 'totp_begin', 'totp_remove', 'recovery', 'passkey_begin'])(
    'does nothing without the password: %s',
    async (action) => {
      const refused = await press({ current: 'not it', password: 'another good one', do: action });
      expect([refused.status, refused.text.includes('current password is wrong')]).toEqual([
        422,
        true,
      ]);
      expect(await bed.store.userTotp.count()).toBe(0);
      expect(await bed.store.userRecoveryCodes.count()).toBe(0);
    },
  );

  it('takes no form of another page or browser', async () => {
    const refused = await press({ current, do: 'recovery', token: 'AAAA' });
    expect(refused.text).toContain('no longer good');
    expect(await bed.store.userRecoveryCodes.count()).toBe(0);
  });

  it('is not a way to guess a password', async () => {
    for (let i = 0; i < 10; i++) await press({ current: `guess ${i}`, do: 'recovery' });
    expect((await press({ current, do: 'recovery' })).text).toContain('Try again in');
  });

  it('changes the password, and signs out everywhere', async () => {
    const weak = await press({ current, password: 'short', do: 'password' });
    expect(weak.text).toContain('at least 8 characters');
    const password = 'another good one';
    expect((await press({ current, password, do: 'password' })).text).toContain('signed out');
    expect((await browser.send('GET', url)).status).toBe(303);
    const login = await browser.open(bed.authorizeUrl());
    expect((await browser.submit(login, asAlice)).status).toBe(422);
    expect(answerOf(await browser.submit(login, { ...asAlice, password }))).toHaveProperty('code');
  });
});

describe('an app that is set up there', () => {
  it('is asked for from then on; its codes of recovery are shown once', async () => {
    const page = await press({ current, do: 'totp_begin' });
    const row = (await bed.store.userTotp.list({ limit: 1 }))[0]!;
    const context = `totp-secret:${bed.alice}`;
    const secret = await bed.sealer.open(row.tenant as never, context, row.sealedSecret);
    const code = () => totpCode(secret, totpStep(nowSeconds(bed.clock)));
    const wrong = await browser.submit(page, { code: '000000', do: 'totp_confirm' });
    expect(wrong.text).toContain('otpauth://totp/');
    const codes = await browser.submit(wrong, { code: code(), do: 'totp_confirm' });
    const [recovery] = codes.text.match(/[a-z2-7]{4}(?:-[a-z2-7]{4}){5}/) ?? [];
    expect((await open()).text).not.toContain(recovery);
    const login = await bed.browse().open(bed.authorizeUrl());
    expect((await browser.submit(login, asAlice)).url).toBe('/login');
    const elsewhere = bed.browse();
    const second = await elsewhere.submit(await elsewhere.open(bed.authorizeUrl()), asAlice);
    expect(answerOf(await elsewhere.submit(second, { code: recovery! }))).toHaveProperty('code');
    await press({ current, do: 'totp_remove' });
    expect(await bed.store.userTotp.count()).toBe(0);
  });

  it('is not confirmed where none was begun', async () => {
    const refused = await press({ code: '000000', do: 'totp_confirm' });
    expect(refused.status).toBe(422);
    expect(await bed.store.userRecoveryCodes.count()).toBe(0);
  });
});

describe('a passkey', () => {
  it('is added there, signs in without a name or a password, and counts as strong', async () => {
    const device = await addPasskey();
    const elsewhere = bed.browse();
    const login = await elsewhere.open(bed.authorizeUrl({ acr_values: 'phr' }));
    const page = await elsewhere.submit(login, { passkey: '1' });
    expect(page.headers['content-security-policy']).toMatch(/script-src 'sha256-/);
    const response = JSON.stringify(device.get(optionsOf(page)));
    const done = await elsewhere.submit(page, { do: 'passkey', response });
    expect(answerOf(done)).toHaveProperty('code');
    const sessions = await bed.store.sessions.list({ limit: 10 });
    const strong = sessions.filter(({ acr }) => acr === 'phr');
    expect(strong).toMatchObject([{ subject: bed.alice, amr: ['hwk', 'user', 'mfa'] }]);
    // The same answer again is nothing, in this sign-in or another.
    const again = bed.browse();
    const other = await again.submit(await again.open(bed.authorizeUrl()), { passkey: '1' });
    expect((await again.submit(other, { do: 'passkey', response })).status).toBe(422);
  });

  it('leads back to the password, and is not believed whatever is sent', async () => {
    const elsewhere = bed.browse();
    const login = await elsewhere.open(bed.authorizeUrl());
    const page = await elsewhere.submit(login, { passkey: '1' });
    const back = await elsewhere.submit(page, { do: 'password' });
    expect(back.text).toContain('name="password"');
    for (const response of ['', 'null', '[]', '{"id":"x"}', '{', softwareless]) {
      const refused = await elsewhere.submit(page, { do: 'passkey', response });
      expect([refused.status, refused.text.includes('name="password"')]).toEqual([422, true]);
    }
  });

  it('can be taken away there, with the password', async () => {
    const device = await addPasskey();
    await press({ current: 'not it', remove_passkey: device.id });
    expect(await bed.store.userPasskeys.count()).toBe(1);
    await press({ current, remove_passkey: device.id });
    expect(await bed.store.userPasskeys.count()).toBe(0);
  });

  it('is not added by an answer to another page', async () => {
    const page = await press({ current, do: 'passkey_begin' });
    const device = softwareAuthenticator('https://evil.example');
    const response = JSON.stringify(device.create(optionsOf(page)));
    const refused = await browser.submit(page, { do: 'passkey_finish', name: 'x', response });
    expect([refused.status, await bed.store.userPasskeys.count()]).toEqual([422, 0]);
  });
});

const softwareless = JSON.stringify({
  id: 'AAAA',
  rawId: 'AAAA',
  type: 'public-key',
  response: {},
});
