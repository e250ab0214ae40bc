/**
 * The repository as the rules see it: every text file by its path, the TypeScript among them
 * parsed, the packages with what they declare. Read once; tests build one from a few strings.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseSource, type SourceFile } from './source.ts';

export interface Package {
  /** Folder under `packages/`. */
  readonly folder: string;
  readonly name: string;
  /** What an installed package needs: dependencies, optional and peer ones. */
  readonly runtime: readonly string[];
  readonly development: readonly string[];
  /** Files that `exports` and `bin` name, from the repository's top. */
  readonly entries: readonly string[];
}

export interface Tree {
  /** Path from the top, with `/`, to text. Outside data (`vectors/`, corpora) is listed empty. */
  readonly texts: ReadonlyMap<string, string>;
  readonly sources: ReadonlyMap<string, SourceFile>;
  readonly packages: readonly Package[];
  /** The workspace's own manifest. */
  readonly root: Package;
  /** Folders beside `packages/` that install foreign parts of their own, such as peers. */
  readonly foreignParts: readonly Package[];
}

/** Folders beside `packages/`. Their files are free of some rules: see each rule. */
export const topFolders = ['bench', 'conformance', 'examples', 'fuzz', 'simulation', 'tools'];

const foreign = /^(?:vectors|fuzz\/corpus)\//;
const textFile = /(?:\.(?:ts|mjs|js|json|md|ya?ml|sh|py|toml|html|css|sql|txt|conf)|\/run|^\.\w+)$/;

/** @param files path → text */
export function treeOf(files: Readonly<Record<string, string>>): Tree {
  const texts = new Map(Object.entries(files));
  const sources = new Map<string, SourceFile>();
  for (const [path, text] of texts) {
    if (/\.(?:ts|mjs)$/.test(path) && !foreign.test(path)) {
      sources.set(path, parseSource(path, text));
    }
  }
  const packages = [...texts.keys()]
    .map((path) => /^packages\/([^/]+)\/package\.json$/.exec(path)?.[1])
    .filter((folder) => folder !== undefined)
    .map((folder) => packageOf(folder, texts.get(`packages/${folder}/package.json`)!));
  const foreignParts = topFolders
    .filter((folder) => texts.has(`${folder}/package.json`))
    .map((folder) => packageOf(folder, texts.get(`${folder}/package.json`)!));
  const root = packageOf('', texts.get('package.json') ?? '{}');
  return { texts, sources, packages, root, foreignParts };
}

/** Reads everything that is not ignored. */
export function readTree(root: string): Tree {
  const ignored = ignoreRule(readFileSync(join(root, '.gitignore'), 'utf8'));
  const files: Record<string, string> = {};
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (ignored(entry.name, entry.isDirectory())) continue;
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile()) files[path] = textOf(root, path);
    }
  };
  visit('');
  return treeOf(files);
}

/** Test files, and a package's conformance suite, which several of them join. */
export function isTest(path: string): boolean {
  return /\.(?:test|suite)\.ts$|^packages\/.*\/conformance(?:\/[^/]+)?\.ts$/.test(path);
}

/** Suites use real parts: processes, sockets, services, time. */
export function isSuite(path: string): boolean {
  return path.endsWith('.suite.ts');
}

/** @returns the folder of the package that the file belongs to, or undefined */
export function packageFolder(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}

/** @returns the file that a relative specifier names, from the repository's top */
export function resolveRelative(from: string, specifier: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** `.gitignore` here holds nothing but `folder/` and `*.extension` lines. */
function ignoreRule(text: string): (name: string, isFolder: boolean) => boolean {
  const lines = text.split('\n').filter((line) => line !== '');
  const folders = new Set(lines.filter((l) => l.endsWith('/')).map((l) => l.slice(0, -1)));
  const endings = lines.filter((line) => line.startsWith('*')).map((line) => line.slice(1));
  return (name, isFolder) =>
    isFolder
      ? name === '.git' || folders.has(name)
      : name === '.git' || endings.some((ending) => name.endsWith(ending));
}

function textOf(root: string, path: string): string {
  const large = 2_000_000;
  const read = textFile.test(path) && !foreign.test(path);
  return read && statSync(join(root, path)).size < large
    ? readFileSync(join(root, path), 'utf8')
    : '';
}

function packageOf(folder: string, text: string): Package {
  const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
  const names = (key: string): string[] => Object.keys(manifest[key] ?? {});
  const files = [
    ...Object.values(manifest['exports'] ?? {}),
    ...Object.values(manifest['bin'] ?? {}),
  ]
    .filter((value) => typeof value === 'string')
    .map((value) => `packages/${folder}/${value.replace(/^\.\//, '')}`);
  return {
    folder,
    name: String(manifest['name'] ?? ''),
    runtime: [
      ...names('dependencies'),
      ...names('optionalDependencies'),
      ...names('peerDependencies'),
    ],
    development: names('devDependencies'),
    entries: files,
  };
}
