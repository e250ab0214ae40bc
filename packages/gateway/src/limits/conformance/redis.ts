/** A Redis of Debian for one suite: on a port of its own, in memory, with a password. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { Redis } from 'ioredis';

export interface TestRedis {
  readonly port: number;
  readonly password: string;
  readonly url: string;
  readonly client: Redis;
  eval(
    script: string,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<string[]>;
  /** As a crash: nothing is kept. */
  kill(): Promise<void>;
  /** Begins anew, empty, on the same port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function openRedis(): Promise<TestRedis> {
  const port = await freePort();
  const password = 'of-this-suite';
  let server = await start(port, password);
  const client = new Redis({ port, host: '127.0.0.1', password, maxRetriesPerRequest: 20 });
  client.on('error', () => undefined);
  const kill = async (): Promise<void> => {
    const gone = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await gone;
  };
  return {
    ...{ port, password, client, kill, url: `redis://127.0.0.1:${port}` },
    async eval(script, keys, args) {
      return (await client.eval(script, keys.length, ...keys, ...args)) as string[];
    },
    async restart() {
      server = await start(port, password);
    },
    async close() {
      client.disconnect();
      if (server.exitCode === null && server.signalCode === null) await kill();
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' ? address!.port : 0));
    });
  });
}

/** Resolves once it takes connections. */
function start(port: number, password: string): Promise<ChildProcess> {
  const memory = ['--save', '', '--appendonly', 'no', '--dir', '/'];
  const where = ['--port', String(port), '--bind', '127.0.0.1', '--requirepass', password];
  const server = spawn('redis-server', [...where, ...memory], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    let said = '';
    server.once('error', reject);
    server.once('exit', () => reject(new Error(`redis-server ended: ${said}`)));
    server.stdout.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2_000);
      if (said.includes('Ready to accept connections')) resolve(server);
    });
  });
}
