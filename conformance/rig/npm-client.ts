/** The ordinary npm client of this machine, as a person with a home and a cache of their own. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Finished, runChild } from './child.ts';

export interface NpmClient {
  /** Writes a package of one file and publishes it. */
  publish(name: string, version: string): Promise<Finished>;
  /** Installs into an empty project. */
  install(...packages: readonly string[]): Promise<Installed>;
}

export interface Installed extends Finished {
  /** `resolved` of each package in the lockfile that npm wrote. */
  readonly resolved: readonly string[];
  /** What the package says when it is imported. */
  read(name: string): string;
}

/**
 * @param folder each client makes folders of its own in it: no cache is used twice
 * @param registry base URL without final slash
 * @param token what the client sends as its bearer credential
 */
export function npmClient(folder: string, registry: string, token: string): NpmClient {
  const base = mkdtempSync(join(folder, 'npm-'));
  const home = join(base, 'home');
  mkdirSync(home);
  const settings = [
    `registry=${registry}/`,
    `${registry.replace(/^http:/, '')}/:_authToken=${token}`,
    'fetch-retries=0',
    'audit=false',
    'fund=false',
    'update-notifier=false',
  ];
  writeFileSync(join(home, '.npmrc'), `${settings.join('\n')}\n`);
  const npm = (cwd: string, ...args: readonly string[]) => {
    const own = ['--cache', join(base, 'cache'), '--globalconfig', join(base, 'none')];
    return runChild('npm', [...args, ...own], { cwd, env: { HOME: home } });
  };
  return {
    async publish(name, version) {
      const source = mkdtempSync(join(base, 'source-'));
      const manifest = { name, version, type: 'module', main: 'index.js' };
      writeFileSync(join(source, 'package.json'), JSON.stringify(manifest));
      writeFileSync(join(source, 'index.js'), textOf(name, version));
      return npm(source, 'publish', '--access', 'public');
    },
    async install(...packages) {
      const project = mkdtempSync(join(base, 'project-'));
      writeFileSync(join(project, 'package.json'), '{"name":"project","private":true}');
      const done = await npm(project, 'install', ...packages);
      return {
        ...done,
        resolved: done.code === 0 ? resolvedIn(join(project, 'package-lock.json')) : [],
        read: (name) => readFileSync(join(project, 'node_modules', name, 'index.js'), 'utf8'),
      };
    },
  };
}

export function textOf(name: string, version: string): string {
  return `export default '${name} ${version}';\n`;
}

function resolvedIn(lockFile: string): string[] {
  const lock = JSON.parse(readFileSync(lockFile, 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly resolved?: string }>>;
  };
  return Object.entries(lock.packages)
    .filter(([path]) => path !== '')
    .map(([, entry]) => entry.resolved ?? '');
}
