/** The real Envoy with a generated configuration, and the node that keeps it. */
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { exchange } from './exchange.ts';
import { freePort } from './free-port.ts';
import { command as program } from './mintmark.ts';
import { until } from './until.ts';

const envoyProgram = join(import.meta.dirname, '../../.cache/python/bin/envoy');

export interface RunningEnvoy {
  readonly origin: string;
  readonly folder: string;
  readonly envoy: Child;
  readonly sync: Child;
  /** Another node in its place. */
  startSync(): Child;
  stop(): Promise<void>;
}

/**
 * @param input.home a folder of the suite's own
 * @param input.authority URL of an authority, with a key for its feed
 * @param input.chain `host:port` of a gateway behind it
 */
export async function startEnvoy(input: {
  readonly home: string;
  readonly name: string;
  readonly authority: string;
  readonly key: string;
  readonly chain: string;
}): Promise<RunningEnvoy> {
  const { home, name, authority, key, chain } = input;
  const folder = join(home, name);
  const port = await freePort();
  const flags = [
    ...['--out', folder, '--bind', `127.0.0.1:${port}`, '--chain', chain],
    ...['--gateway-authority', authority, '--gateway-token', 'env:KEY', '--gateway-node', name],
  ];
  const options = { cwd: home, env: { KEY: key, HOME: home } };
  const mintmark = (...line: readonly string[]): Child =>
    startChild(process.execPath, [program, ...line, ...flags], options);
  const made = mintmark('proxy-config', 'envoy', '--json');
  if ((await made.wait()) !== 0) throw new Error(`proxy-config: ${made.stderr()}`);
  const line = ['-c', join(folder, 'envoy.json'), '--use-dynamic-base-id', '--concurrency', '2'];
  const envoy = startChild(envoyProgram, [...line, '-l', 'error'], { cwd: home });
  const origin = `http://127.0.0.1:${port}`;
  await until('envoy listens', async () => {
    if (envoy.ended() !== undefined) throw new Error(`envoy: ${envoy.stderr()}`);
    return exchange(origin).catch(() => undefined);
  });
  const startSync = (): Child => mintmark('proxy-sync', 'envoy', '--json');
  let sync = startSync();
  return {
    ...{ origin, folder, envoy },
    get sync() {
      return sync;
    },
    startSync() {
      sync = startSync();
      return sync;
    },
    async stop() {
      await sync.stop('SIGKILL');
      await envoy.stop('SIGKILL');
    },
  };
}
