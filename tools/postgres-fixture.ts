/**
 * A PostgreSQL of one's own: a fresh cluster in a temporary folder, on a free port of 127.0.0.1,
 * gone when it is stopped. For tests and benchmarks; it syncs to disk like a real one.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { systemEntropy, systemTimers } from '@mintmark/core/system';

export interface PostgresFixture {
  /** `postgres://…` of a superuser, to the database `postgres`. */
  readonly url: string;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

/** Whom the server runs as: it refuses to run as root. */
interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** @throws Error that says how to get PostgreSQL where it is missing */
export async function startPostgres(): Promise<PostgresFixture> {
  const binaries = findBinaries();
  const account = unprivilegedAccount();
  const folder = mkdtempSync(join(tmpdir(), 'mintmark-postgres-'));
  const password = Buffer.from(systemEntropy.bytes(16)).toString('hex');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  chmodSync(folder, 0o700);
  for (const path of account === undefined ? [] : [folder, passwordFile]) {
    chownSync(path, account!.uid, account!.gid);
  }
  const cluster = join(folder, 'cluster');
  const initdb = ['-D', cluster, '-U', 'mintmark', `--pwfile=${passwordFile}`, '-E', 'UTF8'];
  execFileSync(join(binaries, 'initdb'), [...initdb, '--locale=C', '--auth=scram-sha-256'], {
    ...account,
    cwd: folder,
    stdio: 'ignore',
  });
  const port = await freePort();
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    `unix_socket_directories=${folder}`,
  ];
  const args = settings.flatMap((setting) => ['-c', setting]);
  const server = spawn(join(binaries, 'postgres'), ['-D', cluster, ...args], {
    ...account,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const kill = () => server.kill('SIGQUIT');
  process.once('exit', kill);
  await untilReady(server);
  return {
    url: `postgres://mintmark:${password}@127.0.0.1:${port}/postgres`,
    async stop() {
      process.off('exit', kill);
      const exited = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGINT');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Debian keeps the server's programs apart by version, and out of the path. */
function findBinaries(): string {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a)).map((v) => join(debian, v, 'bin'));
  const path = (process.env['PATH'] ?? '').split(delimiter);
  const found = [...newest, ...path].find((folder) => existsSync(join(folder, 'initdb')));
  if (found !== undefined) return found;
  throw new Error(
    'PostgreSQL is missing: apt-get install postgresql, or set MINTMARK_TEST_POSTGRES to the URL ' +
      'of a server whose user may create databases',
  );
}

function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address!.port : 0));
    });
  });
}

/** The server says in its log when it takes connections. */
function untilReady(server: ChildProcess): Promise<void> {
  const waitMs = 30_000;
  return new Promise((resolve, reject) => {
    let log = '';
    const fail = (why: string) => reject(new Error(`PostgreSQL ${why}:\n${log}`));
    const cancel = systemTimers.after(waitMs, () => fail('did not start in time'));
    server.once('exit', () => fail('ended'));
    server.stderr!.setEncoding('utf8').on('data', (text: string) => {
      // Only the beginning is of interest; the rest is read so that the server is never held up.
      if (log.length < 10_000) log += text;
      if (!text.includes('ready to accept connections')) return;
      cancel();
      resolve();
    });
  });
}
