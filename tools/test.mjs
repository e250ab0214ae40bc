/** `npm test`: installs what is missing, then runs every check under the pinned Node. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { environment, prepare, root } from './setup.mjs';

const node = prepare();
const run = join(root, 'tools', 'test-everything.ts');
const done = spawnSync(node, [run, ...process.argv.slice(2)], {
  cwd: root,
  env: environment,
  stdio: 'inherit',
});
process.exitCode = done.status ?? 3;
