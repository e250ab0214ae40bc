/** People make, see and end their own tokens, in a browser without scripts. */
import { limits } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Shown } from './browser-bed.ts';
import { asAlice, asBob, type SignInBed, signInBed } from './sign-in-bed.ts';

let bed: SignInBed;

beforeEach(async () => {
  bed = await signInBed({});
  await bed.manage('PUT', '/v1/roles/dev', { json: { scopes: ['read', 'write'] } });
  await bed.manage('PUT', '/v1/routes/api', {
    json: { match: {}, upstream: 'http://127.0.0.1:1', audience: 'https://api.example' },
  });
  await give('alice', { roles: ['dev'] });
});

async function give(username: string, json: Record<string, unknown>) {
  const found = await bed.manage('GET', `/v1/users?username=${username}`);
  const [user] = found.json['items'] as { id: string }[];
  const path = `/v1/users/${user?.id}`;
  const ifMatch = String((await bed.manage('GET', path)).headers['etag']);
  expect((await bed.manage('PATCH', path, { json, ifMatch })).status).toBe(200);
}

async function settle(as: Record<string, string> = asAlice) {
  const browser = bed.browse();
  await browser.submit(await browser.open('/account'), as);
  return { browser, page: await browser.open('/account/tokens') };
}

const filled = { name: 'CI', scope_0: 'read', days: '30', create: '1' };
const shownToken = (page: Shown) => /<code id="pat">(mm_pat_\w+)<\/code>/.exec(page.text)?.[1];

async function verdict(key: string, more: Record<string, unknown> = {}) {
  return (await bed.manage('POST', '/v1/keys/verify', { json: { key, ...more } })).json;
}

describe('the page of personal access tokens', () => {
  it('asks who is there first, and stands on the account page', async () => {
    const browser = bed.browse();
    const login = await browser.open('/account/tokens');
    expect(login.url).toMatch(/^\/login/);
    const account = await browser.submit(login, asAlice);
    expect(account.text).toContain('href="/account/tokens"');
    expect((await bed.browse().post('/account/tokens', filled)).url).toMatch(/^\/login/);
  });

  it('offers what the person may, and shows a new token once', async () => {
    const { browser, page } = await settle();
    expect(page.text).toContain('value="write"');
    expect(page.text).toContain('value="https://api.example"');
    expect(String(page.headers['content-security-policy'])).toContain("default-src 'none'");
    const resource_0 = 'https://api.example';
    const made = await browser.submit(page, { ...filled, resource_0 });
    const token = shownToken(made) ?? '';
    expect(await verdict(token, { resource: resource_0 })).toMatchObject({ scopes: ['read'] });
    const after = await browser.open('/account/tokens');
    expect(after.text).toContain('CI');
    expect(after.text).toContain('Never');
    expect(after.text).not.toContain(token);
  });

  it('ends a token of one’s own, and nobody else’s', async () => {
    const { browser, page } = await settle();
    const token = shownToken(await browser.submit(page, filled)) ?? '';
    const { id: revoke } = await verdict(token);
    await give('bob', { roles: ['dev'] });
    const bob = await settle(asBob);
    await bob.browser.submit(bob.page, { revoke: String(revoke) });
    expect(await verdict(token)).toMatchObject({ active: true });
    const after = await browser.submit(await browser.open('/account/tokens'), {
      revoke: String(revoke),
    });
    expect(after.text).not.toContain('CI');
    expect(await verdict(token)).toMatchObject({ active: false, code: 'revoked' });
  });

  it('makes none of what is not offered, not named, or not its own form', async () => {
    const { browser, page } = await settle();
    for (const wrong of [{ scope_0: 'admin' }, { name: '' }, { scope_0: '' }, { days: '4000' }]) {
      const refused = await browser.submit(page, { ...filled, ...wrong });
      expect(refused.text).toContain('role="alert"');
      expect(shownToken(refused)).toBeUndefined();
    }
    const forged = await browser.post('/account/tokens', { ...filled, token: 'x' });
    expect(shownToken(forged)).toBeUndefined();
    const list = await bed.manage('GET', '/v1/pats');
    expect(list.json['items']).toEqual([]);
  });

  it('says that there is nothing to choose, and what waits', async () => {
    const bob = await settle(asBob);
    expect(bob.page.text).toContain('You can make no token');
    const { headers } = await bed.manage('GET', '/v1/pat-policy');
    const json = { requires_approval: true, max_life_seconds: 3600 };
    await bed.manage('PUT', '/v1/pat-policy', { json, ifMatch: String(headers['etag']) });
    const { browser, page } = await settle();
    expect(page.text).toContain('once an administrator has approved it');
    const token = shownToken(await browser.submit(page, { ...filled, days: '7' })) ?? '';
    expect(await verdict(token)).toMatchObject({ code: 'awaiting_approval' });
    const german = bed.browse({ 'accept-language': 'de' });
    await german.submit(await german.open('/account'), asAlice);
    expect((await german.open('/account/tokens')).text).toContain('wartet auf Genehmigung');
  });

  it('makes none in a browser that was left open: whoever does signed in lately', async () => {
    const { browser, page } = await settle();
    bed.clock.advanceMs(limits.freshSignInMs + 1_000);
    // What still stands on the screen makes nothing.
    const late = await browser.submit(page, filled);
    expect(late.url).toMatch(/^\/login\?transaction=/);
    expect(late.text).toContain('You signed in some time ago.');
    expect((await bed.manage('GET', '/v1/pats')).json['items']).toEqual([]);
    const shown = await browser.open('/account/tokens');
    expect(shown.text).toContain('To make a token, sign in again.');
    expect(shown.text).not.toContain('name="create"');
    const login = await browser.submit(shown, { confirm: '1' });
    // Whoever reloads the page of the sign-in gets no further by it.
    expect((await browser.open(login.url)).url).toBe(login.url);
    const back = await browser.submit(login, asAlice);
    expect(back.url).toBe('/account/tokens');
    expect(shownToken(await browser.submit(back, filled))).toMatch(/^mm_pat_/);
  });

  it('ends a token without another sign-in', async () => {
    const { browser, page } = await settle();
    await browser.submit(page, filled);
    const [pat] = (await bed.manage('GET', '/v1/pats')).json['items'] as { id: string }[];
    bed.clock.advanceMs(limits.freshSignInMs + 1_000);
    const after = await browser.submit(page, { revoke: pat!.id });
    expect(after.url).toBe('/account/tokens');
    expect((await bed.manage('GET', `/v1/pats/${pat!.id}`)).json['status']).toBe('revoked');
  });

  it('tells of a bound and of a rule that came meanwhile', async () => {
    const { browser, page } = await settle();
    const put = async (json: unknown) => {
      const { headers } = await bed.manage('GET', '/v1/pat-policy');
      await bed.manage('PUT', '/v1/pat-policy', { json, ifMatch: String(headers['etag']) });
    };
    await bed.manage('PUT', '/v1/roles/lead', { json: { scopes: [] } });
    await put({ makers: ['lead'] });
    expect((await browser.submit(page, filled)).text).toContain('You can make no token');
    await put({});
    for (let i = 0; i < 50; i++) await browser.submit(page, filled);
    expect((await browser.submit(page, filled)).text).toContain('too many tokens');
  });
});
