/**
 * `npm run release:stage`: what is published, in dist/release. An installed package cannot be
 * type-stripped, so each is compiled to JavaScript with declarations, and its manifest points
 * there: npm applies no `publishConfig.exports`, so the staged manifest is rewritten here.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;

type Manifest = Record<string, unknown> & { readonly name: string; readonly version: string };

/**
 * Compiles and packs every package.
 *
 * @param out folder that is made anew
 * @returns paths of the tarballs, in the order of dependence
 */
export function stageRelease(out: string): string[] {
  rmSync(out, { recursive: true, force: true });
  const folders = packagesInOrder();
  for (const folder of folders) stagePackage(folder, join(out, folder));
  return folders.map((folder) => pack(join(out, folder), out));
}

/** The order of the project references: what is imported comes first. */
function packagesInOrder(): string[] {
  const text = readFileSync(join(root, 'tsconfig.json'), 'utf8');
  const { references } = JSON.parse(text) as { references: { path: string }[] };
  return references
    .map(({ path }) => /^packages\/(.+)$/.exec(path)?.[1])
    .filter((folder) => folder !== undefined);
}

function stagePackage(folder: string, target: string): void {
  const source = join(root, 'packages', folder);
  mkdirSync(target, { recursive: true });
  compile(source, target);
  const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as Manifest;
  const published = publishedManifest(manifest);
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
  copyFileSync(join(root, 'LICENSE'), join(target, 'LICENSE'));
  if (published['bin'] !== undefined) makeExecutable(join(target, 'dist', 'main.js'));
}

function compile(source: string, target: string): void {
  const config = join(target, 'tsconfig.json');
  const src = join(source, 'src');
  const compilerOptions = {
    rootDir: src,
    outDir: join(target, 'dist'),
    typeRoots: [join(root, 'node_modules', '@types')],
    composite: false,
    emitDeclarationOnly: false,
    rewriteRelativeImportExtensions: true,
  };
  const include = [join(src, '**/*.ts')];
  const tests = ['*.test.ts', '*.suite.ts', 'conformance.ts', 'conformance/*.ts'];
  const exclude = tests.map((pattern) => join(src, '**', pattern));
  const extend = join(source, 'tsconfig.json');
  writeFileSync(config, JSON.stringify({ extends: extend, compilerOptions, include, exclude }));
  run('tsc', ['-p', config], root);
  rmSync(config);
  for (const file of readdirSync(join(target, 'dist'), { recursive: true, encoding: 'utf8' })) {
    if (file.endsWith('.d.ts')) rewriteDeclaration(join(target, 'dist', file));
  }
}

/** The compiler rewrites extensions in JavaScript, but leaves declarations as they are. */
function rewriteDeclaration(path: string): void {
  const text = readFileSync(path, 'utf8');
  const rewritten = text.replace(/((?:from|import) ?\(?')(\.{1,2}\/[^']+)\.ts'/g, "$1$2.js'");
  writeFileSync(path, rewritten);
}

/** Entries of the source become entries of what was compiled from it. */
export function publishedManifest(manifest: Manifest): Manifest {
  const { devDependencies, ...rest } = manifest as Manifest & { devDependencies?: unknown };
  const entries = Object.entries(manifest['exports'] as Record<string, string>);
  const exports = entries
    // What only tests import is not published.
    .filter(([, file]) => file.startsWith('./src/') && !file.includes('/conformance/'))
    .map(([name, file]) => {
      const stem = file.replace('./src/', './dist/').replace(/\.ts$/, '');
      return [name, { types: `${stem}.d.ts`, default: `${stem}.js` }];
    });
  return {
    ...rest,
    exports: Object.fromEntries(exports),
    files: ['dist'],
    // The checkout's own starter is for old versions of Node, which cannot run the source.
    ...(manifest['bin'] === undefined ? {} : { bin: { mintmark: './dist/main.js' } }),
  };
}

function makeExecutable(path: string): void {
  writeFileSync(path, `#!/usr/bin/env node\n${readFileSync(path, 'utf8')}`);
  chmodSync(path, 0o755);
}

function pack(folder: string, out: string): string {
  const text = run('npm', ['pack', '--json', '--pack-destination', out], folder);
  const [packed] = JSON.parse(text) as { filename: string }[];
  return join(out, packed!.filename);
}

function run(command: string, args: readonly string[], cwd: string): string {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (done.status === 0) return done.stdout;
  throw new Error(`${command} ${args.join(' ')} failed\n${done.stdout}\n${done.stderr}`);
}

if (import.meta.main) {
  for (const tarball of stageRelease(join(root, 'dist', 'release'))) console.log(tarball);
}
