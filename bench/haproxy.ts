/**
 * `node bench/haproxy.ts [--rounds 9] [--seconds 2] [--connections 64]`: HAProxy with the generated
 * configuration, beside HAProxy that checks nothing and HAProxy as people configure it. Each has
 * one thread on core 0 and is loaded in turn, in short rounds; load and upstream, an HAProxy too,
 * share core 1. Printed are requests a second and the CPU time of one request, each as the median
 * and the best of the rounds, and their ratios to HAProxy that checks nothing.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type HaproxySettings,
  haproxyConfig,
  haproxyMaps,
  haproxyRuntime,
} from '@mintmark/gateway';
import { makeWorld } from './haproxy/world.ts';
import { type Contender, createRounds } from './proxy-rounds.ts';
import { freePort } from './server-process.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '64' },
  },
});
const [rounds, seconds, connections] = [values.rounds, values.seconds, values.connections].map(
  Number,
) as [number, number, number];
/** What HAProxy is told of news lasts 3.5 seconds, and wrk holds up whoever would tell it more. */
if (seconds > 3) throw new Error('--seconds is at most 3');
const folder = mkdtempSync(join(tmpdir(), 'mintmark-bench-haproxy-'));

const processes: ChildProcess[] = [];
try {
  await run();
} finally {
  for (const child of processes) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

async function run(): Promise<void> {
  const upstreamPort = await freePort();
  const { mirror, tokens, pem } = await makeWorld(folder, upstreamPort);
  const settings: HaproxySettings = {
    ...{ folder: join(folder, 'generated'), listen: `127.0.0.1:${await freePort()}` },
    ...{ runtimeSocket: join(folder, 'admin.sock'), prefix: 'mm', threads: 1 },
    ...{ certificate: undefined, chain: undefined, upstreamAuthorities: undefined },
  };
  const state = { view: mirror.view(), revocations: mirror.revocations() };
  const config = haproxyConfig({ ...state, settings, startedWithNewsUntilMs: 0 });
  for (const name of ['keys', 'maps']) mkdirSync(join(settings.folder, name), { recursive: true });
  const generated = join(settings.folder, 'haproxy.cfg');
  const keyFile = join(folder, 'key.pem');
  const files = [...config.keys, ...haproxyMaps(settings, config)];
  for (const [file, text] of [...files, [generated, config.text], [keyFile, pem]] as const) {
    writeFileSync(file, text);
  }
  const environment = {
    UPSTREAM_PORT: String(upstreamPort),
    KEY_FILE: keyFile,
    MAPS: join(settings.folder, 'maps'),
  };
  start({ file: byHand('upstream'), core: 1, environment });
  const listening = Number(settings.listen.split(':')[1]);
  const wanted: readonly (readonly [string, number, string])[] = [
    ['no check at all', await freePort(), byHand('open')],
    ['by hand, signature each time', await freePort(), byHand('verifying')],
    ['by hand, the same features', await freePort(), byHand('whole')],
    ['generated', listening, generated],
  ];
  const contenders = wanted.map(([name, port, file]): Contender => {
    const pid = start({ file, core: 0, environment: { ...environment, PORT: String(port) } });
    return { name, port, pid };
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  const measuring = createRounds({ tokens, seconds, connections, folder });
  for (let round = 0; round <= rounds; round++) {
    for (const contender of contenders) {
      await tell(settings.runtimeSocket, haproxyRuntime.renew({ config, maps: config.maps }));
      // The first round warms up: every token is seen in it.
      measuring.measure(contender, round > 0);
    }
  }
  measuring.print();
}

function byHand(name: string): string {
  return join(import.meta.dirname, 'haproxy', `${name}.cfg`);
}

function start({
  file,
  core,
  environment,
}: {
  readonly file: string;
  readonly core: 0 | 1;
  readonly environment: Readonly<Record<string, string>>;
}): number {
  const line = ['-c', String(core), '/usr/sbin/haproxy', '-db', '-f', file];
  const child = spawn('taskset', line, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  processes.push(child);
  return child.pid!;
}

function tell(socket: string, command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket);
    connection.on('error', reject).on('end', resolve).resume();
    connection.write(`${command}\n`);
  });
}
