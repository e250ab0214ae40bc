#!/usr/bin/env node
/**
 * The `mintmark` command of a checkout. The source needs a Node that strips types; where the one
 * on the path is older, the pinned one of `node_modules` runs it. Understood by Node 20.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../src/main.ts', import.meta.url);
const pinned = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url));

if (process.env.npm_command !== undefined) stopWithParent();

if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(main.href);
} else if (existsSync(pinned)) {
  const args = [fileURLToPath(main), ...process.argv.slice(2)];
  const child = spawn(pinned, args, { stdio: 'inherit' });
  // A terminal signals the whole group; a supervisor signals this process alone.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === null ? 3 : 0);
  });
} else {
  console.error(`mintmark: Node ${process.version} is too old, and no newer one is installed.`);
  console.error('  try: npm start (it installs what is missing), or install Node 26');
  process.exitCode = 3;
}

/**
 * npm and npx do not pass a SIGTERM on: whoever stops them would leave a server behind, unseen.
 * Without them a new parent is nothing unusual, and the command goes on.
 */
function stopWithParent() {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 500);
  watch.unref();
}
