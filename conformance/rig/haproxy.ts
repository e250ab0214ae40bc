/** The real HAProxy with a generated configuration, and the node that keeps it. */

import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { exchange } from './exchange.ts';
import { freePort } from './free-port.ts';
import { command as program } from './mintmark.ts';
import { until } from './until.ts';

const haproxyProgram = '/usr/sbin/haproxy';

export interface RunningHaproxy {
  readonly origin: string;
  readonly folder: string;
  readonly haproxy: Child;
  /** Another node in its place. */
  startSync(): Child;
  readonly sync: Child;
  /** One line to the runtime socket. */
  tell(command: string): Promise<string>;
  stop(): Promise<void>;
}

/**
 * @param input.home a folder of the suite's own
 * @param input.authority URL of an authority, with a key for its feed
 * @param input.chain `host:port` of a gateway behind it
 */
export async function startHaproxy(input: {
  readonly home: string;
  readonly name: string;
  readonly authority: string;
  readonly key: string;
  readonly chain?: string;
  readonly threads?: number;
}): Promise<RunningHaproxy> {
  const { home, name, authority, key, chain, threads = 2 } = input;
  const folder = join(home, name);
  const port = await freePort();
  const master = join(home, `${name}-master.sock`);
  const flags = [
    ...['--out', folder, '--bind', `127.0.0.1:${port}`, '--threads', String(threads)],
    ...['--gateway-authority', authority, '--gateway-token', 'env:KEY', '--gateway-node', name],
    ...(chain === undefined ? [] : ['--chain', chain]),
  ];
  const options = { cwd: home, env: { KEY: key, HOME: home } };
  const mintmark = (...line: readonly string[]): Child =>
    startChild(process.execPath, [program, ...line, ...flags], options);
  const made = mintmark('proxy-config', 'haproxy', '--json');
  if ((await made.wait()) !== 0) throw new Error(`proxy-config: ${made.stderr()}`);
  const line = ['-W', '-S', master, '-f', join(folder, 'haproxy.cfg')];
  const haproxy = startChild(haproxyProgram, line, { cwd: home });
  const socket = join(folder, 'admin.sock');
  await until('haproxy has its socket', () => {
    if (haproxy.ended() !== undefined) throw new Error(`haproxy: ${haproxy.stderr()}`);
    return existsSync(socket) && existsSync(master) ? true : undefined;
  });
  const startSync = (): Child => mintmark('proxy-sync', 'haproxy', '--json', '--master', master);
  let sync = startSync();
  const tell = (command: string): Promise<string> => askSocket(socket, command);
  await until('haproxy has news', async () => {
    if (sync.ended() !== undefined) throw new Error(`proxy-sync: ${sync.stderr()}`);
    return (await tell('show table lease')).includes('gpt0=') ? true : undefined;
  });
  return {
    ...{ origin: `http://127.0.0.1:${port}`, folder, haproxy, tell },
    get sync() {
      return sync;
    },
    startSync() {
      sync = startSync();
      return sync;
    },
    async stop() {
      await sync.stop('SIGKILL');
      await haproxy.stop('SIGTERM');
    },
  };
}

/** An answer, as soon as there is one with this status. */
export function answers(
  url: string,
  asked: Parameters<typeof exchange>[1],
  status: number,
): ReturnType<typeof exchange> {
  return until(
    `${url} answers ${status}`,
    async () => {
      const answer = await exchange(url, asked);
      return answer.status === status ? answer : undefined;
    },
    { everyMs: 5 },
  );
}

function askSocket(socket: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket);
    let text = '';
    connection.setEncoding('utf8');
    connection.on('data', (part) => {
      text += part;
    });
    connection.on('end', () => resolve(text));
    connection.on('error', reject);
    connection.write(`${command}\n`);
  });
}
