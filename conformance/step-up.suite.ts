/**
 * Step-up (RFC 9470) from end to end: a person's token grows too old for a route, the application
 * asks the authority for what the challenge names, the person signs in again, and the new token
 * passes.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
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
import { startUpstream, type Upstream } from './rig/upstream.ts';

const password = 'a long walk on the beach';
const secret = 'Secret-that-an-operator-chose';

let home: string;
let installation: Installation;
let running: Running;
let party: RelyingParty;
let upstream: Upstream;
let chromium: Browser;
let page: Page;
let userId: string;
/** The code of alice's authenticator app, so many steps away from now. */
let app: ((away: number) => string) | undefined;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mintmark-'));
  party = await startRelyingParty();
  upstream = await startUpstream();
  installation = await initialise(home);
  running = await start(installation);
  await apply(installation, {
    clients: [
      {
        client_id: 'bank',
        client_secret: secret,
        grant_types: ['authorization_code'],
        response_types: ['code'],
        scope: 'read',
        redirect_uris: [`${party.origin}/cb`],
        consent: 'implicit',
      },
    ],
    routes: [
      { name: 'pay', match: { path_prefix: '/pay' }, upstream: upstream.origin, max_age: 6 },
      {
        name: 'vault',
        match: { path_prefix: '/vault' },
        upstream: upstream.origin,
        acr_values: ['mfa'],
      },
    ],
  });
  const made = await call(installation, 'POST /v1/users', { username: 'alice', password });
  expect(made.status, made.text).toBe(201);
  userId = String(made.body['id']);
  chromium = await startChromium();
  page = await (await chromium.newContext({ javaScriptEnabled: false })).newPage();
});

afterAll(async () => {
  await chromium?.close();
  await running?.child.stop();
  await upstream?.close();
  await party?.close();
  rmSync(home, { recursive: true, force: true });
});

/** Goes to the authority with the parameters, signs in where asked, and brings the answer back. */
async function authorize(more: Record<string, string>) {
  const verifier = randomBytes(32).toString('base64url');
  const parameters = {
    ...{ client_id: 'bank', redirect_uri: `${party.origin}/cb`, response_type: 'code' },
    ...{ scope: 'read', code_challenge_method: 'S256' },
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    ...more,
  };
  await page.goto(`${installation.issuer}/oauth2/authorize?${new URLSearchParams(parameters)}`);
  const signsIn = /\/login/.test(page.url());
  if (signsIn) {
    await page.fill('input[name=username]', 'alice');
    await page.fill('input[name=password]', password);
    await page.click('button[type=submit]');
    if (app !== undefined) {
      await page.fill('input[name=code]', app(0));
      await page.click('button[type=submit]');
    }
  }
  await page.waitForURL(/\/home$/);
  return { signsIn, verifier, answer: Object.fromEntries(party.returns.at(-1) ?? []) };
}

async function tokenFor(more: Record<string, string>) {
  const { signsIn, verifier, answer } = await authorize(more);
  const form = {
    ...{ grant_type: 'authorization_code', code: answer['code'] ?? '', code_verifier: verifier },
    redirect_uri: `${party.origin}/cb`,
  };
  const given = await exchange(`${installation.issuer}/oauth2/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`bank:${secret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(form).toString(),
  });
  expect(given.status, given.text).toBe(200);
  return { signsIn, token: String(given.body['access_token']) };
}

function ask(path: string, token: string) {
  return exchange(`${installation.gateway}${path}`, {
    headers: { authorization: `Bearer ${token}` },
  });
}

/** The parameters that a challenge asks to send on. */
function wanted(challenge: unknown): Record<string, string> {
  const named = [...String(challenge).matchAll(/(acr_values|max_age)="([^"]*)"/g)];
  return Object.fromEntries(named.map(([, name = '', value = '']) => [name, value]));
}

it('a sign-in too old is made again, as the challenge says, and its token passes', async () => {
  const first = await tokenFor({});
  expect(first.signsIn).toBe(true);
  const refused = await until('the sign-in is too old for the route', async () => {
    const answer = await ask('/pay', first.token);
    return answer.status === 401 ? answer : undefined;
  });
  const challenge = refused.headers.get('www-authenticate');
  expect(challenge).toContain('error="insufficient_user_authentication"');
  expect(wanted(challenge)).toEqual({ max_age: '6' });
  const second = await tokenFor(wanted(challenge));
  expect(second.signsIn).toBe(true);
  expect((await ask('/pay', second.token)).status).toBe(200);
});

it('an account that cannot sign in so is told that, and not sent in circles', async () => {
  const { token } = await tokenFor({});
  const refused = await ask('/vault', token);
  expect(refused.status).toBe(401);
  expect(wanted(refused.headers.get('www-authenticate'))).toEqual({ acr_values: 'mfa' });
  const { answer } = await authorize(wanted(refused.headers.get('www-authenticate')));
  expect(answer).toMatchObject({ error: 'unmet_authentication_requirements' });
});

it('a second step is taken where the route demands it, and the token of it passes', async () => {
  const { token } = await tokenFor({});
  const refused = await ask('/vault', token);
  await enrol();
  const { signsIn, token: strong } = await tokenFor(
    wanted(refused.headers.get('www-authenticate')),
  );
  expect(signsIn).toBe(true);
  expect((await ask('/vault', strong)).status).toBe(200);
});

/** Gives alice an authenticator app, by its code of the step before: that of now is unused. */
async function enrol(): Promise<void> {
  const path = `/v1/users/${userId}/factors/totp` as const;
  const begun = await call(installation, `POST ${path}`);
  expect(begun.status, begun.text).toBe(201);
  const secret = fromBase32(String(begun.body['secret']));
  app = (away) => totp(secret, Math.floor(Date.now() / 30_000) + away);
  const done = await call(installation, `POST ${path}/confirm`, { code: app(-1) });
  expect(done.status, done.text).toBe(204);
}

/** RFC 6238, as an app reckons it. */
function totp(secret: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const number = mac.readUInt32BE(mac.at(-1)! & 15) & 0x7fff_ffff;
  return String(number % 1e6).padStart(6, '0');
}

function fromBase32(text: string): Buffer {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...text].map((one) => letters.indexOf(one).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
