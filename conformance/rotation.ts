/**
 * `npm run rotation:longer -- --rotations 100`: the suites of rotation under load, for longer than
 * `npm test` runs them.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { rotations: { type: 'string', default: '100' } } });
if (!/^[1-9]\d{0,5}$/.test(values.rotations)) throw new Error('--rotations is not a count');
const files = ['conformance/rotation.suite', 'signing-rotation.suite'];
const { status } = spawnSync('vitest', ['run', '--config', 'vitest.suites.config.ts', ...files], {
  stdio: 'inherit',
  env: { ...process.env, MINTMARK_ROTATIONS: values.rotations },
});
process.exitCode = status ?? 1;
