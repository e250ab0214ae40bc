/**
 * `npm run bench`: Mintmark beside its peers and beside the floor that this machine allows. Servers
 * run on core 0, load on core 1; the contenders of a scenario take turns in every round, so that a
 * drifting machine slows all of them alike. Only ratios within one run count.
 *
 * npm run bench -- [--only NAME] [--rounds 3] [--seconds 6] [--connections 256]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { assertAnswers, loadFlatOut, loadSteadily, type Steady } from './load.ts';
import { type Contender, type Running, scenarios } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '6' },
    connections: { type: 'string', default: '256' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const connections = Number(values.connections);

interface Row {
  readonly requestsPerSecond: number;
  readonly cpuMicros: number;
  readonly p99Ms: number;
  readonly residentMb: number;
}

for (const scenario of scenarios) {
  if (values.only !== undefined && scenario.name !== values.only) continue;
  console.log(`\n${scenario.name}: ${scenario.what}`);
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-bench-'));
  const rows = new Map<string, Row[]>();
  const steady = new Map<string, Steady>();
  for (let round = 0; round < rounds; round++) {
    let answerBytes = 0;
    for (const contender of scenario.contenders) {
      const running = await contender.start({ directory, answerBytes });
      try {
        const bytes = await assertAnswers(running.work);
        answerBytes = contender.isOurs ? bytes : answerBytes;
        const row = await measure(running, directory);
        rows.set(contender.name, [...(rows.get(contender.name) ?? []), row]);
        if (contender.isOurs && round === rounds - 1) {
          const rate = Math.floor(row.requestsPerSecond / 2);
          const pace = { seconds, requestsPerSecond: rate, connections: 64 };
          steady.set(contender.name, loadSteadily(running.work, pace));
        }
      } finally {
        await running.server.stop();
      }
    }
  }
  print(scenario.contenders, rows, steady);
  rmSync(directory, { recursive: true, force: true });
}

async function measure(running: Running, directory: string): Promise<Row> {
  const { server, work } = running;
  loadFlatOut(work, { seconds: 2, connections, directory });
  const before = server.cpuMicros();
  const { requestsPerSecond, p99Ms } = loadFlatOut(work, { seconds, connections, directory });
  const cpuMicros = (server.cpuMicros() - before) / (requestsPerSecond * seconds);
  return { requestsPerSecond, cpuMicros, p99Ms, residentMb: server.residentMb() };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function print(
  contenders: readonly Contender[],
  rows: ReadonlyMap<string, readonly Row[]>,
  steady: ReadonlyMap<string, Steady>,
): void {
  const of = (name: string, column: keyof Row): number =>
    median((rows.get(name) ?? []).map((row) => row[column]));
  const ours = contenders.find((contender) => contender.isOurs)?.name ?? '';
  console.log('  contender                      req/s   CPU µs   p99 ms    MB   ours/theirs');
  for (const { name } of contenders) {
    const rate = of(name, 'requestsPerSecond');
    const cells = [
      name.padEnd(28),
      rate.toFixed(0).padStart(8),
      of(name, 'cpuMicros').toFixed(0).padStart(8),
      of(name, 'p99Ms').toFixed(1).padStart(8),
      of(name, 'residentMb').toFixed(0).padStart(6),
      (of(ours, 'requestsPerSecond') / rate).toFixed(2).padStart(10),
    ];
    console.log(`  ${cells.join(' ')}`);
    const half = steady.get(name);
    if (half === undefined) continue;
    const [p50, p99, late] = [half.p50Ms, half.p99Ms, half.latestMs].map((ms) => ms.toFixed(1));
    console.log(
      `    at half of that, steady: p50 ${p50}, p99 ${p99} ms (client late by ${late} at most)`,
    );
  }
}
