/**
 * A device and a person in a real browser: the device shows a code, Chromium takes it through
 * sign-in and the question, with scripts off as well as on, and the device gets its tokens.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startChromium } from './rig/chromium.ts';
import { type Answer, exchange } from './rig/exchange.ts';
import {
  apply,
  call,
  type Installation,
  initialise,
  type Running,
  start,
} from './rig/installation.ts';

const password = 'a long walk on the beach';
const grantType = 'urn:ietf:params:oauth:grant-type:device_code';

let home: string;
let installation: Installation;
let running: Running;
let chromium: Browser;
let context: BrowserContext;
let page: Page;
/** What the browser complained of: refused styles, forms and redirects above all. */
let complaints: string[];

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mintmark-'));
  installation = await initialise(home);
  running = await start(installation);
  await apply(installation, {
    clients: [
      {
        client_id: 'tv',
        client_name: 'Living Room TV',
        token_endpoint_auth_method: 'none',
        grant_types: [grantType, 'refresh_token'],
        scope: 'openid profile watch',
        id_token_signed_response_alg: 'ES256',
      },
    ],
  });
  const made = await call(installation, 'POST /v1/users', { username: 'alice', password });
  expect(made.status, made.text).toBe(201);
  chromium = await startChromium();
});

afterAll(async () => {
  await chromium?.close();
  await running?.child.stop();
  rmSync(home, { recursive: true, force: true });
});

async function openPage(javaScriptEnabled: boolean): Promise<void> {
  await context?.close();
  context = await chromium.newContext({ javaScriptEnabled });
  page = await context.newPage();
  complaints = [];
  page.on('console', (message) => complaints.push(message.text()));
}

/** A form that the device sends. */
function send(path: string, form: Record<string, string>): Promise<Answer> {
  return exchange(`${installation.issuer}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ client_id: 'tv', ...form }).toString(),
  });
}

async function begin(): Promise<Record<string, string>> {
  const answer = await send('/oauth2/device_authorization', { scope: 'openid watch' });
  expect(answer.status, answer.text).toBe(200);
  return answer.body as Record<string, string>;
}

function poll(begun: Record<string, string>): Promise<Answer> {
  const device_code = begun['device_code'] ?? '';
  return send('/oauth2/token', { grant_type: grantType, device_code });
}

async function signIn(): Promise<void> {
  await page.getByLabel('Username').fill('alice');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

describe.each([
  ['without scripts', false],
  ['with scripts', true],
])('in Chromium %s', (_, javaScriptEnabled) => {
  it('a person types the code, signs in, agrees, and the device has its tokens', async () => {
    await openPage(javaScriptEnabled);
    const begun = await begin();
    expect((await poll(begun)).body).toEqual({ error: 'authorization_pending' });
    await page.goto(begun['verification_uri'] ?? '');
    expect(await page.title()).toContain('Connect a device');

    await page.getByLabel('Code').fill('bbbb bbbb');
    await page.getByRole('button', { name: 'Continue' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('not known here');
    await page.getByLabel('Code').fill((begun['user_code'] ?? '').replace('-', ' ').toLowerCase());
    await page.keyboard.press('Enter');

    await page.waitForURL(/\/login/);
    expect(await page.content()).toContain('Living Room TV');
    await page.reload();
    await signIn();
    await page.waitForURL(/\/device\?transaction=/);
    await page.reload();
    const text = await page.locator('main').textContent();
    expect(text).toContain('Living Room TV on another device asks for access to your account');
    expect(text).toContain('use “watch”');
    expect(text).toContain('from the address 127.0.0.1');
    expect(text).toContain('If somebody sent you the code');
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await page.waitForURL(/\/device\?done=allowed$/);
    expect(await page.content()).toContain('Go back to your device');

    const answer = await poll(begun);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body).toMatchObject({
      token_type: 'Bearer',
      scope: 'openid watch',
      id_token: expect.any(String),
      refresh_token: expect.any(String),
    });
    expect((await poll(begun)).body).toEqual({ error: 'invalid_grant' });
    // Only what was meant: the answer 422 to the wrong code.
    expect(complaints.filter((text) => !text.includes('422'))).toEqual([]);
  });

  it('somebody signed in comes with the code in the address, and says no', async () => {
    const begun = await begin();
    await page.goto(begun['verification_uri_complete'] ?? '');
    expect(await page.locator('main code').textContent()).toBe(begun['user_code']);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.waitForURL(/\/device\?transaction=/);
    expect(await page.content()).toContain('You are signed in as alice.');
    await page.click('button[name=deny]');
    await page.waitForURL(/\/device\?done=denied$/);
    expect((await poll(begun)).body).toEqual({ error: 'access_denied' });
    await page.goBack();
    expect(await page.content()).toContain('This did not work');
  });
});
