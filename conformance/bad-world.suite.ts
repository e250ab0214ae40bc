/**
 * What the world does to an authority: full and failing disks, wrong permissions, a second process,
 * damaged files, a newer database, a taken port, a database that is away. Each must end in an error
 * that says what to do, and what was acknowledged before must be there once the cause is gone.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startPostgres } from '../tools/postgres-fixture.ts';
import type { Child } from './rig/child.ts';
import { type Answer, exchange } from './rig/exchange.ts';
import { freePort } from './rig/free-port.ts';
import {
  auditProblem,
  call,
  type Installation,
  initialise,
  launch,
  start,
} from './rig/installation.ts';
import { mintmark } from './rig/mintmark.ts';
import { mountSmallDisk, unmount } from './rig/small-disk.ts';
import { until } from './rig/until.ts';
import { startWire } from './rig/wire.ts';

let home: string;
let installation: Installation;
let child: Child | undefined;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mintmark-bad-world-'));
});

afterEach(async () => {
  await child?.stop('SIGKILL');
  child = undefined;
  rmSync(home, { recursive: true, force: true });
});

async function serve(): Promise<Child> {
  ({ child } = await start(installation, { command: 'authority' }));
  return child;
}

async function createKey(name = 'kept'): Promise<Answer> {
  return call(installation, 'POST /v1/keys', { name, scopes: ['cellar:read'] });
}

/** @returns keys that the authority has acknowledged */
async function acknowledgedKeys(count: number): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: count }, () => createKey()));
  return answers.map((answer) => {
    expect(answer.status, answer.text).toBe(201);
    return String(answer.body['key']);
  });
}

async function expectAllThere(keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const { body } = await call(installation, 'POST /v1/keys/verify', { key });
    expect(body).toMatchObject({ active: true });
  }
  expect(await auditProblem(installation)).toBeUndefined();
}

/** An answer of `/readyz` holds for a second. */
async function untilNotReady(): Promise<void> {
  await until('a probe is told', async () => {
    const { status } = await exchange(`${installation.issuer}/readyz`);
    return status === 503 ? true : undefined;
  });
}

/** A start that must not succeed. @returns what it said on standard error */
async function expectRefusedStart(flags: readonly string[] = []): Promise<string> {
  const refused = launch(installation, { command: 'authority', flags });
  child = refused;
  const end = await until('the start is refused', () => refused.ended());
  expect(end, refused.stderr()).toBe(3);
  // A fault is told to a person: no stack, and what to do.
  expect(refused.stderr()).not.toMatch(/^ +at /m);
  expect(refused.stderr()).toContain('try:');
  return refused.stderr();
}

