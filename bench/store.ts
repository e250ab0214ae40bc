/**
 * `node bench/store.ts [sqlite|memory|postgres|postgres://…] [callers]`: acts a second of one
 * insert each, what an act costs the thread that serves requests, and reads by primary key.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemEntropy, systemTimers } from '@mintmark/core/system';
import { openStore } from '../packages/authority/src/store/open-store.ts';
import type { Store } from '../packages/authority/src/store/store.ts';
import type { Row } from '../packages/authority/src/store/tables.ts';
import { startPostgres } from '../tools/postgres-fixture.ts';

const [target = 'sqlite', callersText = '256'] = process.argv.slice(2);
const callers = Number(callersText);
const rounds = 5;
const roundMs = 2_000;
const rowsToRead = 10_000;

const folder = mkdtempSync(join(tmpdir(), 'mintmark-bench-'));
const server = target === 'postgres' ? await startPostgres() : undefined;
const urls: Record<string, string | undefined> = {
  sqlite: `sqlite:${join(folder, 'store')}`,
  memory: 'memory:',
  postgres: server?.url,
};
const url = urls[target] ?? target;
const store = await openStore(url, { clock: systemClock, timers: systemTimers });
const run = Buffer.from(systemEntropy.bytes(6)).toString('hex');
let made = 0;

try {
  const writes = [];
  for (let round = 0; round < rounds; round++) writes.push(await writeRound(store));
  report(`acts that are recorded, ${callers} callers`, writes);
  await addRows(store);
  for (const readers of [1, callers]) {
    const reads = [];
    for (let round = 0; round < rounds; round++) reads.push(await readRound(store, readers));
    report(`reads by primary key, ${readers} callers`, reads);
  }
} finally {
  await store.upkeep.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
}

interface Round {
  readonly perSecond: number;
  readonly mainMicros: number;
}

function auditRecord(number: number): Row<'auditPending'> {
  return {
    id: `${run}-${number}`,
    tenant: 'default',
    leaf: Buffer.alloc(320, number & 0xff),
    object: `token:${number}`,
    related: 'client:bench',
    personal: null,
    at: 1_700_000_000_000 + number,
  };
}

async function writeRound({ acts }: Store): Promise<Round> {
  return measure(async (until) => {
    let count = 0;
    const caller = async () => {
      while (performance.now() < until) {
        await acts.run({ steps: [], audit: auditRecord(made++) });
        count += 1;
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
    return count;
  });
}

async function readRound({ nodes }: Store, readers: number): Promise<Round> {
  return measure(async (until) => {
    let count = 0;
    const reader = async () => {
      while (performance.now() < until) {
        const row = await nodes.get(run, `node-${(count++ * 7919) % rowsToRead}`);
        if (row === undefined) throw new Error('a row is missing');
      }
    };
    await Promise.all(Array.from({ length: readers }, reader));
    return count;
  });
}

async function addRows({ acts }: Store): Promise<void> {
  const rows = Array.from({ length: rowsToRead }, (_, i) => {
    return { tenant: run, node: `node-${i}`, epoch: 'bench', position: i, seenAt: 0 };
  });
  await acts.run({ steps: [{ do: 'insertMany', table: 'nodes', rows }], audit: null });
}

async function measure(work: (until: number) => Promise<number>): Promise<Round> {
  const start = performance.now();
  const cpu = process.threadCpuUsage();
  const count = await work(start + roundMs);
  const used = process.threadCpuUsage(cpu);
  const seconds = (performance.now() - start) / 1000;
  return { perSecond: count / seconds, mainMicros: (used.user + used.system) / count };
}

function report(what: string, results: readonly Round[]): void {
  const median = (pick: (round: Round) => number): number => {
    const sorted = results.map(pick).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)]!;
  };
  const perSecond = Math.round(median((round) => round.perSecond)).toLocaleString('en');
  const micros = median((round) => round.mainMicros).toFixed(1);
  const scheme = target.replace(/:.*/, '');
  console.log(`${scheme}: ${what}: ${perSecond}/s, ${micros} µs of the main thread each`);
}
