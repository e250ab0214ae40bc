/**
 * `node bench/haproxy.ts [--rounds 9] [--seconds 2] [--connections 64]`: HAProxy with the generated
 * configuration, beside HAProxy that checks nothing and HAProxy as people configure it. Each has
 * one thread on core 0 and is loaded in turn, in short rounds; load and upstream, an HAProxy too,
 * share core 1. Printed are requests a second and the CPU time of one request, each as the median
 * and the best of the rounds, and their ratios to HAProxy that checks nothing.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
import { loadFlatOut, type Work } from './load.ts';
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

interface Contender {
  readonly name: string;
  readonly port: number;
  readonly file: string;
}

interface Row {
  readonly requestsPerSecond: number;
  readonly cpuMicros: number;
  readonly p99Ms: number;
}

const processes: ChildProcess[] = [];
const rows = new Map<string, Row[]>();
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
  const contenders: Contender[] = [
    { name: 'no check at all', port: await freePort(), file: byHand('open') },
    { name: 'by hand, signature each time', port: await freePort(), file: byHand('verifying') },
    { name: 'by hand, the same features', port: await freePort(), file: byHand('whole') },
    { name: 'generated', port: Number(settings.listen.split(':')[1]), file: generated },
  ];
  const pids = new Map(
    contenders.map(({ name, port, file }) => {
      const pid = start({ file, core: 0, environment: { ...environment, PORT: String(port) } });
      return [name, pid];
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (let round = 0; round <= rounds; round++) {
    for (const contender of contenders) {
      await tell(settings.runtimeSocket, haproxyRuntime.renew({ config, maps: config.maps }));
      const row = measure(contender, pids.get(contender.name)!, tokens);
      // The first round warms up: every token is seen in it.
      if (round > 0) rows.set(contender.name, [...(rows.get(contender.name) ?? []), row]);
    }
  }
  print(contenders);
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

function measure({ port }: Contender, pid: number, tokens: string): Row {
  const work: Work = {
    ...{ port, path: '/api/things?page=1', method: 'GET', bodies: [], expect: /items/ },
    headers: { 'user-agent': 'bench', accept: 'application/json' },
    varying: { header: 'authorization', file: tokens },
  };
  const before = cpuMicros(pid);
  const measured = loadFlatOut(work, { seconds, connections, directory: folder });
  const requests = measured.requestsPerSecond * seconds;
  return { ...measured, cpuMicros: (cpuMicros(pid) - before) / requests };
}

/** Finer than ticks: nanoseconds on a core, the first number of the scheduler's own account. */
function cpuMicros(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1000;
}

function tell(socket: string, command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket);
    connection.on('error', reject).on('end', resolve).resume();
    connection.write(`${command}\n`);
  });
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function print(contenders: readonly Contender[]): void {
  const of = (name: string, column: keyof Row): readonly number[] =>
    rows.get(name)!.map((row) => row[column]);
  const rate = (name: string): number => median(of(name, 'requestsPerSecond'));
  const cpu = (name: string): number => Math.min(...of(name, 'cpuMicros'));
  const { name: open } = contenders[0]!;
  console.log(
    `${' '.repeat(30)}req/s  best   p99 ms   CPU µs: least  median   of no check: req/s  CPU`,
  );
  for (const { name } of contenders) {
    const cells = [
      name.padEnd(29),
      rate(name).toFixed(0).padStart(6),
      Math.max(...of(name, 'requestsPerSecond'))
        .toFixed(0)
        .padStart(6),
      median(of(name, 'p99Ms')).toFixed(1).padStart(7),
      cpu(name).toFixed(1).padStart(15),
      median(of(name, 'cpuMicros')).toFixed(1).padStart(7),
      (rate(name) / rate(open)).toFixed(2).padStart(20),
      (cpu(open) / cpu(name)).toFixed(2).padStart(6),
    ];
    console.log(cells.join(' '));
  }
}
