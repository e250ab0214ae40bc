/**
 * A person's own token, as a person has it: made with a mouse in Chromium on the account page, used
 * by a program at the gateway, and good for nothing within a second of the role being taken.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startChromium } from './rig/chromium.ts';
import {
  administer,
  call,
  type Installation,
  initialise,
  type Running,
  start,
} from './rig/installation.ts';
import { until } from './rig/until.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

const password = 'correct horse battery';

describe('a personal access token', () => {
  let home: string;
  let installation: Installation;
  let running: Running;
  let browser: Browser;
  let page: Page;
  let upstream: Upstream;

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'mintmark-pat-'));
    installation = await initialise(join(home, 'mintmark'));
    running = await start(installation);
    upstream = await startUpstream();
    const match = { path_prefix: '/orders' };
    const route = { match, upstream: upstream.origin, scopes: ['orders:read'] };
    await call(installation, 'PUT /v1/routes/orders', route);
    await call(installation, 'PUT /v1/roles/buyer', { scopes: ['orders:read', 'orders:write'] });
    const user = { username: 'alice', password, roles: ['buyer'] };
    const made = await call(installation, 'POST /v1/users', user);
    expect(made.status, made.text).toBe(201);
    browser = await startChromium();
    page = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await running?.child.stop('SIGKILL');
    await upstream?.close();
    rmSync(home, { recursive: true, force: true });
  });

  async function status(token: string): Promise<number> {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${installation.gateway}/orders/1`, { headers })).status;
  }

  it('is made without scripts, works at the gateway, and ends with the role', async () => {
    await page.goto(`${installation.issuer}/account`);
    await page.fill('input[name=username]', 'alice');
    await page.fill('input[name=password]', password);
    await page.click('button[type=submit]');
    expect(await page.textContent('body')).toContain('alice');
    await page.click('a[href$="/account/tokens"]', { timeout: 5_000 });
    await page.fill('input[name=name]', 'my script');
    await page.check('input[value="orders:read"]');
    await page.selectOption('select[name=days]', '30');
    await page.click('button[name=create]');
    const token = (await page.textContent('#pat')) ?? '';
    expect(token).toMatch(/^mm_pat_/);
    const is = (wanted: number) => async () => (await status(token)) === wanted || undefined;
    await until('the gateway lets it through', is(200));

    const done = await administer(installation, 'user', 'role', 'remove', 'alice', 'buyer');
    expect(done.code, done.stderr).toBe(0);
    const taken = performance.now();
    await until('the gateway refuses it', is(403));
    expect(performance.now() - taken).toBeLessThan(1_000);

    await page.goto(`${installation.issuer}/account/tokens`);
    expect(await page.textContent('body')).toContain('my script');
    await page.click('button[name=revoke]');
    expect(await page.textContent('body')).not.toContain('my script');
    await until('it is revoked', is(401));
  }, 60_000);
});
