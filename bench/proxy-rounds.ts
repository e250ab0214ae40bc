/**
 * Rounds of load on several proxies in turn: each is one process on core 0, load and upstream share
 * core 1. CPU time is that of all threads of the process.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { loadFlatOut, type Work } from './load.ts';

export interface Contender {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  /** In place of the tokens of all. */
  readonly tokens?: string;
}

interface Row {
  readonly requestsPerSecond: number;
  readonly cpuMicros: number;
  readonly p99Ms: number;
}

export interface Rounds {
  /** @param kept false: it warms up */
  measure(contender: Contender, kept: boolean): void;
  /** Medians, bests, and ratios to the first contender. */
  print(): void;
}

/** @param input.tokens file of `Bearer …` lines, which requests take in turn */
export function createRounds(input: {
  readonly tokens: string;
  readonly seconds: number;
  readonly connections: number;
  readonly folder: string;
}): Rounds {
  const { tokens, seconds, connections, folder: directory } = input;
  const rows = new Map<string, Row[]>();

  function one({ port, pid, tokens: own }: Contender): Row {
    const work: Work = {
      ...{ port, path: '/api/things?page=1', method: 'GET', bodies: [], expect: /items/ },
      headers: { 'user-agent': 'bench', accept: 'application/json' },
      varying: { header: 'authorization', file: own ?? tokens },
    };
    const before = cpuMicros(pid);
    const measured = loadFlatOut(work, { seconds, connections, directory });
    const requests = measured.requestsPerSecond * seconds;
    return { ...measured, cpuMicros: (cpuMicros(pid) - before) / requests };
  }

  return {
    measure(contender, kept) {
      const row = one(contender);
      const before = rows.get(contender.name) ?? [];
      rows.set(contender.name, kept ? [...before, row] : before);
    },
    print: () => print(rows),
  };
}

/** Finer than ticks: nanoseconds on a core, the first number of the scheduler's own account. */
function cpuMicros(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const spent = threads.map((thread) => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8');
    return Number(text.split(' ')[0]) / 1000;
  });
  return spent.reduce((sum, one) => sum + one, 0);
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function print(rows: ReadonlyMap<string, readonly Row[]>): void {
  const of = (name: string, column: keyof Row): readonly number[] =>
    rows.get(name)!.map((row) => row[column]);
  const rate = (name: string): number => median(of(name, 'requestsPerSecond'));
  const cpu = (name: string): number => Math.min(...of(name, 'cpuMicros'));
  const [open = ''] = rows.keys();
  console.log(
    `${' '.repeat(30)}req/s  best   p99 ms   CPU µs: least  median   of no check: req/s  CPU`,
  );
  for (const name of rows.keys()) {
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
