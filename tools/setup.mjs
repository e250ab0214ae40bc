/**
 * What `npm start` and `npm test` do first, on any machine with Node 20 and npm: install the
 * packages of the lockfile, which bring the pinned Node along. Understood by Node 20, needs no
 * package.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const bin = join(root, 'node_modules', '.bin');
const stampFile = join(root, 'node_modules', '.mintmark-installed');

/**
 * Environment in which `node` is the pinned one. It trusts the system's certificates, as the Node
 * of a distribution does: a company's mirror of the registry may stand behind an authority of its
 * own.
 */
export const environment = {
  NODE_USE_SYSTEM_CA: '1',
  ...process.env,
  PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`,
};

/**
 * Installs what is missing, and nothing when nothing changed since the last time.
 *
 * @returns the Node to run everything else with
 */
export function prepare() {
  if (majorOf(process.version) < 20) {
    stop(`Node ${process.version} is too old to begin with. Install Node 20 or newer.`);
  }
  const wanted = fingerprint();
  if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== wanted) {
    install();
    writeFileSync(stampFile, wanted);
  }
  return runtime();
}

/** Prints why nothing more can be done, and ends the process. */
export function stop(message) {
  console.error(`mintmark: ${message}`);
  process.exit(3);
}

/**
 * Twice, because an old Node leaves out packages whose `engines` it does not meet; the second time
 * npm runs under the Node that the first time brought. `install` and not `ci`: the lock names
 * packages of other platforms that a registry may lack, and `ci` fails on those. `--no-save` keeps
 * the lock as it is.
 */
function install() {
  console.error('mintmark: installing packages (the first time takes a minute) …');
  if (majorOf(process.version) < 26) npmInstall(process.env);
  npmInstall(environment);
}

function npmInstall(env) {
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  const done = spawnSync('npm', args, { cwd: root, env, stdio: ['ignore', 2, 2] });
  if (done.error !== undefined) stop(`npm cannot be run (${done.error.message}). Install npm.`);
  if (done.status !== 0) {
    stop('npm install failed; its message is above. Is the package registry reachable?');
  }
}

function runtime() {
  const pinned = join(bin, 'node');
  if (existsSync(pinned)) return pinned;
  if (majorOf(process.version) >= 24) return process.execPath;
  return stop(
    `no pinned Node for ${process.platform} ${process.arch}. Install Node 26 and try again.`,
  );
}

/** Everything that decides what an installation holds. */
function fingerprint() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  const folders = readdirSync(join(root, 'packages')).sort();
  const manifests = folders.map((folder) => join('packages', folder, 'package.json'));
  for (const file of ['package-lock.json', 'package.json', ...manifests]) {
    const path = join(root, file);
    if (existsSync(path)) hash.update(readFileSync(path));
  }
  return hash.digest('hex');
}

function majorOf(version) {
  return Number(/^v(\d+)/.exec(version)?.[1]);
}
