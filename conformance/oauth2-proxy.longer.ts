/**
 * oauth2-proxy, as people put it before applications that know nothing of sign-in: a person in
 * Chromium comes to the application, is sent to sign in, and is known to it; the proxy refreshes
 * its tokens; and whoever signs out of both has to sign in again.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Child, startChild } from './rig/child.ts';
import { startChromium } from './rig/chromium.ts';
import { exchange } from './rig/exchange.ts';
import { freePort } from './rig/free-port.ts';
import { goProgram } from './rig/go-program.ts';
import { startTlsAuthority, type TlsAuthority } from './rig/tls-authority.ts';
import { until } from './rig/until.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

const secret = 'Secret-that-an-operator-chose';
const erin = { username: 'erin', password: 'a basket of green umbrellas' };

let home: string;
let upstream: Upstream;
let authority: TlsAuthority;
let proxy: Child;
let origin: string;
let chromium: Browser;
let page: Page;

beforeAll(async () => {
  const program = await goProgram('oauth2-proxy', 'github.com/oauth2-proxy/oauth2-proxy/v7@v7.8.1');
  home = mkdtempSync(join(tmpdir(), 'mintmark-oauth2-proxy-'));
  upstream = await startUpstream();
  authority = await startTlsAuthority({ home });
  origin = `http://127.0.0.1:${await freePort()}`;
  await authority.apply({
    clients: [
      {
        ...{ client_id: 'wiki', client_secret: secret, client_name: 'Wiki' },
        grant_types: ['authorization_code', 'refresh_token'],
        scope: 'openid email profile offline_access',
        redirect_uris: [`${origin}/oauth2/callback`],
        post_logout_redirect_uris: [`${origin}/signed-out`],
      },
    ],
    users: [{ ...erin, claims: { email: 'erin@example.com', email_verified: true } }],
  });
  proxy = startChild(program, flags(), { cwd: home });
  await until('the proxy is ready', async () => {
    if (proxy.ended() !== undefined) throw new Error(`oauth2-proxy: ${proxy.stderr()}`);
    const answer = await exchange(`${origin}/ready`).catch(() => undefined);
    return answer?.status === 200 ? true : undefined;
  });
  chromium = await startChromium();
  page = await (await chromium.newContext({ ignoreHTTPSErrors: true })).newPage();
});

afterAll(async () => {
  await chromium?.close();
  await proxy?.stop();
  await authority?.child.stop();
  await upstream?.close();
  if (home !== undefined) rmSync(home, { recursive: true, force: true });
});

function flags(): string[] {
  return [
    ...['--provider=oidc', `--oidc-issuer-url=${authority.issuer}`, '--client-id=wiki'],
    ...[`--client-secret=${secret}`, '--code-challenge-method=S256', '--email-domain=*'],
    ...[`--redirect-url=${origin}/oauth2/callback`, `--http-address=${new URL(origin).host}`],
    ...['--scope=openid email profile offline_access', `--provider-ca-file=${authority.caFile}`],
    ...[`--upstream=${upstream.origin}`, '--skip-provider-button=true', '--cookie-secure=false'],
    ...[`--cookie-secret=${randomBytes(16).toString('hex')}`, '--cookie-refresh=1s'],
    ...['--pass-access-token=true', `--whitelist-domain=${new URL(authority.issuer).host}`],
  ];
}

/** What the application behind the proxy was told of whoever asks. */
async function told(): Promise<Readonly<Record<string, string>>> {
  await page.goto(`${origin}/pages/home`);
  const shown = JSON.parse((await page.textContent('body')) ?? '') as {
    readonly headers: Readonly<Record<string, string>>;
  };
  return shown.headers;
}

describe('oauth2-proxy', () => {
  it('sends a person to sign in, and tells the application who came', async () => {
    await page.goto(`${origin}/pages/home`);
    expect(await page.title()).toContain('Sign in');
    await page.getByLabel('Username').fill(erin.username);
    await page.getByLabel('Password').fill(erin.password);
    await page.click('button[type=submit]');
    await page.waitForURL(/\/consent/);
    await page.click('button[type=submit]');
    await page.waitForURL(`${origin}/pages/home`);
    expect(await told()).toMatchObject({ 'x-forwarded-email': 'erin@example.com' });
  });

  it('refreshes its tokens meanwhile', async () => {
    const { 'x-forwarded-access-token': before } = await told();
    const after = await until('another access token', async () => {
      const { 'x-forwarded-access-token': now } = await told();
      return now === before ? undefined : now;
    });
    expect(after).toMatch(/^eyJ/);
    expect(proxy.stdout() + proxy.stderr()).not.toContain('Unable to refresh');
  });

  it('signs out of both, and asks again', async () => {
    const back = { client_id: 'wiki', post_logout_redirect_uri: `${origin}/signed-out` };
    const end = `${authority.issuer}/oauth2/logout?${new URLSearchParams(back)}`;
    await page.goto(`${origin}/oauth2/sign_out?rd=${encodeURIComponent(end)}`);
    await page.click('button[type=submit]');
    await page.waitForURL(/\/login/);
    expect(await page.title()).toContain('Sign in');
  });
});
