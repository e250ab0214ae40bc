/** A Redis of Debian for one suite: on a port of its own, in memory alone, with a password. */
import { type Child, startChild } from './child.ts';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

export interface RedisServer {
  readonly url: string;
  readonly password: string;
  /** As a crash: nothing is kept. */
  kill(): Promise<void>;
  /** Begins anew, empty, at the same place. */
  restart(): Promise<void>;
}

export async function startRedis(): Promise<RedisServer> {
  const port = await freePort();
  const password = 'of-this-suite';
  const line = [
    ...['--port', String(port), '--bind', '127.0.0.1', '--requirepass', password],
    ...['--save', '', '--appendonly', 'no'],
  ];
  let server: Child;
  const restart = async (): Promise<void> => {
    server = startChild('redis-server', line, { cwd: '/' });
    await until('redis-server takes connections', () => {
      if (server.ended() !== undefined) throw new Error(`redis-server: ${server.stdout()}`);
      return server.stdout().includes('Ready to accept connections') ? true : undefined;
    });
  };
  await restart();
  return {
    ...{ url: `redis://127.0.0.1:${port}`, password, restart },
    async kill() {
      await server.stop('SIGKILL');
    },
  };
}
