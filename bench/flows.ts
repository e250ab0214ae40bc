/**
 * Flows of many requests: refreshing with rotation, and the code flow of somebody who is signed in.
 * Servers run on core 0; the load and PostgreSQL share core 1. All of them stand throughout, and
 * take turns in each round.
 *
 * npm run bench:flows -- [--rounds 3] [--seconds 6] [--connections 64] [--keycloak FOLDER]
 *   [--families 10000000 --users 1000000]
 *
 * With families, one more Mintmark on PostgreSQL has that many beside the ones under load, and that
 * many users: copies of rows that the server wrote itself, each under ids of its own.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres } from '../tools/postgres-fixture.ts';
import { fillDatabase } from './crowd.ts';
import type { FlowOrder, FlowsMeasured } from './flow-client.ts';
import { type Contender, keycloak, mintmark, oidcProvider } from './flow-contenders.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '6' },
    connections: { type: 'string', default: '64' },
    keycloak: { type: 'string' },
    families: { type: 'string', default: '0' },
    users: { type: 'string', default: '0' },
  },
});
const seconds = Number(values.seconds);
const connections = Number(values.connections);

interface Row extends FlowsMeasured {
  readonly cpuMicros: number;
}

const directory = mkdtempSync(join(tmpdir(), 'mintmark-flows-'));
const postgres = await startPostgres();
// Not beside the servers under measurement.
spawnSync('sh', ['-c', 'for p in $(pgrep -x postgres); do taskset -apc 1 $p; done']);
const contenders: Contender[] = [];
try {
  const at = { directory, postgresUrl: postgres.url, connections };
  contenders.push(await mintmark({ ...at, name: 'mintmark, PostgreSQL', kind: 'postgres' }));
  contenders.push(await mintmark({ ...at, name: 'mintmark, SQLite', kind: 'sqlite' }));
  if (values.families !== '0') {
    const name = `mintmark, PostgreSQL, ${values.families} families, ${values.users} users`;
    const crowded = await mintmark({ ...at, name, kind: 'postgres' });
    const crowd = { families: Number(values.families), users: Number(values.users) };
    await fillDatabase(crowded.database!, crowd);
    contenders.push(crowded);
  }
  contenders.push(await oidcProvider(at));
  if (values.keycloak === undefined) console.log('Keycloak: not measured, see bench/keycloak.ts');
  else contenders.push(await keycloak(values.keycloak, at));
  const refreshing = new Map<Contender, Row[]>();
  const codes = new Map<Contender, Row[]>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const contender of contenders) {
      const row = measure(contender, { ...contender.refresh, seconds });
      contender.refresh = { ...contender.refresh, refreshTokens: row.refreshTokens };
      refreshing.set(contender, [...(refreshing.get(contender) ?? []), row]);
      if (contender.code === undefined) continue;
      const code = measure(contender, { ...contender.code, seconds });
      codes.set(contender, [...(codes.get(contender) ?? []), code]);
    }
  }
  print(`refreshes with rotation, ${connections} chains`, refreshing);
  print(`code flows from authorize to tokens, ${connections} at a time`, codes);
} finally {
  for (const { server } of contenders) await server.stop();
  await postgres.stop();
  rmSync(directory, { recursive: true, force: true });
}

/** After two seconds in which nothing counts. */
function measure(contender: Contender, order: FlowOrder): Row {
  const { refreshTokens } = load(contender, { ...order, seconds: 2 });
  const before = contender.server.cpuMicros();
  const measured = load(contender, { ...order, refreshTokens } as FlowOrder);
  const flows = measured.flowsPerSecond * order.seconds;
  return { ...measured, cpuMicros: (contender.server.cpuMicros() - before) / flows };
}

function load(contender: Contender, order: FlowOrder): FlowsMeasured {
  const client = join(import.meta.dirname, 'flow-client.ts');
  const { status, stdout, stderr } = spawnSync('taskset', ['-c', '1', process.execPath, client], {
    encoding: 'utf8',
    input: JSON.stringify(order),
  });
  if (status !== 0) throw new Error(`${contender.name}: ${stderr}`);
  return JSON.parse(stdout) as FlowsMeasured;
}

function print(what: string, rows: ReadonlyMap<Contender, readonly Row[]>): void {
  console.log(`\n${what}`);
  console.log('  flows/s   CPU µs   p50 ms   p99 ms   ours/theirs');
  const median = (
    contender: Contender,
    column: 'flowsPerSecond' | 'cpuMicros' | 'p50Ms' | 'p99Ms',
  ) =>
    rows
      .get(contender)!
      .map((row) => row[column])
      .sort((a, b) => a - b)[Math.floor(rows.get(contender)!.length / 2)]!;
  const first = [...rows.keys()][0]!;
  for (const contender of rows.keys()) {
    const rate = median(contender, 'flowsPerSecond');
    const cells = [
      rate.toFixed(0).padStart(9),
      median(contender, 'cpuMicros').toFixed(0).padStart(8),
      median(contender, 'p50Ms').toFixed(1).padStart(8),
      median(contender, 'p99Ms').toFixed(1).padStart(8),
      (median(first, 'flowsPerSecond') / rate).toFixed(2).padStart(13),
    ];
    console.log(`${cells.join(' ')}   ${contender.name}`);
  }
}
