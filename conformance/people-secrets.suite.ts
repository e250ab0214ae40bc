/**
 * What people are known by and sign in with goes through a running Mintmark, well and badly, and is
 * then sought in its database, write-ahead log, backups and logs. The username is not among it: it
 * is searched for, and stands there in clear (docs/users.md).
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCanaries, type Needle } from './canary.ts';
import { call, type Installation, initialise, type Running, start } from './rig/installation.ts';
import { mintmark } from './rig/mintmark.ts';
import { until } from './rig/until.ts';

const password = 'canary correct horse battery';
const wrong = 'canary of a wrong password';
const newPassword = 'canary of the next password';
const claims = {
  email: 'canary.mailbox@example.com',
  email_verified: true,
  name: 'Canary Finchley-Tweet',
  phone_number: '+44 20 7946 0958',
  address: { street_address: '14 Canary Wharf Lane' },
};

describe('people’s secrets and personal data', () => {
  let home: string;
  let installation: Installation;
  let running: Running;
  let outbox: string;
  const needles: Needle[] = [];

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'mintmark-people-'));
    outbox = join(home, 'outbox');
    installation = await initialise(join(home, 'mintmark'));
    const flags = ['--log-level', 'trace', '--mail-url', `file:${outbox}`];
    running = await start(installation, { flags });
    await useAll();
  });

  afterAll(async () => {
    await running?.child.stop('SIGKILL');
    rmSync(home, { recursive: true, force: true });
  });

  const needle = (name: string, secret: unknown) => needles.push({ name, secret: String(secret) });

  /** A page and the cookie and token that its form needs. */
  async function openForm(path: string) {
    const page = await fetch(`${installation.issuer}${path}`);
    const cookie = page.headers
      .getSetCookie()
      .map((one) => one.split(';')[0]!)
      .join('; ');
    const text = await page.text();
    return { cookie, token: /name="token" value="([^"]+)"/.exec(text)?.[1] ?? '' };
  }

  async function send(path: string, from: string, fields: Record<string, string>) {
    const { cookie, token } = await openForm(from);
    const headers = { 'content-type': 'application/x-www-form-urlencoded', cookie };
    const body = new URLSearchParams({ token, ...fields }).toString();
    return fetch(`${installation.issuer}${path}`, { method: 'POST', headers, body });
  }

  async function useAll(): Promise<void> {
    const person = { username: 'alice', password, claims };
    const key = { 'idempotency-key': 'k1' };
    const made = await call(installation, 'POST /v1/users', person, key);
    await call(installation, 'POST /v1/users', person, key);
    expect(made.status, made.text).toBe(201);
    const id = String(made.body['id']);
    const path = `v1/users/${id}`;
    for (const guess of [password, wrong]) {
      await call(installation, `POST /${path}/password/compare`, { password: guess });
      await send('/forgot', '/forgot', { username: guess });
    }
    const totp = await call(installation, `POST /${path}/factors/totp`);
    const codes = await call(installation, `POST /${path}/factors/recovery_codes`);
    // Refused ones may not be kept either.
    await call(installation, 'POST /v1/users', { username: 'bob', password: 'x', claims });
    await send('/forgot', '/forgot', { username: 'alice' });
    const name = await until('there is mail', () =>
      existsSync(outbox) ? readdirSync(outbox)[0] : undefined,
    );
    const mail = readFileSync(join(outbox, name), 'utf8').replace(/=\r?\n/g, '');
    const [, reset = ''] = /token=3D(\S+)/.exec(mail) ?? [];
    const set = await send('/reset', `/reset?token=${reset}`, { reset, password: newPassword });
    expect(set.status).toBe(200);
    needle('password', password);
    needle('wrong password', wrong);
    needle('new password', newPassword);
    needle('secret of an app', totp.body['secret']);
    needle('recovery code', (codes.body['codes'] as readonly string[])[0]);
    needle('token of a reset', reset.split('.')[1]);
    needle('address', claims.email);
    needle('name', claims.name);
    needle('telephone', claims.phone_number);
    needle('street', claims.address.street_address);
  }

  it('stand in no file of the data folder', async () => {
    const { folder } = installation;
    expect(readdirSync(folder)).toContain('mintmark.db-wal');
    const { finds, bytesRead } = await findCanaries([folder], needles);
    expect(finds).toEqual([]);
    expect(bytesRead).toBeGreaterThan(100_000);
  });

  it('stand in no backup', async () => {
    const backup = join(home, 'backup');
    const done = await mintmark(['backup', backup, '--data', installation.folder], {
      cwd: installation.home,
    });
    expect(done, done.stderr).toMatchObject({ code: 0 });
    expect((await findCanaries([backup], needles)).finds).toEqual([]);
  });

  it('stand in no line of the log, at its most talkative', async () => {
    const { stdout, stderr } = running.child;
    const texts = [
      { name: 'stdout', bytes: Buffer.from(stdout()) },
      { name: 'stderr', bytes: Buffer.from(stderr()) },
    ];
    const { finds, bytesRead } = await findCanaries(texts, needles);
    expect(finds).toEqual([]);
    expect(bytesRead).toBeGreaterThan(1_000);
  });
});
