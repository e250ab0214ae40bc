/**
 * Calls that bring in what must be injected: the clock, randomness, timers, the network, the
 * environment. And, in tests, what makes a test run less than it says.
 */
import { type Finding, fail } from './finding.ts';
import { isNode, nameOf, type SourceFile, type SyntaxNode, walk } from './source.ts';
import { isSuite, isTest, packageFolder, type Tree } from './tree.ts';

const systemFile = 'packages/core/src/system.ts';
const processFiles = ['packages/cli/src/main.ts', 'packages/cli/src/process.ts'];
/** Starts `main.ts` under the Node that it needs, before there is anything to inject into. */
const launcher = 'packages/cli/bin/mintmark.mjs';

const timerNames = new Set(['setTimeout', 'setInterval', 'setImmediate']);
const timerModules = new Set(['node:timers', 'node:timers/promises']);
const randomNames = new Set([
  'randomUUID',
  'randomBytes',
  'randomInt',
  'randomFillSync',
  'getRandomValues',
]);

export function checkCalls(tree: Tree): Finding[] {
  return [...tree.sources.values()].flatMap((file) => {
    const findings: Finding[] = [];
    const add = (node: SyntaxNode, rule: string, message: string): void => {
      findings.push(fail(file.path, file.lineOf(node.start), rule, message));
    };
    if (isDeterministic(file.path)) ambient(file, add);
    if (isPure(file.path)) outside(file, add);
    if (isTest(file.path)) honestTests(file, add);
    return findings;
  });
}

type Add = (node: SyntaxNode, rule: string, message: string) => void;

function isDeterministic(path: string): boolean {
  const inside = packageFolder(path) !== undefined || path.startsWith('simulation/');
  return inside && path !== systemFile && path !== launcher && !isSuite(path);
}

function isPure(path: string): boolean {
  if (processFiles.includes(path) || path === launcher) return false;
  return packageFolder(path) !== undefined && !isSuite(path);
}

function ambient(file: SourceFile, add: Add): void {
  for (const found of file.imports) {
    if (timerModules.has(found.specifier)) {
      add({ ...file.program, start: offsetOf(file, found.line) }, 'clock', 'take Timers instead');
    }
    for (const name of found.names) {
      if (randomNames.has(name)) {
        const at = { ...file.program, start: offsetOf(file, found.line) };
        add(at, 'entropy', `${name}: take Entropy instead`);
      }
    }
  }
  walk(file.program, (node, parent) => {
    const message = ambientUse(node, parent);
    if (message !== undefined) add(node, ...message);
  });
}

function ambientUse(
  node: SyntaxNode,
  parent: SyntaxNode | undefined,
): readonly [string, string] | undefined {
  if (node.type === 'MemberExpression') {
    const name = `${nameOf(node['object'])}.${nameOf(node['property'])}`;
    if (name === 'Date.now' || name === 'performance.now' || name === 'process.hrtime') {
      return ['clock', `${name}: take Clock, or the time as a value`];
    }
    if (name === 'Math.random') return ['entropy', 'Math.random: take Entropy'];
    if (name === 'AbortSignal.timeout') return ['clock', 'AbortSignal.timeout: take Timers'];
    const property = nameOf(node['property']);
    if (property !== undefined && randomNames.has(property)) {
      return ['entropy', `${property}: take Entropy`];
    }
  }
  const isDate = nameOf(node['callee']) === 'Date';
  if (isDate && node.type === 'CallExpression') return ['clock', 'Date(): take Clock'];
  if (isDate && node.type === 'NewExpression' && (node['arguments'] as unknown[]).length === 0) {
    return ['clock', 'new Date(): take Clock, or the time as a value'];
  }
  const name = nameOf(node);
  if (name !== undefined && timerNames.has(name) && isReference(node, parent)) {
    return ['clock', `${name}: take Timers`];
  }
  return undefined;
}

function outside(file: SourceFile, add: Add): void {
  walk(file.program, (node, parent) => {
    if (node.type === 'CallExpression' && nameOf(node['callee']) === 'fetch') {
      add(node, 'outside', 'fetch enters through main.ts only');
    }
    if (node.type === 'MemberExpression') {
      const name = `${nameOf(node['object'])}.${nameOf(node['property'])}`;
      if (name === 'globalThis.fetch') add(node, 'outside', 'fetch enters through main.ts only');
      if (name === 'process.env') add(node, 'outside', 'process.env enters through main.ts only');
    }
    if (nameOf(node) === 'env' && parent?.type === 'ImportSpecifier') {
      const source = file.imports.find((found) => found.line === file.lineOf(node.start));
      if (source?.specifier === 'node:process') {
        add(node, 'outside', 'process.env enters through main.ts only');
      }
    }
  });
}

function honestTests(file: SourceFile, add: Add): void {
  const runners = new Set(['it', 'test', 'describe']);
  const softeners = new Set(['only', 'skip', 'todo', 'skipIf', 'runIf']);
  walk(file.program, (node) => {
    if (node.type !== 'MemberExpression') return;
    const object = nameOf(node['object']);
    const property = nameOf(node['property']);
    if (object !== undefined && runners.has(object) && softeners.has(property ?? '')) {
      add(node, 'tests', `${object}.${property}: every test runs, everywhere`);
    }
    if (object === 'vi' && (property === 'mock' || property === 'doMock')) {
      add(node, 'tests', `vi.${property}: a fake implements a port instead`);
    }
  });
}

/** Not a property name, nor the name under which something is declared or imported. */
function isReference(node: SyntaxNode, parent: SyntaxNode | undefined): boolean {
  if (parent === undefined) return true;
  if (parent.type === 'MemberExpression') {
    return parent['object'] === node || nameOf(parent['object']) === 'globalThis';
  }
  if (parent.type === 'Property') return parent['value'] === node;
  return isNode(parent) && !parent.type.startsWith('TS') && parent.type !== 'ImportSpecifier';
}

function offsetOf(file: SourceFile, line: number): number {
  return file.lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
}
