/**
 * People in a real browser: Chromium goes from an application to the sign-in page, through consent,
 * and back, with scripts off as well as on; the application redeems the code, and hears of the end.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startChromium } from './rig/chromium.ts';
import { exchange } from './rig/exchange.ts';
import {
  apply,
  call,
  type Installation,
  initialise,
  type Running,
  start,
} from './rig/installation.ts';
import { type RelyingParty, startRelyingParty } from './rig/relying-party.ts';
import { until } from './rig/until.ts';

const password = 'a long walk on the beach';
const secret = 'Secret-that-an-operator-chose';

let home: string;
let installation: Installation;
let running: Running;
let party: RelyingParty;
let chromium: Browser;
let context: BrowserContext;
let page: Page;
/** What the browser complained of: refused styles, forms and redirects above all. */
let complaints: string[];

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mintmark-'));
  party = await startRelyingParty();
  installation = await initialise(home);
  // So that a logout token reaches the application on this machine.
  const env = { MINTMARK_OUTBOUND_DEVELOPMENT_LOOPBACK: 'true' };
  running = await start(installation, { env });
  const type = await call(installation, 'PUT /v1/authorization-details-types/payment', {
    schema: { type: 'object', properties: { amount: { type: 'string' }, to: { type: 'string' } } },
    words: { en: 'Pay {amount}' },
    labels: { to: { en: 'Recipient' } },
    remember_consent: false,
  });
  expect(type.status, type.text).toBe(201);
  await apply(installation, {
    clients: [
      {
        client_id: 'photos',
        client_secret: secret,
        client_name: 'Photo Printer',
        grant_types: ['authorization_code'],
        response_types: ['code'],
        scope: 'openid profile read',
        authorization_details_types: ['payment'],
        redirect_uris: [`${party.origin}/cb`],
        post_logout_redirect_uris: [`${party.origin}/goodbye`],
        backchannel_logout_uri: `${party.origin}/backchannel`,
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
  await party?.close();
  rmSync(home, { recursive: true, force: true });
});

async function openPage(javaScriptEnabled: boolean): Promise<void> {
  await context?.close();
  context = await chromium.newContext({ javaScriptEnabled });
  page = await context.newPage();
  complaints = [];
  page.on('console', (message) => complaints.push(message.text()));
}

beforeEach(() => openPage(false));

function request(more: Record<string, string> = {}) {
  const verifier = randomBytes(32).toString('base64url');
  const parameters = {
    client_id: 'photos',
    redirect_uri: `${party.origin}/cb`,
    response_type: 'code',
    scope: 'openid read',
    state: randomBytes(8).toString('hex'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...more,
  };
  const url = `${installation.issuer}/oauth2/authorize?${new URLSearchParams(parameters)}`;
  return { url, verifier, state: parameters.state };
}

async function signIn(): Promise<void> {
  await page.fill('input[name=username]', 'alice');
  await page.fill('input[name=password]', password);
  await page.click('button[type=submit]');
}

/** The application redeems the code that it was given last. */
async function redeem(verifier: string): Promise<unknown> {
  const form = {
    grant_type: 'authorization_code',
    code: lastReturn()['code'] ?? '',
    redirect_uri: `${party.origin}/cb`,
    code_verifier: verifier,
  };
  const answer = await exchange(`${installation.issuer}/oauth2/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`photos:${secret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(form).toString(),
  });
  expect(answer.status, answer.text).toBe(200);
  return answer.body;
}

const lastReturn = () => Object.fromEntries(party.returns.at(-1) ?? []);

describe('in Chromium without scripts', () => {
  it('a person signs in, agrees, and arrives where the application sends them on', async () => {
    const { url, verifier, state } = request();
    await page.goto(url);
    expect(await page.title()).toContain('Sign in');
    await page.getByLabel('Username').fill('alice');
    await page.getByLabel('Password').fill(password);
    await page.click('button[type=submit]');
    await page.waitForURL(/\/consent/);
    expect(await page.content()).toContain('Photo Printer asks for access');
    await page.click('button[type=submit]');
    await page.waitForURL(/\/home$/);
    expect(lastReturn()).toMatchObject({ state, iss: installation.issuer });
    expect(complaints).toEqual([]);

    expect(await redeem(verifier)).toMatchObject({ token_type: 'Bearer', scope: 'openid read' });

    await page.goto(request().url);
    await page.waitForURL(/\/home$/);
  });

  it('leaves a scope out, and the application gets the others', async () => {
    const { url, verifier } = request({ scope: 'openid profile read', prompt: 'consent' });
    await page.goto(url);
    await signIn();
    await page.waitForURL(/\/consent/);
    await page.getByLabel('see your profile').uncheck();
    await page.click('button[type=submit]');
    await page.waitForURL(/\/home$/);
    expect(await redeem(verifier)).toMatchObject({ scope: 'openid read' });
    expect(complaints).toEqual([]);
  });

  it('reads what is asked in detail, whatever the application wrote into it', async () => {
    const payment = { type: 'payment', amount: '12 EUR', to: '<script>alert(1)</script>' };
    const { url, verifier } = request({ authorization_details: JSON.stringify([payment]) });
    await page.goto(url);
    await signIn();
    await page.waitForURL(/\/consent/);
    expect(await page.getByRole('heading', { name: 'Pay 12 EUR' }).isVisible()).toBe(true);
    expect(await page.locator('dl').textContent()).toContain('Recipient<script>alert(1)');
    await page.click('button[type=submit]');
    await page.waitForURL(/\/home$/);
    expect(await redeem(verifier)).toMatchObject({ authorization_details: [payment] });
    expect(complaints).toEqual([]);
  });

  it('says no on either page, and the application hears it', async () => {
    await page.goto(request().url);
    await page.click('button[name=deny]');
    await page.waitForURL(/\/home$/);
    expect(lastReturn()).toMatchObject({ error: 'access_denied' });
    await page.goto(request({ prompt: 'consent' }).url);
    await signIn();
    await page.waitForURL(/\/consent/);
    await page.click('button[name=deny]');
    await page.waitForURL(/\/home$/);
    expect(lastReturn()).toMatchObject({ error: 'access_denied' });
    expect(complaints).toEqual([]);
  });

  it('survives a wrong password', async () => {
    await page.goto(request().url);
    await page.fill('input[name=username]', 'alice');
    await page.fill('input[name=password]', 'wrong');
    await page.click('button[type=submit]');
    await page.waitForURL(/\/login/);
    expect(await page.content()).toContain('Username or password is wrong.');
    await signIn();
    await page.waitForURL(/\/home$/);
    expect(lastReturn()).toHaveProperty('code');
  });

  it('survives reloads and steps back', async () => {
    await page.goto(request({ prompt: 'consent' }).url);
    await page.reload();
    await signIn();
    await page.waitForURL(/\/consent/);
    await page.reload();
    await page.goBack();
    await page.waitForURL(/\/consent/);
    await page.click('button[type=submit]');
    await page.waitForURL(/\/home$/);
    expect(lastReturn()).toHaveProperty('code');
    expect(complaints).toEqual([]);
  });

  it('signs out, the application is told, and the person is asked again', async () => {
    await page.goto(request().url);
    await signIn();
    await page.waitForURL(/\/home$/);
    await page.goto(`${installation.issuer}/account`);
    await page.waitForURL(/\/account$/);
    expect(await page.content()).toContain('Photo Printer');
    const back = { client_id: 'photos', post_logout_redirect_uri: `${party.origin}/goodbye` };
    await page.goto(`${installation.issuer}/oauth2/logout?${new URLSearchParams(back)}`);
    await page.click('button[type=submit]');
    await page.waitForURL(/\/goodbye$/);
    const told = await until('the application was told', () => party.told.at(-1));
    expect(told.get('logout_token')?.split('.')).toHaveLength(3);
    await page.goto(request({ prompt: 'none' }).url);
    await page.waitForURL(/\/home$/);
    expect(lastReturn()).toMatchObject({ error: 'login_required' });
    expect(complaints).toEqual([]);
  });
});

describe('in Chromium with scripts', () => {
  it('a form post sends itself', async () => {
    await openPage(true);
    const { url, state } = request({ response_mode: 'form_post' });
    await page.goto(url);
    await signIn();
    await until('the form was sent', () => (/\/home$/.test(page.url()) ? true : undefined));
    expect(lastReturn()).toMatchObject({ state, iss: installation.issuer });
    expect(lastReturn()).toHaveProperty('code');
    expect(complaints).toEqual([]);
  });
});