describe('a folder that was served', () => {
  let keys: string[];
  const file = (name: string) => join(installation.folder, name);

  beforeEach(async () => {
    installation = await initialise(home);
    const server = await serve();
    keys = await acknowledgedKeys(20);
    await server.stop();
  });

  it('is refused while others can reach it, and served again after the chmod', async () => {
    chmodSync(installation.folder, 0o755);
    const said = await expectRefusedStart();
    expect(said).toContain('store_permissions');
    expect(said).toContain(`chmod 700 ${installation.folder}`);
    chmodSync(installation.folder, 0o700);
    await serve();
    await expectAllThere(keys);
  });

  it.each(['custody.key', 'custody.json'])('is refused while others can read %s', async (name) => {
    const mode = statSync(file(name)).mode & 0o777;
    chmodSync(file(name), 0o644);
    const said = await expectRefusedStart();
    expect(said).toContain('custody_permissions');
    expect(said).toContain(file(name));
    chmodSync(file(name), mode);
    await serve();
    await expectAllThere(keys);
  });

  it('is refused to a second process, and the first goes on', async () => {
    const server = await serve();
    const port = await freePort();
    const second = launch(installation, { flags: ['--listen', `127.0.0.1:${port}`] });
    expect(await second.wait()).toBe(3);
    expect(second.stderr()).toContain('store_in_use');
    expect(second.stderr()).toContain(String(server.pid));
    expect((await createKey()).status).toBe(201);
    await expectAllThere(keys);
  });

  it('says so when its database is damaged, and does nothing to it', async () => {
    const database = file('mintmark.db');
    const kept = join(home, 'kept.db');
    copyFileSync(database, kept);
    const bytes = readFileSync(database);
    bytes.fill(0x5a, 0, 4096);
    writeFileSync(database, bytes);
    const said = await expectRefusedStart();
    expect(said).toContain('store_corrupt');
    expect(said).toContain('backup');
    expect(readFileSync(database).equals(bytes)).toBe(true);
    copyFileSync(kept, database);
    await serve();
    await expectAllThere(keys);
  });

  it('is not covered up by a new installation when its database is gone', async () => {
    const kept = join(home, 'kept.db');
    renameSync(file('mintmark.db'), kept);
    expect(await expectRefusedStart()).toContain('store_lost');
    expect(await expectRefusedStart()).toContain('backup');
    rmSync(file('mintmark.db'), { force: true });
    renameSync(kept, file('mintmark.db'));
    await serve();
    await expectAllThere(keys);
  });

  it('says so when its custody file is gone or damaged', async () => {
    const kept = readFileSync(file('custody.json'));
    truncateSync(file('custody.json'), Math.floor(kept.length / 2));
    expect(await expectRefusedStart()).toMatch(/custody_(?:malformed|tampered)/);
    rmSync(file('custody.json'));
    expect(await expectRefusedStart()).toContain('custody_missing');
    writeFileSync(file('custody.json'), kept, { mode: 0o600 });
    await serve();
    await expectAllThere(keys);
  });

  it('is left to the newer program that has migrated it', async () => {
    const database = new DatabaseSync(file('mintmark.db'));
    database.exec("INSERT INTO schema_migrations VALUES (9999, 'later', 'x', 9999, 0)");
    database.close();
    expect(await expectRefusedStart()).toContain('store_newer');
    const again = new DatabaseSync(file('mintmark.db'));
    again.exec('DELETE FROM schema_migrations WHERE number = 9999');
    again.close();
    await serve();
    await expectAllThere(keys);
  });

  it('is not touched where the port is taken', async () => {
    const holder = createServer().listen(Number(new URL(installation.issuer).port), '127.0.0.1');
    await once(holder, 'listening');
    const before = statSync(file('mintmark.db')).mtimeMs;
    const said = await expectRefusedStart();
    expect(said).toContain('listen_failed');
    expect(said).toContain(new URL(installation.issuer).host);
    expect(statSync(file('mintmark.db')).mtimeMs).toBe(before);
    holder.close();
    await once(holder, 'close');
    await serve();
    await expectAllThere(keys);
  });

  it('answers 503 while writes fail, loses nothing, and goes on by itself', async () => {
    const server = await serve();
    // Every write beyond the first byte of a file fails, as on a device that has gone bad.
    limitFileSize(server.pid, '1');
    const refused = await createKey();
    expect(refused.status, refused.text).toBe(503);
    expect(refused.body).toMatchObject({ code: 'unavailable' });
    // What needs no write goes on: a disk at its end must not stop every API behind the gateway.
    const read = await call(installation, 'POST /v1/keys/verify', { key: keys[0] });
    expect(read.body).toMatchObject({ active: true });
    await untilNotReady();
    expect(server.stderr()).toMatch(/store_(?:io|full)/);
    limitFileSize(server.pid, 'unlimited');
    keys.push(...(await acknowledgedKeys(3)));
    await expectAllThere(keys);
  });
});

