import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startChild } from './rig/child.ts';
import { type Folder, freshFolder, mintmark, type Server, startMintmark } from './rig/mintmark.ts';
import { until } from './rig/until.ts';

describe('mintmark serve', () => {
  let folder: Folder;
  const servers: Server[] = [];

  async function start(args: readonly string[] = []): Promise<Server> {
    const server = await startMintmark(args, { cwd: folder.path });
    servers.push(server);
    return server;
  }

  beforeEach(() => {
    folder = freshFolder();
  });

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.child.stop('SIGKILL');
    folder.remove();
  });

  it('makes an installation on an empty folder, and shows the admin key once', async () => {
    const first = await start();
    expect(first.adminKey).toMatch(/^mm_admin_\w{50,}$/);
    expect(await first.child.stop()).toBe(0);
    const second = await start();
    expect(second.adminKey).toBeUndefined();
  });

  it('keeps what it makes to its owner, and the admin key nowhere', async () => {
    const server = await start();
    await server.child.stop();
    const data = join(folder.path, 'data');
    expect(statSync(data).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(data)) {
      expect(statSync(join(data, name)).mode & 0o077).toBe(0);
      const secret = server.adminKey!.slice(-40, -8);
      expect(readFileSync(join(data, name)).includes(secret)).toBe(false);
    }
    expect(server.child.stderr()).not.toContain(server.adminKey);
  });

  it('answers with its metadata, its keys and its readiness', async () => {
    const server = await start();
    const metadata = await fetch(`${server.url}/.well-known/oauth-authorization-server`);
    expect(await metadata.json()).toMatchObject({ issuer: server.url });
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    const keys = await fetch(`${server.url}/.well-known/jwks.json`);
    const { keys: published } = (await keys.json()) as { keys: readonly { alg: string }[] };
    expect(published.map(({ alg }) => alg).sort()).toEqual(['ES256', 'RS256']);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('stops with exit code 0 on %s', async (signal) => {
    const server = await start();
    expect(await server.child.stop(signal)).toBe(0);
  });

  it('goes on after SIGHUP', async () => {
    const server = await start();
    process.kill(server.child.pid, 'SIGHUP');
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    expect(await server.child.stop()).toBe(0);
  });

  it('refuses a folder that another process serves', async () => {
    await start();
    await expect(start()).rejects.toThrow(/ended with 3: .*store_in_use/s);
  });

  it('refuses a port that is taken, and touches nothing', async () => {
    const server = await start();
    const port = new URL(server.url).port;
    const args = ['serve', '--listen', `127.0.0.1:${port}`, '--data', 'other'];
    const { code, stderr } = await mintmark(args, { cwd: folder.path });
    expect(code).toBe(3);
    expect(stderr).toContain('listen_failed');
    expect(readdirSync(folder.path)).toEqual(['data']);
  });

  it('refuses plain HTTP beyond this machine', async () => {
    const args = ['serve', '--listen', '0.0.0.0:0', '--issuer', 'https://id.example'];
    const { code, stderr } = await mintmark(args, { cwd: folder.path });
    expect(code).toBe(3);
    expect(stderr).toContain('insecure_http');
  });

  it('refuses to serve what is unsafe, where it is asked to be strict', async () => {
    const args = ['serve', '--strict', '--listen', '0.0.0.0:0', '--insecure-http'];
    const issuer = ['--issuer', 'https://id.example'];
    const { code, stderr } = await mintmark([...args, ...issuer], { cwd: folder.path });
    expect(code).toBe(1);
    expect(stderr).toContain('authority_tls: plain HTTP on 0.0.0.0:0');
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('starts strictly where nothing is unsafe', async () => {
    const server = await start(['--strict']);
    expect(server.adminKey).toBeDefined();
  });

  it('stops when what npm start was started by is gone', async () => {
    const root = new URL('..', import.meta.url).pathname;
    const data = join(folder.path, 'data');
    const line =
      `node tools/start.mjs --json --listen 127.0.0.1:0 --gateway-listen 127.0.0.1:0 ` +
      `--data ${data} & wait`;
    const parent = startChild('sh', ['-c', line], { cwd: root });
    await until(
      'it listens',
      () => (parent.stdout().includes('"listening"') ? true : undefined),
      // A checkout that was never started installs its packages first.
      { deadlineMs: 100_000 },
    );
    await parent.stop('SIGKILL');
    // Its standard output ends when the last process that holds it does.
    expect(parent.stdout()).toContain('"stopped"');
  });

  it('refuses a broken configuration before it touches anything', async () => {
    const args = ['serve', '--log-level', 'loud'];
    const { code, stderr } = await mintmark(args, { cwd: folder.path });
    expect(code).toBe(3);
    expect(stderr).toContain('--log-level');
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('never covers up a lost custody file by a new one', async () => {
    const server = await start();
    await server.child.stop();
    const custody = ['--custody-file', join(folder.path, 'data', 'gone.json')];
    await expect(start(custody)).rejects.toThrow(/custody_missing/);
  });

  it('opens custody by a passphrase behind a reference', async () => {
    const env = { SECRET: 'five random words or more' };
    const args = ['--custody-passphrase', 'env:SECRET'];
    const first = await startMintmark(args, { cwd: folder.path, env });
    servers.push(first);
    await first.child.stop();
    const wrong = startMintmark(args, {
      cwd: folder.path,
      env: { SECRET: 'quite another passphrase' },
    });
    await expect(wrong).rejects.toThrow(/custody_wrong_key/);
    expect(readdirSync(join(folder.path, 'data'))).not.toContain('custody.key');
  });
});

describe('mintmark init', () => {
  let folder: Folder;
  beforeEach(() => {
    folder = freshFolder();
  });
  afterEach(() => folder.remove());

  it('prints issuer and admin key, and refuses to do it twice', async () => {
    const { path: cwd } = folder;
    const first = await mintmark(['init', '--json'], { cwd });
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout)).toEqual({
      issuer: 'http://127.0.0.1:8420',
      admin_key: expect.stringMatching(/^mm_admin_/),
    });
    const second = await mintmark(['init', '--json'], { cwd });
    expect(second.code).toBe(1);
    expect(JSON.parse(second.stderr).error.code).toBe('already_initialised');
    expect(second.stdout).toBe('');
  });

  it('leaves an installation that serve goes on with', async () => {
    const { path: cwd } = folder;
    const { stdout } = await mintmark(['init', '--json'], { cwd });
    const made = JSON.parse(stdout);
    const server = await startMintmark([], { cwd });
    expect(server.adminKey).toBeUndefined();
    expect(made.admin_key).toMatch(/^mm_admin_/);
    expect(await server.child.stop()).toBe(0);
  });
});
