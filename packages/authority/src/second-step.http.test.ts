/** A sign-in of somebody who has an authenticator app, as a browser goes through it. */
import { defaultTenant, limits, nowSeconds, type SubjectId } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { answerOf, asAlice, type SignInBed, signInBed } from './sign-in-bed.ts';
import { createFactors, type Factors } from './users/factors.ts';
import { totpCode, totpStep } from './users/totp.ts';

let bed: SignInBed;
let factors: Factors;
let userId: SubjectId;
/** The code that the app shows. */
let app: (away?: number) => string;

const requester = { tenant: defaultTenant, actor: { kind: 'admin_key', id: 'root' } } as const;

beforeEach(async () => {
  bed = await signInBed();
  factors = createFactors({ ...bed.registry, store: bed.store, sealer: bed.sealer });
  userId = (await bed.store.usernames.get(defaultTenant, 'alice'))!.userId as SubjectId;
});

async function enrol(): Promise<void> {
  await factors.beginTotp({ requester, userId, issuer: 'x' });
  const row = (await bed.store.userTotp.get(defaultTenant, userId))!;
  const context = `totp-secret:${userId}`;
  const secret = await bed.sealer.open(defaultTenant, context, row.sealedSecret);
  app = (away = 0) => totpCode(secret, totpStep(nowSeconds(bed.clock)) + away);
  const done = await factors.confirmTotp({ requester, userId, code: app() });
  expect(done.ok).toBe(true);
  bed.clock.advanceMs(60_000);
}

const sessions = () => bed.store.sessions.list({ limit: 10 });

async function halfway() {
  const browser = bed.browse();
  const page = await browser.submit(await browser.open(bed.authorizeUrl()), asAlice);
  return { browser, page };
}

describe('with an authenticator app', () => {
  beforeEach(enrol);

  it('the password alone opens no session', async () => {
    const { page } = await halfway();
    expect(page.status).toBe(200);
    expect(page.text).toContain('name="code"');
    expect(await sessions()).toEqual([]);
  });

  it('the code completes it, and session and answer say so', async () => {
    const { browser, page } = await halfway();
    const consent = await browser.submit(page, { code: app() });
    expect(consent.url).toMatch(/^\/consent/);
    expect(answerOf(await browser.submit(consent))).toHaveProperty('code');
    expect(await sessions()).toMatchObject([{ acr: 'mfa', amr: ['pwd', 'otp', 'mfa'] }]);
  });

  it('leads to the question of a device as well', async () => {
    const grant = 'urn:ietf:params:oauth:grant-type:device_code';
    const tv = await bed.addClient({ grantTypes: [grant], defaultAcrValues: ['mfa'] });
    const begun = await bed.post('/oauth2/device_authorization', {}, tv);
    const browser = bed.browse();
    const user_code = String(begun.json['user_code']);
    const login = await browser.submit(await browser.open('/device'), { user_code });
    const page = await browser.submit(login, asAlice);
    expect(page.text).toContain('name="code"');
    const question = await browser.submit(page, { code: app() });
    expect(question.url).toMatch(/^\/device\?transaction=/);
    await browser.submit(question);
    const form = { grant_type: grant, device_code: String(begun.json['device_code']) };
    expect(await bed.post('/oauth2/token', form, tv)).toMatchObject({ status: 200 });
  });

  it('a wrong code is asked for again, a used one is wrong', async () => {
    const { browser, page } = await halfway();
    const wrong = await browser.submit(page, { code: app(50) });
    expect([wrong.status, wrong.text.includes('role="alert"')]).toEqual([422, true]);
    const code = app();
    expect((await browser.submit(wrong, { code })).url).toMatch(/^\/consent/);
    const again = await halfway();
    expect((await again.browser.submit(again.page, { code })).status).toBe(422);
    expect(await sessions()).toHaveLength(1);
  });

  it('a recovery code does it too, once', async () => {
    const made = await factors.makeRecoveryCodes({ requester, userId });
    const code = made.ok ? made.value[0]! : '';
    const first = await halfway();
    expect((await first.browser.submit(first.page, { code })).url).toMatch(/^\/consent/);
    const second = await halfway();
    expect((await second.browser.submit(second.page, { code })).status).toBe(422);
  });

  it('codes are not guessed: the account waits, and a right password does not help', async () => {
    const { browser, page } = await halfway();
    for (let i = 0; i < limits.signInFailuresFree; i++) {
      await browser.submit(page, { code: app(100 + i) });
    }
    const next = await halfway();
    const locked = await next.browser.submit(next.page, { code: app() });
    expect(locked.text).toContain('Try again in 1 seconds');
    expect(await sessions()).toEqual([]);
  });

  it('what the form carries is good for its sign-in, its browser and a few minutes', async () => {
    const { browser, page } = await halfway();
    const [, carried] = /name="halfway" value="([^"]+)"/.exec(page.text) ?? [];
    const other = await halfway();
    const moved = await other.browser.submit(other.page, { code: app(), halfway: carried! });
    expect(moved.text).toContain('name="password"');
    const forged = carried!.replace(/^(\w+)\.\d+/, '$1.99');
    const bent = await browser.submit(page, { code: app(), halfway: forged });
    expect(bent.text).toContain('name="password"');
    bed.clock.advanceMs(limits.secondStepSeconds * 1000);
    const late = await browser.submit(page, { code: app() });
    expect(late.text).toContain('name="password"');
    expect(await sessions()).toEqual([]);
  });

  it('a changed password ends what was halfway', async () => {
    const { browser, page } = await halfway();
    const headers = { 'if-match': '*' };
    const json = { password: 'something else now' };
    const path = `/v1/users/${userId}/password`;
    expect((await bed.manage('PUT', path, { json, ifMatch: headers['if-match'] })).status).toBe(
      200,
    );
    const ended = await browser.submit(page, { code: app() });
    expect(ended.text).toContain('name="password"');
    expect(await sessions()).toEqual([]);
  });

  it('can be cancelled', async () => {
    const { browser, page } = await halfway();
    const denied = await browser.submit(page, { deny: '1' });
    expect(answerOf(denied)).toMatchObject({ error: 'access_denied' });
  });
});

it('a client that asks for more gets it, where there is more', async () => {
  const browser = await bed.settled();
  const unmet = await browser.open(bed.authorizeUrl({ acr_values: 'mfa' }));
  expect(answerOf(unmet)).toMatchObject({ error: 'unmet_authentication_requirements' });
  await enrol();
  const login = await browser.open(bed.authorizeUrl({ acr_values: 'mfa' }));
  expect(login.url).toMatch(/^\/login/);
  const code = await browser.submit(await browser.submit(login, asAlice), { code: app() });
  expect(answerOf(code)).toHaveProperty('code');
  expect(await sessions()).toMatchObject([{ acr: 'mfa' }]);
});
