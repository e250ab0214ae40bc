/**
 * The services and foreign clients that suites talk to, installed only where they are missing:
 * PostgreSQL, Redis, a browser and Java from Debian; npm, Python and Java packages into folders of
 * this checkout.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tally } from './tally.ts';

/** A service that is there counts nothing; one that cannot be had counts as a failed test. */
export function installServices(root: string): Tally[] {
  const problems = [
    debianPackages(),
    unpackedCrowdsec(root),
    foreignPackages(root, 'conformance'),
    foreignPackages(root, 'examples'),
    pythonPackages(root),
    javaPackages(root),
  ].filter((text) => text !== undefined);
  for (const problem of problems) console.error(`services: ${problem}`);
  return problems.map(() => ({ passed: 0, failed: 1, skipped: 0 }));
}

const debian: readonly { readonly name: string; readonly isThere: () => boolean }[] = [
  { name: 'postgresql', isThere: hasPostgres },
  { name: 'nginx', isThere: () => succeeds('/usr/sbin/nginx', ['-v']) },
  { name: 'haproxy', isThere: () => succeeds('/usr/sbin/haproxy', ['-v']) },
  { name: 'redis-server', isThere: () => succeeds('redis-server', ['--version']) },
  { name: 'chromium', isThere: () => succeeds('chromium', ['--version']) },
  { name: 'default-jdk-headless', isThere: () => succeeds('javac', ['-version']) },
  { name: 'maven', isThere: () => succeeds('mvn', ['--version']) },
  { name: 'python3-venv', isThere: () => succeeds('python3', ['-c', 'import ensurepip, venv']) },
];

/** @returns what is wrong, in a sentence */
function debianPackages(): string | undefined {
  const missing = debian.filter((one) => !one.isThere()).map((one) => one.name);
  if (missing.length === 0) return undefined;
  const byHand = `install by hand: apt-get install ${missing.join(' ')}`;
  if (!succeeds('apt-get', ['--version'])) return `no apt-get on this system; ${byHand}`;
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && !succeeds('sudo', ['-n', 'true'])) return `not root, and no sudo; ${byHand}`;
  console.log(`services: installing ${missing.join(' ')} by apt-get`);
  const apt = (...args: string[]): boolean => {
    const command = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', ...args];
    const [first, ...rest] = isRoot ? command : ['sudo', '-n', ...command];
    return succeeds(first!, rest, 'inherit');
  };
  const done = apt('update') && apt('install', '-y', '--no-install-recommends', ...missing);
  return done && debian.every((one) => one.isThere()) ? undefined : `apt-get failed; ${byHand}`;
}

/**
 * Its package starts a service and asks the Internet for an account, so it is unpacked and not
 * installed.
 *
 * @returns what is wrong, in a sentence
 */
function unpackedCrowdsec(root: string): string | undefined {
  const folder = join(root, '.cache', 'crowdsec');
  const isThere = () => existsSync(join(folder, 'usr', 'bin', 'cscli'));
  if (isThere()) return undefined;
  if (!succeeds('apt-get', ['--version'])) return 'no apt-get on this system to fetch crowdsec by';
  console.log('services: unpacking crowdsec');
  mkdirSync(folder, { recursive: true });
  const script = 'apt-get -qq download crowdsec && dpkg-deb -x crowdsec_*.deb .';
  const done = spawnSync('sh', ['-c', script], { cwd: folder, stdio: 'ignore' });
  return done.status === 0 && isThere() ? undefined : 'crowdsec could not be fetched';
}

function hasPostgres(): boolean {
  const versions = '/usr/lib/postgresql';
  if (!existsSync(versions)) return succeeds('postgres', ['--version']);
  return readdirSync(versions).some((one) => existsSync(join(versions, one, 'bin', 'initdb')));
}

/**
 * A workspace of its own, so that what only suites need is not in everybody's lock. `install` and
 * `--no-save` for the reasons of setup.mjs.
 *
 * @returns what is wrong, in a sentence
 */
function foreignPackages(root: string, name: string): string | undefined {
  const folder = join(root, name);
  const stamp = join(folder, 'node_modules', '.mintmark-installed');
  const wanted = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return undefined;
  console.log(`services: installing npm packages for ${name}/`);
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  if (!succeeds('npm', ['--prefix', folder, ...args], 'inherit')) {
    return `npm install in ${name}/ failed`;
  }
  writeFileSync(stamp, wanted);
  return undefined;
}

/** @returns what is wrong, in a sentence */
function pythonPackages(root: string): string | undefined {
  const list = join(root, 'tools', 'python-packages.txt');
  const folder = join(root, '.cache', 'python');
  const stamp = join(folder, 'installed.txt');
  const wanted = readFileSync(list, 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return undefined;
  console.log('services: installing Python packages for the suites');
  rmSync(folder, { recursive: true, force: true });
  if (!succeeds('python3', ['-m', 'venv', folder], 'inherit')) return 'python3 -m venv failed';
  const pip = join(folder, 'bin', 'pip');
  if (!succeeds(pip, ['install', '--quiet', '-r', list], 'inherit')) return 'pip install failed';
  writeFileSync(stamp, wanted);
  return undefined;
}

/** @returns what is wrong, in a sentence */
function javaPackages(root: string): string | undefined {
  const list = join(root, 'conformance', 'java', 'pom.xml');
  const folder = join(root, '.cache', 'java');
  const stamp = join(folder, 'installed.xml');
  const wanted = readFileSync(list, 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return undefined;
  console.log('services: installing Java packages for the suites');
  rmSync(folder, { recursive: true, force: true });
  const args = ['-q', '-B', '-f', list, 'dependency:copy-dependencies'];
  if (!succeeds('mvn', [...args, `-DoutputDirectory=${folder}`], 'inherit')) return 'mvn failed';
  writeFileSync(stamp, wanted);
  return undefined;
}

function succeeds(
  command: string,
  args: readonly string[],
  output: 'ignore' | 'inherit' = 'ignore',
): boolean {
  return spawnSync(command, args, { stdio: ['ignore', output, output] }).status === 0;
}
