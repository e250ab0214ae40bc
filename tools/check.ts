/**
 * `npm run check`: format, types, tidy, unit tests, in this order, stopping at the first that
 * fails.
 */
import { spawnSync } from 'node:child_process';

const steps: readonly (readonly [string, readonly string[]])[] = [
  ['biome', ['check', '--error-on-warnings', '.']],
  ['tsc', ['-b']],
  ['node', ['tools/tidy.ts']],
  ['vitest', ['run', '--passWithNoTests']],
];

for (const [command, args] of steps) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) {
    console.error(`check: ${command} ${args.join(' ')} failed`);
    process.exit(1);
  }
}
