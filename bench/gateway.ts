/**
 * `node bench/gateway.ts [--rounds 9] [--seconds 2] [--connections 64]`: our gateway beside reverse
 * proxies that judge nothing, in front of the same upstream. All of them run on core 0 and are
 * loaded in turn, in short rounds; load and upstream share core 1. What counts is the CPU time of
 * one request: its least over the rounds, which a busy machine disturbs least, and its median.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadFlatOut, type Work } from './load.ts';
import { type Server, startServer } from './server-process.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '64' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const connections = Number(values.connections);
const directory = mkdtempSync(join(tmpdir(), 'mintmark-bench-gateway-'));

interface Contender {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  /** The file of credentials that it is sent in a round. */
  readonly file: (round: number) => string;
}

/** More than are sent in one round, so that each is seen once. */
const manyTokens = String(15_000 * seconds);
const seen = join(directory, 'seen');
const first = join(directory, 'first');
const limited = join(directory, 'limited');
const keys = join(directory, 'keys');
const always = (file: string) => () => `${file}.0`;

const contenders: readonly Contender[] = [
  {
    name: 'mintmark, JWT seen before',
    script: 'gateway',
    args: [seen, 'jwt', '1000'],
    file: always(seen),
  },
  {
    name: 'mintmark, JWT and a limit',
    script: 'gateway',
    args: [limited, 'limited', '1000'],
    file: always(limited),
  },
  {
    name: 'mintmark, JWT first sight',
    script: 'gateway',
    args: [first, 'jwt', manyTokens, String(rounds + 1)],
    file: (round) => `${first}.${round}`,
  },
  {
    name: 'mintmark, API key',
    script: 'gateway',
    args: [keys, 'key', '1000'],
    file: always(keys),
  },
  { name: 'bare proxy on undici', script: 'proxy', args: ['undici'], file: always(seen) },
  { name: 'bare proxy on http.request', script: 'proxy', args: ['http'], file: always(seen) },
];
const floor = 'bare proxy on undici';

interface Row {
  readonly requestsPerSecond: number;
  readonly cpuMicros: number;
  readonly p99Ms: number;
}

const upstream = await startServer(['servers/upstream.ts'], { core: 1 });
const servers = new Map<string, Server>();
const rows: Map<string, Row>[] = [];
try {
  for (const { name, script, args } of contenders) {
    const all = [`servers/${script}.ts`, upstream.firstLine, ...args];
    servers.set(name, await startServer(all, { ready: /^\d+$/ }));
  }
  for (const contender of contenders) warmUp(contender, servers.get(contender.name)!);
  for (let round = 1; round <= rounds; round++) {
    const row = new Map<string, Row>();
    for (const contender of contenders) {
      row.set(contender.name, measure(contender, servers.get(contender.name)!, round));
    }
    rows.push(row);
  }
} finally {
  await Promise.all([...servers.values(), upstream].map((server) => server.stop()));
  rmSync(directory, { recursive: true, force: true });
}
print();

/** Until the compilers have seen enough; tokens of the first file are then no longer new. */
function warmUp(contender: Contender, server: Server): void {
  let sent = 0;
  for (let tries = 0; sent < 60_000 && tries < 10; tries++) {
    sent += measure(contender, server, 0).requestsPerSecond * seconds;
  }
}

function measure(contender: Contender, server: Server, round: number): Row {
  const work: Work = {
    port: Number(server.firstLine),
    path: '/api/things?page=1',
    method: 'GET',
    headers: { 'user-agent': 'bench', accept: 'application/json' },
    bodies: [],
    varying: { header: 'authorization', file: contender.file(round) },
    expect: /items/,
  };
  const before = server.cpuMicros();
  const measured = loadFlatOut(work, { seconds, connections, directory });
  const requests = measured.requestsPerSecond * seconds;
  return { ...measured, cpuMicros: (server.cpuMicros() - before) / requests };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function print(): void {
  const of = (name: string, column: keyof Row): readonly number[] =>
    rows.map((row) => row.get(name)![column]);
  const least = (name: string): number => Math.min(...of(name, 'cpuMicros'));
  console.log(
    '                              req/s  p99 ms   CPU µs: least  median   undici/this: least',
  );
  for (const { name } of contenders) {
    const cells = [
      name.padEnd(27),
      median(of(name, 'requestsPerSecond')).toFixed(0).padStart(7),
      median(of(name, 'p99Ms')).toFixed(1).padStart(7),
      least(name).toFixed(1).padStart(15),
      median(of(name, 'cpuMicros')).toFixed(1).padStart(7),
      (least(floor) / least(name)).toFixed(2).padStart(20),
    ];
    console.log(cells.join(' '));
  }
}
