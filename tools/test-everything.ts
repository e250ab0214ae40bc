/**
 * Every check there is: services first, then format, types, tidy, unit tests and suites. Goes on
 * after a failure, so that one run tells everything; the last line counts it all. A step that is
 * not a test run counts as one test. Nothing is skipped silently: what cannot run has failed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { installServices } from './services.ts';
import { addTallies, type Tally, tallyOf } from './tally.ts';

const root = new URL('..', import.meta.url).pathname;
const reports = join(root, '.cache', 'reports');

function step(name: string, command: string, args: readonly string[]): Tally {
  console.log(`\n== ${name}`);
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  return status === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

function vitest(name: string, config: string): Tally {
  console.log(`\n== ${name}`);
  const report = join(reports, `${name}.json`);
  rmSync(report, { force: true });
  const args = ['run', '--config', config, '--reporter=default', '--reporter=json'];
  const { status } = spawnSync('vitest', [...args, `--outputFile.json=${report}`], {
    cwd: root,
    stdio: 'inherit',
  });
  const text = existsSync(report) ? readFileSync(report, 'utf8') : undefined;
  return tallyOf(text, status);
}

mkdirSync(reports, { recursive: true });
const total = addTallies([
  ...installServices(root),
  step('biome', 'biome', ['check', '--error-on-warnings', '.']),
  step('types', 'tsc', ['-b', '.', 'conformance/clients']),
  step('tidy', 'node', ['tools/tidy.ts']),
  vitest('unit', 'vitest.config.ts'),
  vitest('suites', 'vitest.suites.config.ts'),
]);
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1;
