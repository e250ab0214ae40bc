/**
 * `npm run nightly [-- --only NAME,NAME --list]`: the runs that are too long for `npm test`, one
 * after the other, each with the time that it may take. Goes on after a failure, so that one night
 * tells everything. Exit code 1 where a run failed or was stopped at its bound. Each random run has
 * a seed of its own every night, which is printed: `MINTMARK_NIGHTLY_SEED` gives another.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { systemClock } from '@mintmark/core/system';

export interface Run {
  readonly name: string;
  /** Of package.json. */
  readonly script: string;
  readonly args: readonly string[];
  /** The longest that it may take: about three times what it does on two quiet cores. */
  readonly minutesMax: number;
  readonly needs?: string;
}

export function nightlyRuns(seed: number): readonly Run[] {
  const seeded = ['--seed', String(seed)];
  return [
    {
      name: 'policies',
      script: 'policy:differential',
      args: ['--decisions', '1000000', ...seeded],
      minutesMax: 30,
    },
    { name: 'crash', script: 'crash', args: ['--cycles', '1000', ...seeded], minutesMax: 120 },
    { name: 'races', script: 'races', args: [], minutesMax: 90 },
    {
      name: 'linearizability',
      script: 'linearizability',
      args: [],
      minutesMax: 90,
      needs: 'Go 1.22 or newer',
    },
    {
      name: 'rotation',
      script: 'rotation:longer',
      args: ['--rotations', '100'],
      minutesMax: 40,
    },
    { name: 'limits', script: 'limits:longer', args: [], minutesMax: 30, needs: 'redis-server' },
    { name: 'fuzz', script: 'fuzz', args: ['--seconds', '120', ...seeded], minutesMax: 180 },
    { name: 'soak', script: 'soak', args: ['--minutes', '60'], minutesMax: 75 },
    { name: 'timing', script: 'timing', args: ['--samples', '40000'], minutesMax: 60 },
    {
      name: 'clients',
      script: 'clients:longer',
      args: [],
      minutesMax: 50,
      needs: 'Go 1.26 or newer, Chromium',
    },
  ];
}

export type Outcome = 'passed' | 'failed' | 'stopped';

/** What came of a run, by how `timeout` ended: 124 and 137 are its own. */
export function outcomeOf(status: number | null): Outcome {
  if (status === 0) return 'passed';
  return status === 124 || status === 137 ? 'stopped' : 'failed';
}

function main(): void {
  const options = { only: { type: 'string' }, list: { type: 'boolean' } } as const;
  const { values } = parseArgs({ options });
  const today = Math.floor(systemClock.nowMs() / 86_400_000);
  const seed = Number(process.env['MINTMARK_NIGHTLY_SEED'] ?? today);
  const all = nightlyRuns(seed);
  const only = values.only?.split(',');
  const unknown = only?.filter((name) => all.every((run) => run.name !== name)) ?? [];
  if (unknown.length > 0 || !Number.isInteger(seed)) {
    console.error(`nightly: no such run or seed: ${[...unknown, seed].join(', ')}`);
    process.exit(2);
  }
  const chosen = all.filter(({ name }) => only?.includes(name) ?? true);
  const lines = chosen.map((run) => {
    const bound = `at most ${run.minutesMax} minutes${run.needs ? `; needs ${run.needs}` : ''}`;
    const line = `${run.name}: npm run ${[run.script, '--', ...run.args].join(' ')} (${bound})`;
    if (values.list === true) return line;
    console.log(`\n== ${line}`);
    const begun = systemClock.monotonicMs();
    const outcome = outcomeOf(runScript(run));
    if (outcome !== 'passed') process.exitCode = 1;
    const minutes = (systemClock.monotonicMs() - begun) / 60_000;
    return `${outcome.padEnd(8)} ${run.name}, ${minutes.toFixed(1)} minutes`;
  });
  console.log(`\n${lines.join('\n')}`);
  if (values.list !== true) console.log(`seed ${seed}`);
}

/** `timeout` ends the whole group: nothing that a run started outlives it. */
function runScript({ script, args, minutesMax }: Run): number | null {
  const command = ['npm', 'run', script, '--', ...args];
  const bound = ['--kill-after=30', `${minutesMax}m`];
  return spawnSync('timeout', [...bound, ...command], { stdio: 'inherit' }).status;
}

if (import.meta.main) main();
