/** What is reached from where: cycles between files, files and exports that nobody uses. */
import { type Finding, fail } from './finding.ts';
import type { SourceFile } from './source.ts';
import { isTest, resolveRelative, type Tree, topFolders } from './tree.ts';

interface Edge {
  readonly to: string;
  readonly names: readonly string[];
  readonly typeOnly: boolean;
  readonly line: number;
  readonly late: boolean;
}

export function checkReach(tree: Tree): Finding[] {
  const graph = new Map<string, readonly Edge[]>();
  for (const file of tree.sources.values()) graph.set(file.path, edgesOf(tree, file));
  return [
    ...missing(tree, graph),
    ...cycles(graph),
    ...deadFiles(tree, graph),
    ...deadExports(tree, graph),
  ];
}

function edgesOf(tree: Tree, file: SourceFile): Edge[] {
  return file.imports.flatMap((found) => {
    const to = found.specifier.startsWith('.')
      ? resolveRelative(file.path, found.specifier)
      : entryOf(tree, found.specifier);
    if (to === undefined) return [];
    const late = found.kind === 'url' || found.kind === 'dynamic';
    return [{ to, names: found.names, typeOnly: found.typeOnly, line: found.line, late }];
  });
}

function entryOf(tree: Tree, specifier: string): string | undefined {
  const pkg = tree.packages.find(
    (one) => specifier === one.name || specifier.startsWith(`${one.name}/`),
  );
  if (pkg === undefined) return undefined;
  const subpath = specifier.slice(pkg.name.length + 1);
  return pkg.entries.find((entry) => entry.endsWith(`/${subpath || 'index'}.ts`));
}

function missing(tree: Tree, graph: ReadonlyMap<string, readonly Edge[]>): Finding[] {
  return [...graph].flatMap(([path, edges]) =>
    edges
      .filter((edge) => !tree.texts.has(edge.to))
      .map((edge) => fail(path, edge.line, 'imports', `${edge.to} does not exist`)),
  );
}

/** Depth-first over value imports; each cycle is told once, at the file that closes it. */
function cycles(graph: ReadonlyMap<string, readonly Edge[]>): Finding[] {
  const findings: Finding[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const path: string[] = [];
  const visit = (file: string): void => {
    state.set(file, 'open');
    path.push(file);
    for (const edge of graph.get(file) ?? []) {
      // A type leaves nothing at run time, and a worker's file starts in a thread of its own.
      if (edge.typeOnly || edge.late) continue;
      if (state.get(edge.to) === 'open') {
        const loop = [...path.slice(path.indexOf(edge.to)), edge.to].join(' → ');
        findings.push(fail(file, edge.line, 'cycles', loop));
      } else if (!state.has(edge.to)) visit(edge.to);
    }
    path.pop();
    state.set(file, 'done');
  };
  for (const file of graph.keys()) if (!state.has(file)) visit(file);
  return findings;
}

function deadFiles(tree: Tree, graph: ReadonlyMap<string, readonly Edge[]>): Finding[] {
  const reached = new Set([...graph.values()].flat().map((edge) => edge.to));
  return [...tree.sources.keys()]
    .filter((path) => !reached.has(path) && !isEntry(tree, path))
    .map((path) => fail(path, 1, 'dead', 'imported by nobody, and not an entry'));
}

/**
 * Named by a manifest, a test, a configuration, or a file that a person or a script runs by itself:
 * those lie directly in a folder beside `packages/`, or are named in `package.json` scripts.
 */
function isEntry(tree: Tree, path: string): boolean {
  if (isTest(path) || tree.packages.some((pkg) => pkg.entries.includes(path))) return true;
  if (/^[^/]+\.config\.ts$/.test(path)) return true;
  const [top, ...rest] = path.split('/');
  if (top === 'examples' || top === 'deploy') return true;
  // Servers of a benchmark are started as processes of their own.
  return topFolders.includes(String(top)) && (rest.length === 1 || rest[0] === 'servers');
}

/**
 * Exported values that no other file imports. Types are left alone: they name the parts of what a
 * live export takes and returns.
 */
function deadExports(tree: Tree, graph: ReadonlyMap<string, readonly Edge[]>): Finding[] {
  const used = new Map<string, Set<string>>();
  for (const edge of [...graph.values()].flat()) {
    const names = used.get(edge.to) ?? new Set();
    for (const name of edge.names) names.add(name);
    used.set(edge.to, names);
  }
  const types = new Map([...tree.sources].map(([path, file]) => [path, typeNames(file)]));
  return [...tree.sources.values()]
    .filter((file) => !isEntry(tree, file.path))
    .flatMap((file) =>
      file.exports
        .filter((one) => !one.isType && one.name !== '*' && !types.get(file.path)?.has(one.name))
        .filter((one) => {
          const names = used.get(file.path);
          return names !== undefined && !names.has(one.name) && !names.has('*');
        })
        .map((one) => fail(file.path, one.line, 'dead', `nobody imports ${one.name}`)),
    );
}

/** `export interface` is not marked as a type by the parser's list of exports. */
function typeNames(file: SourceFile): Set<string> {
  const pattern = /^export (?:declare )?(?:interface|type) (\w+)/;
  return new Set(file.lines.map((line) => pattern.exec(line)?.[1]).filter((n) => n !== undefined));
}
