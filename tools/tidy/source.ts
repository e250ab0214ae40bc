/**
 * One TypeScript file reduced to the facts that the rules ask for: what it imports and exports, its
 * comments, its syntax tree and where each line begins.
 */
import { parseSync, visitorKeys } from 'oxc-parser';

/** A node of the ESTree syntax tree; children are found by `visitorKeys`. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export interface ImportFact {
  readonly specifier: string;
  readonly line: number;
  /** Nothing of it exists at run time. */
  readonly typeOnly: boolean;
  /** Imported names; `*` where the whole module is taken. */
  readonly names: readonly string[];
  readonly kind: 'import' | 're-export' | 'dynamic' | 'url';
}

export interface ExportFact {
  readonly name: string;
  readonly line: number;
  readonly isType: boolean;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly imports: readonly ImportFact[];
  readonly exports: readonly ExportFact[];
  readonly comments: readonly { readonly line: number; readonly text: string }[];
  readonly program: SyntaxNode;
  lineOf(offset: number): number;
}

/** @throws Error naming the file, where it does not parse */
export function parseSource(path: string, text: string): SourceFile {
  const result = parseSync(path, text);
  const error = result.errors[0];
  if (error !== undefined) throw new Error(`${path}: ${error.message}`);
  const lineOf = lineFinder(text);
  const program = result.program as unknown as SyntaxNode;
  return {
    path,
    text,
    lines: text.split('\n'),
    imports: [...staticImports(result.module, lineOf), ...lateImports(program, lineOf)],
    exports: exportsOf(result.module, lineOf),
    comments: result.comments.map((c) => ({ line: lineOf(c.start), text: c.value })),
    program,
    lineOf,
  };
}

/** Calls `visit` for each node, parents first, with the parent beside it. */
export function walk(
  node: SyntaxNode,
  visit: (node: SyntaxNode, parent: SyntaxNode | undefined) => void,
  parent?: SyntaxNode,
): void {
  visit(node, parent);
  for (const key of visitorKeys[node.type] ?? []) {
    const child = node[key];
    for (const item of Array.isArray(child) ? child : [child]) {
      if (isNode(item)) walk(item, visit, node);
    }
  }
}

/** @returns the name of an identifier, or of a property that is not computed */
export function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Identifier') return node['name'] as string;
  return undefined;
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** @returns the value of a string literal, or of a template without holes */
export function stringOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Literal' && typeof node['value'] === 'string') return node['value'];
  return undefined;
}

type Module = ReturnType<typeof parseSync>['module'];

function staticImports(module: Module, lineOf: (offset: number) => number): ImportFact[] {
  const imports: ImportFact[] = module.staticImports.map((found) => ({
    specifier: found.moduleRequest.value,
    line: lineOf(found.start),
    typeOnly: found.entries.length > 0 && found.entries.every((entry) => entry.isType),
    names: found.entries.map((entry) => entry.importName.name ?? importedWhole(entry)),
    kind: 'import',
  }));
  for (const found of module.staticExports) {
    for (const entry of found.entries) {
      if (entry.moduleRequest === null) continue;
      imports.push({
        specifier: entry.moduleRequest.value,
        line: lineOf(found.start),
        typeOnly: entry.isType,
        names: [entry.importName.name ?? '*'],
        kind: 're-export',
      });
    }
  }
  return imports;
}

function importedWhole(entry: Module['staticImports'][number]['entries'][number]): string {
  return entry.importName.kind === 'Default' ? 'default' : '*';
}

/** `import('x')`, `new URL('./x.ts', import.meta.url)` (a worker's file) and `import('x').T`. */
function lateImports(program: SyntaxNode, lineOf: (offset: number) => number): ImportFact[] {
  const imports: ImportFact[] = [];
  const add = (node: SyntaxNode, kind: ImportFact['kind'], source: unknown, typeOnly: boolean) => {
    const specifier = stringOf(source);
    if (specifier === undefined) return;
    imports.push({ specifier, line: lineOf(node.start), typeOnly, names: ['*'], kind });
  };
  walk(program, (node) => {
    if (node.type === 'ImportExpression') add(node, 'dynamic', node['source'], false);
    if (node.type === 'TSImportType') add(node, 'dynamic', node['source'], true);
    if (node.type === 'NewExpression' && nameOf(node['callee']) === 'URL') {
      const [file, base] = node['arguments'] as readonly SyntaxNode[];
      if (base?.type === 'MemberExpression' && stringOf(file)?.endsWith('.ts')) {
        add(node, 'url', file, false);
      }
    }
  });
  return imports;
}

function exportsOf(module: Module, lineOf: (offset: number) => number): ExportFact[] {
  return module.staticExports.flatMap((found) =>
    found.entries.map((entry) => ({
      name: entry.exportName.name ?? (entry.exportName.kind === 'Default' ? 'default' : '*'),
      line: lineOf(entry.start),
      isType: entry.isType,
    })),
  );
}

function lineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) starts.push(i + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
}
