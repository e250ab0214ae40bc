import { beforeEach, describe, expect, test } from 'vitest';
import { answerOf, asAlice, asBob, redirectUri, type SignInBed, signInBed } from './sign-in-bed.ts';

let bed: SignInBed;

beforeEach(async () => {
  bed = await signInBed({
    grantTypes: ['authorization_code', 'refresh_token'],
    idTokenAlgorithm: 'ES256',
  });
});

const isSignedIn = async (browser: ReturnType<SignInBed['browse']>) =>
  'code' in answerOf(await browser.open(bed.authorizeUrl({ prompt: 'none' })));

/** Of RFC 7636 appendix B, as the requests of the bed are made with. */
const code_verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';

/** An application signs its person in, as on a device of theirs. @returns its refresh token */
async function signInDevice(browser: ReturnType<SignInBed['browse']>): Promise<string> {
  const { code = '' } = answerOf(await browser.open(bed.authorizeUrl()));
  const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier };
  const { json } = await bed.post('/oauth2/token', form, bed.app);
  expect(json).toHaveProperty('refresh_token');
  return String(json['refresh_token']);
}

const refresh = (refresh_token: string) =>
  bed.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token }, bed.app);

describe('the account page', () => {
  test('asks who is there first', async () => {
    const browser = bed.browse();
    const login = await browser.open('/account');
    expect(login.url).toMatch(/^\/login/);
    const account = await browser.submit(login, asAlice);
    expect(account.url).toBe('/account');
    expect(account.text).toContain('You are signed in as alice');
    expect((await browser.open(login.url)).url).toBe('/account');
  });

  test("shows the person's sessions, and ends the one that they choose", async () => {
    const browser = await bed.settled();
    const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
    const other = bed.browse({ 'user-agent': firefox });
    await other.submit(await other.open('/account'), asAlice);
    const page = await browser.open('/account');
    expect(page.text).toContain('Firefox, Linux');
    expect(page.text.match(/name="end_session"/g)).toHaveLength(2);
    const sessions = await bed.store.sessions.list({ limit: 10 });
    const theirs = sessions.find(({ device }) => device !== '');
    const after = await browser.submit(page, { end_session: String(theirs?.id) });
    expect(after.text.match(/name="end_session"/g)).toHaveLength(1);
    expect(await isSignedIn(other)).toBe(false);
    expect(await isSignedIn(browser)).toBe(true);
  });

  test("ends nobody else's session, nor consent, and nothing without its own form", async () => {
    const browser = await bed.settled();
    const bob = bed.browse();
    const page = await bob.submit(await bob.open('/account'), asBob);
    const [row] = await bed.store.sessions.list({ where: { subject: bed.alice }, limit: 1 });
    await bob.submit(page, { end_session: String(row?.id), withdraw: bed.app.clientId });
    expect(await isSignedIn(browser)).toBe(true);
    const own = await browser.open('/account');
    const forged = { end_session: String(row?.id), token: 'x' };
    expect((await browser.submit(own, forged)).status).toBe(400);
    expect(await isSignedIn(browser)).toBe(true);
    const foreign = await bed.browse().submit(own, { withdraw: bed.app.clientId });
    expect(foreign.url).toMatch(/^\/login/);
    expect(await bed.store.consents.count()).toBe(1);
  });

  test('shows where applications stay signed in, and ends the one that they choose', async () => {
    const browser = await bed.settled();
    expect((await browser.open('/account')).text).not.toContain('end_device');
    const [phone, desk] = [await signInDevice(browser), await signInDevice(browser)];
    const rotated = await refresh(phone);
    expect(rotated.status).toBe(200);
    const page = await browser.open('/account');
    const buttons = [...page.text.matchAll(/name="end_device" value="([^"]+)"/g)];
    expect(buttons).toHaveLength(2);
    const [newest] = await bed.store.refreshFamilies.list({
      where: { tenant: 'default', generation: 2 },
      limit: 1,
    });
    const value = `${newest?.family} ${bed.app.clientId}`;
    const after = await browser.submit(page, { end_device: value });
    expect(after.text.match(/name="end_device"/g)).toHaveLength(1);
    expect(after.text).not.toContain(String(newest?.family));
    const ended = await refresh(String(rotated.json['refresh_token']));
    expect([ended.status, ended.json['error']]).toEqual([400, 'invalid_grant']);
    expect((await refresh(desk)).status).toBe(200);
    expect(await isSignedIn(browser)).toBe(true);
  });

  test("ends nobody else's device, and shows none of an ended consent", async () => {
    const browser = await bed.settled();
    const token = await signInDevice(browser);
    const [family] = await bed.store.refreshFamilies.list({ limit: 1 });
    const bob = bed.browse();
    const page = await bob.submit(await bob.open('/account'), asBob);
    expect(page.text).not.toContain('end_device');
    for (const end_device of [`${family?.family} ${bed.app.clientId}`, 'x', '', 'a b c']) {
      expect((await bob.submit(page, { end_device })).status).toBe(200);
    }
    expect((await refresh(token)).status).toBe(200);
    const own = await browser.open('/account');
    const after = await browser.submit(own, { withdraw: bed.app.clientId });
    expect(after.text).not.toContain('end_device');
  });
});
