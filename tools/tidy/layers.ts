/**
 * Direction of imports: a package imports only what it declares and what the layer table allows; a
 * folder of the authority imports only folders below it; engines touch neither network nor disk.
 */
import { type Finding, fail } from './finding.ts';
import type { ImportFact, SourceFile } from './source.ts';
import { isTest, type Package, packageFolder, resolveRelative, type Tree } from './tree.ts';

export interface Layers {
  /** Package folder → the package folders that it may import. */
  readonly packages: Readonly<Record<string, readonly string[]>>;
  /** Engine → the run-time dependencies it may have beside the packages above. */
  readonly engines: Readonly<Record<string, readonly string[]>>;
  /** Product → its top-level files and folders in the order of a request, each line one rank. */
  readonly order: Readonly<Record<string, readonly (readonly string[])[]>>;
  /** Files that may import the real clock, randomness and timers. */
  readonly compositionRoots: RegExp;
}

/** What an engine may take from the platform: computation, nothing that waits or remembers. */
const enginePlatform = new Set(['node:crypto', 'node:buffer', 'node:util', 'node:zlib']);

const systemModule = '@mintmark/core/system';

export function checkLayers(tree: Tree, layers: Layers): Finding[] {
  return [
    ...tree.packages.flatMap((pkg) => declaredLayers(tree, pkg, layers)),
    ...tree.packages.flatMap((pkg) => unusedDependencies(tree, pkg)),
    ...[...tree.sources.values()].flatMap((file) => [
      ...packageImports(tree, file, layers),
      ...folderImports(file, layers),
      ...systemImports(file, layers),
    ]),
  ];
}

function declaredLayers(tree: Tree, pkg: Package, layers: Layers): Finding[] {
  const path = `packages/${pkg.folder}/package.json`;
  const allowed = layers.packages[pkg.folder];
  if (allowed === undefined) {
    return [fail(path, 1, 'layers', `package ${pkg.folder} is not in the table of tools/tidy.ts`)];
  }
  const findings: Finding[] = [];
  for (const name of pkg.runtime) {
    const target = tree.packages.find((other) => other.name === name);
    if (target !== undefined && !allowed.includes(target.folder)) {
      findings.push(fail(path, 1, 'layers', `${pkg.folder} may not depend on ${target.folder}`));
    }
    const engine = layers.engines[pkg.folder];
    if (target === undefined && engine !== undefined && !engine.includes(name)) {
      findings.push(fail(path, 1, 'engines', `an engine has no run-time dependency: ${name}`));
    }
  }
  return findings;
}

/** What nobody imports is somebody else's code for nothing. */
function unusedDependencies(tree: Tree, pkg: Package): Finding[] {
  const used = new Set<string>();
  for (const file of tree.sources.values()) {
    if (packageFolder(file.path) !== pkg.folder || isTest(file.path)) continue;
    for (const { specifier } of file.imports) used.add(packageName(specifier));
  }
  return pkg.runtime
    .filter((name) => !used.has(name))
    .map((name) => {
      const path = `packages/${pkg.folder}/package.json`;
      return fail(path, 1, 'declared', `${name} is declared, and nothing imports it`);
    });
}

function packageImports(tree: Tree, file: SourceFile, layers: Layers): Finding[] {
  const folder = packageFolder(file.path);
  const owner = folder === undefined ? tree.root : tree.packages.find((p) => p.folder === folder);
  if (owner === undefined) return [];
  const findings: Finding[] = [];
  for (const found of file.imports) {
    const problem = importProblem(tree, file, owner, found, layers);
    if (problem !== undefined) findings.push(fail(file.path, found.line, ...problem));
  }
  return findings;
}

type Problem = readonly [rule: string, message: string];

function importProblem(
  tree: Tree,
  file: SourceFile,
  owner: Package,
  found: ImportFact,
  layers: Layers,
): Problem | undefined {
  const { specifier } = found;
  if (specifier.startsWith('.')) return crossing(file.path, specifier);
  if (specifier.startsWith('node:')) {
    const engine = owner.folder in layers.engines && !isTest(file.path);
    return engine && !enginePlatform.has(specifier)
      ? ['engines', `an engine may not import ${specifier}`]
      : undefined;
  }
  const name = packageName(specifier);
  const target = tree.packages.find((pkg) => pkg.name === name);
  if (owner.folder === '' && target !== undefined) return undefined;
  if (name === owner.name) return ['layers', 'import by relative path inside a package'];
  if (target !== undefined && layers.packages[owner.folder]?.includes(target.folder) !== true) {
    return ['layers', `${owner.folder} may not import ${target.folder}`];
  }
  return declares(tree, owner, file.path, name)
    ? undefined
    : ['declared', `${name} is not declared in the package.json of ${owner.folder || 'the root'}`];
}

function declares(tree: Tree, owner: Package, path: string, name: string): boolean {
  if (owner.runtime.includes(name)) return true;
  const parts = tree.foreignParts.find(({ folder }) => path.startsWith(`${folder}/`));
  if (parts?.runtime.includes(name) === true) return true;
  const development = owner.folder === '' || isTest(path);
  return development && (owner.development.includes(name) || tree.root.development.includes(name));
}

/** Measuring and attacking the insides is what bench, fuzz and simulation are for. */
function crossing(path: string, specifier: string): Problem | undefined {
  const from = packageFolder(path);
  const to = packageFolder(resolveRelative(path, specifier));
  if (to === undefined || from === to || /^(?:bench|fuzz|simulation)\//.test(path))
    return undefined;
  return ['layers', `reaches into packages/${to} by path: import the package by its name`];
}

function folderImports(file: SourceFile, layers: Layers): Finding[] {
  const folder = packageFolder(file.path);
  const order = folder === undefined ? undefined : layers.order[folder];
  // A test joins what its folder's caller would join, so only the product's own files are ranked.
  if (order === undefined || isTest(file.path) || file.path.endsWith('/src/index.ts')) return [];
  const place = placeOf(file.path);
  const rank = rankOf(order, place);
  if (rank < 0) {
    return [fail(file.path, 1, 'folders', `${place} is not in the table of tools/tidy.ts`)];
  }
  const findings: Finding[] = [];
  for (const found of file.imports) {
    if (!found.specifier.startsWith('.')) continue;
    const target = placeOf(resolveRelative(file.path, found.specifier));
    if (target === place) continue;
    if (rankOf(order, target) <= rank) {
      findings.push(
        fail(
          file.path,
          found.line,
          'folders',
          `${place} may not import ${target}: it stands above`,
        ),
      );
    }
  }
  return findings;
}

function systemImports(file: SourceFile, layers: Layers): Finding[] {
  const free =
    packageFolder(file.path) === undefined ||
    isTest(file.path) ||
    layers.compositionRoots.test(file.path);
  if (free) return [];
  return file.imports
    .filter((found) => found.specifier === systemModule)
    .map((found) =>
      fail(file.path, found.line, 'system', `${systemModule} is for composition roots only`),
    );
}

/** `http/`, or `authority.ts` for a file that lies directly in `src`. */
function placeOf(path: string): string {
  const [, , , first, rest] = path.split('/');
  return rest === undefined ? String(first) : `${first}/`;
}

function rankOf(order: readonly (readonly string[])[], place: string): number {
  return order.findIndex((line) => line.includes(place));
}

function packageName(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]!;
}
