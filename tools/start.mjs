/** `npm start`: installs what is missing, then serves from `./data`. Options go on to `serve`. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { environment, prepare, root } from './setup.mjs';

const node = prepare();
const command = join(root, 'packages', 'cli', 'src', 'main.ts');
const child = spawn(node, [command, 'serve', ...process.argv.slice(2)], {
  cwd: root,
  env: environment,
  stdio: 'inherit',
});
// A terminal signals the whole group; a supervisor signals this process alone.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
  process.on(signal, () => child.kill(signal));
}
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === null ? 3 : 0);
});
