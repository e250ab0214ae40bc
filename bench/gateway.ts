/**
 * `node bench/gateway.ts [--rounds 3] [--seconds 5] [--connections 64]`: our gateway beside reverse
 * proxies that judge nothing, in front of the same upstream. The gateway and its peers take turns on
 * core 0; load and upstream share core 1. What counts is the ratio of CPU time for one request.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadFlatOut, type Work } from './load.ts';
import { type Server, startServer } from './server-process.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '64' },
    only: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const connections = Number(values.connections);

interface Contender {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  /** Whether it writes the credentials; the others are sent those of the first. */
  readonly writes: boolean;
}

/** More than are sent in one measurement, so that each is seen once. */
const manyTokens = '120000';

const contenders: readonly Contender[] = [
  { name: 'mintmark, JWT seen before', script: 'gateway', args: ['jwt', '1000'], writes: true },
  { name: 'mintmark, JWT first sight', script: 'gateway', args: ['jwt', manyTokens], writes: true },
  { name: 'mintmark, API key', script: 'gateway', args: ['key', '1000'], writes: true },
  { name: 'bare proxy on undici', script: 'proxy', args: ['undici'], writes: false },
  { name: 'bare proxy on http.request', script: 'proxy', args: ['http'], writes: false },
];

interface Row {
  readonly requestsPerSecond: number;
  readonly cpuMicros: number;
  readonly p99Ms: number;
}

const directory = mkdtempSync(join(tmpdir(), 'mintmark-bench-gateway-'));
const upstream = await startServer(['servers/upstream.ts'], { core: 1 });
const rows = new Map<string, Row[]>();
try {
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const contender of contenders) {
      if (values.only !== undefined && !contender.name.includes(values.only)) continue;
      const row = await measure(contender, upstream);
      rows.set(contender.name, [...(rows.get(contender.name) ?? []), row]);
    }
  }
} finally {
  await upstream.stop();
  rmSync(directory, { recursive: true, force: true });
}
print();

async function measure(contender: Contender, behind: Server): Promise<Row> {
  const file = join(
    directory,
    contender.writes ? `${contender.args.join('-')}.txt` : 'jwt-1000.txt',
  );
  const script = `servers/${contender.script}.ts`;
  const own = contender.writes ? [file, ...contender.args] : contender.args;
  const server = await startServer([script, behind.firstLine, ...own], { ready: /^\d+$/ });
  try {
    const work: Work = {
      port: Number(server.firstLine),
      path: '/api/things?page=1',
      method: 'GET',
      headers: { 'user-agent': 'bench', accept: 'application/json' },
      bodies: [],
      authorizationsFile: file,
      expect: /items/,
    };
    const warm = { seconds: 2, connections, directory };
    loadFlatOut(work, warm);
    const before = server.cpuMicros();
    const { requestsPerSecond, p99Ms } = loadFlatOut(work, { ...warm, seconds });
    const cpuMicros = (server.cpuMicros() - before) / (requestsPerSecond * seconds);
    return { requestsPerSecond, cpuMicros, p99Ms };
  } finally {
    await server.stop();
  }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function print(): void {
  const of = (name: string, column: keyof Row): number =>
    median((rows.get(name) ?? []).map((row) => row[column]));
  const bare = of('bare proxy on undici', 'cpuMicros');
  console.log('contender                       req/s   CPU µs   p99 ms   of the bare undici proxy');
  for (const { name } of contenders) {
    if (!rows.has(name)) continue;
    const cells = [
      name.padEnd(28),
      of(name, 'requestsPerSecond').toFixed(0).padStart(8),
      of(name, 'cpuMicros').toFixed(1).padStart(8),
      of(name, 'p99Ms').toFixed(1).padStart(8),
      (bare / of(name, 'cpuMicros')).toFixed(2).padStart(10),
    ];
    console.log(cells.join(' '));
  }
}
