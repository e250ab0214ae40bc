/**
 * Passkeys in a real browser: Chromium with an authenticator of its own in software, on the pages
 * of a running Mintmark. So the script of the pages is run, and its policy held, as they will be.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, type Installation, initialise, type Running, start } from './rig/installation.ts';

/** Debian's, which `npm test` installs. */
const executablePath = '/usr/bin/chromium';
const password = 'correct horse battery';
const callback = 'http://localhost:9/cb';

describe('a passkey in a browser', () => {
  let home: string;
  let installation: Installation;
  let running: Running;
  let browser: Browser;
  let page: Page;
  let base: string;

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'mintmark-passkey-'));
    const made = await initialise(join(home, 'mintmark'));
    // A passkey belongs to a name; addresses have none.
    base = made.issuer.replace('127.0.0.1', 'localhost');
    running = await start(made, { flags: ['--issuer', base] });
    installation = made;
    await call(installation, 'POST /v1/users', { username: 'alice', password });
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    const context = await browser.newContext();
    page = await context.newPage();
    // Nobody listens at the application: the address alone is looked at.
    await page.route(`${callback}**`, (route) => route.fulfill({ body: 'there' }));
    const session = await context.newCDPSession(page);
    await session.send('WebAuthn.enable');
    await session.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
  });

  afterAll(async () => {
    await browser?.close();
    await running?.child.stop('SIGKILL');
    rmSync(home, { recursive: true, force: true });
  });

  async function authorizeUrl(): Promise<string> {
    const client = await call(installation, 'POST /v1/clients', {
      client_name: 'App',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      redirect_uris: [callback],
      scope: 'openid',
    });
    expect(client.status, client.text).toBe(201);
    const query = new URLSearchParams({
      client_id: String(client.body['client_id']),
      redirect_uri: callback,
      response_type: 'code',
      scope: 'openid',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    });
    return `${base}/oauth2/authorize?${query}`;
  }

  it('is added on the person’s page, and signs in without a password', async () => {
    const troubles: string[] = [];
    page.on('console', (said) => troubles.push(said.text()));
    const url = await authorizeUrl();
    await page.goto(url);
    await page.fill('input[name=username]', 'alice');
    await page.fill('input[name=password]', password);
    await page.click('button[type=submit]');
    await page.goto(`${base}/account/security`);
    await page.fill('input[name=current]', password);
    await page.click('button[value=passkey_begin]');
    await page.fill('input[name=name]', 'this browser');
    await page.click('#passkey');
    await page.getByText('this browser').waitFor();

    await page.context().clearCookies();
    await page.goto(url);
    await page.click('button[name=passkey]');
    await page.click('#passkey');
    await page.waitForURL((at) => at.pathname !== '/login');
    if (new URL(page.url()).pathname === '/consent') await page.click('button[type=submit]');
    await page.waitForURL(`${callback}**`);
    expect(new URL(page.url()).searchParams.get('code')).toMatch(/^mm_ac_/);
    // The policy of the pages has stopped nothing of ours.
    expect(troubles.filter((text) => /content security policy/i.test(text))).toEqual([]);
  });
});