function limitFileSize(pid: number, bytes: string): void {
  const done = spawnSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`]);
  if (done.status !== 0) throw new Error(`prlimit: ${done.stderr}`);
}

describe('a full disk', () => {
  it('is answered 503, loses nothing, and is served again once there is room', async () => {
    const folder = join(home, 'data');
    mkdirSync(folder, { mode: 0o700 });
    mountSmallDisk(folder, { megabytes: 16 });
    try {
      installation = await initialise(home);
      const server = await serve();
      const keys = await acknowledgedKeys(20);
      const filler = join(folder, 'filler');
      fillDisk(filler);
      const refused = await createUntilRefused(keys);
      expect(refused.status, refused.text).toBe(503);
      expect(refused.body).toMatchObject({ code: 'unavailable' });
      expect(server.stderr()).toContain('store_full');
      expect(server.stderr()).toContain('free space');
      rmSync(filler);
      keys.push(...(await acknowledgedKeys(3)));
      await expectAllThere(keys);
      await server.stop('SIGKILL');
      await serve();
      await expectAllThere(keys);
    } finally {
      await child?.stop('SIGKILL');
      unmount(folder);
    }
  });

  /** Writes until nothing more goes in, then makes a little room. */
  function fillDisk(path: string): void {
    spawnSync('dd', ['if=/dev/zero', `of=${path}`, 'bs=64k']);
    truncateSync(path, statSync(path).size - 128 * 1024);
  }

  async function createUntilRefused(keys: string[]): Promise<Answer> {
    for (let count = 0; count < 5000; count++) {
      const answer = await createKey();
      if (answer.status !== 201) return answer;
      keys.push(String(answer.body['key']));
    }
    throw new Error('the disk never became full');
  }
});

describe('a configuration', () => {
  beforeEach(() => mkdirSync(join(home, 'cwd')));

  it.each([
    ['is no YAML', 'authority: {listen: [', 'config_syntax', /line 1/],
    ['has an unknown key', 'authorty: {}\n', 'config_invalid', /authority/],
    ['has a wrong type', 'log:\n  level: 7\n', 'config_invalid', /log\.level/],
    ['holds a secret', 'custody:\n  passphrase: open sesame\n', 'config_invalid', /file:|env:/],
  ])('that %s is refused with its place', async (_, text, code, place) => {
    const cwd = join(home, 'cwd');
    writeFileSync(join(cwd, 'mintmark.yaml'), text);
    const done = await mintmark(['serve', '--data', join(home, 'data')], { cwd });
    expect(done.code).toBe(3);
    expect(done.stderr).toContain(code);
    expect(done.stderr).toMatch(place);
    expect(done.stderr).not.toContain('open sesame');
    expect(() => statSync(join(home, 'data'))).toThrow();
  });
});

describe('a PostgreSQL that is away', () => {
  it('at the start is named in the refusal, without its password', async () => {
    const port = await freePort();
    const env = { MINTMARK_DATABASE: `postgres://someone:s3cret-word@127.0.0.1:${port}/mintmark` };
    const places = ['--listen', '127.0.0.1:0', '--gateway-listen', '127.0.0.1:0'];
    const command = ['serve', '--data', join(home, 'data'), ...places];
    const done = await mintmark(command, { cwd: home, env });
    expect(done.code, done.stderr).toBe(3);
    expect(done.stderr).toContain(`127.0.0.1:${port}`);
    expect(done.stderr).not.toContain('s3cret-word');
    expect(done.stderr).toContain('try:');
  });

  it('meanwhile is answered 503, and used again when it comes back; nothing is lost', async () => {
    const postgres = await startPostgres();
    const database = new URL(postgres.url);
    const wire = await startWire(Number(database.port));
    database.port = String(wire.port);
    try {
      installation = await initialise(home, { database: database.href });
      const server = await serve();
      const keys = await acknowledgedKeys(20);
      wire.cut();
      const refused = await createKey();
      expect(refused.status, refused.text).toBe(503);
      expect(refused.body).toMatchObject({ code: 'unavailable' });
      await untilNotReady();
      expect(server.stderr()).toMatch(/"code":"store_\w+"/);
      expect(server.stderr()).toMatch(/"hint":"/);
      expect(server.stderr()).not.toContain(database.password);
      wire.mend();
      const key = await until('it is used again', async () => {
        const answer = await createKey();
        return answer.status === 201 ? String(answer.body['key']) : undefined;
      });
      await expectAllThere([...keys, key]);
    } finally {
      await child?.stop('SIGKILL');
      await wire.close();
      await postgres.stop();
    }
  });
});
