/** Names, sizes and the few words that a file may not contain. */
import { type Finding, fail } from './finding.ts';
import { nameOf, type SourceFile, type SyntaxNode, walk } from './source.ts';
import { isTest, type Tree } from './tree.ts';

const bannedNames = new Set([
  'utils',
  'util',
  'helpers',
  'helper',
  'common',
  'shared',
  'misc',
  'manager',
  'data',
  'info',
]);

const columnsMax = 100;
const fileLinesMax = 600;
const fileLinesAim = 300;
const functionLinesMax = 70;

export function checkForm(tree: Tree): Finding[] {
  return [
    ...[...tree.texts.keys()].flatMap(checkPath),
    ...[...tree.sources.values()].flatMap((file) => [
      ...checkSize(file),
      ...checkWords(file),
      ...checkSyntax(file),
      ...checkIndex(file),
    ]),
  ];
}

function checkPath(path: string): Finding[] {
  const findings: Finding[] = [];
  const segments = path.split('/');
  const stem = segments.at(-1)!.replace(/\..*$/, '');
  for (const name of [...segments.slice(0, -1), stem]) {
    if (bannedNames.has(name.toLowerCase())) {
      findings.push(fail(path, 1, 'names', `"${name}" says nothing about what is inside`));
    }
  }
  const isSource = /\.(?:ts|mjs)$/.test(path);
  if (isSource && !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)+$/.test(segments.at(-1)!)) {
    findings.push(fail(path, 1, 'names', 'a file name is kebab-case'));
  }
  return findings;
}

function checkSize(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  const count = file.lines.length - 1;
  if (count > fileLinesMax) {
    findings.push(fail(file.path, count, 'size', `${count} lines; at most ${fileLinesMax}`));
  } else if (count > fileLinesAim) {
    const message = `${count} lines; aim under ${fileLinesAim}`;
    findings.push({ path: file.path, line: count, rule: 'size', message, level: 'warn' });
  }
  file.lines.forEach((text, index) => {
    // A URL cannot be broken; everything else can.
    if (text.length > columnsMax && !/https?:\/\/\S{40}/.test(text)) {
      findings.push(fail(file.path, index + 1, 'size', `${text.length} columns`));
    }
  });
  walk(file.program, (node, parent) => {
    if (!/Function/.test(node.type) || node.type.startsWith('TS')) return;
    if (isTest(file.path) && parent !== undefined && isDescribe(parent)) return;
    // A suite that several test files join groups its tests in functions of that name.
    if (isTest(file.path) && nameOf(node['id'])?.startsWith('describe') === true) return;
    const lines = file.lineOf(node.end) - file.lineOf(node.start) + 1;
    if (lines > functionLinesMax) {
      const message = `function of ${lines} lines; at most ${functionLinesMax}`;
      findings.push(fail(file.path, file.lineOf(node.start), 'size', message));
    }
  });
  return findings;
}

function checkWords(file: SourceFile): Finding[] {
  return file.comments.flatMap((comment) => {
    const word = /\b(?:TODO|FIXME|XXX|HACK)\b/.exec(comment.text)?.[0];
    const silenced = /@ts-(?:ignore|nocheck|expect-error)|biome-ignore/.exec(comment.text)?.[0];
    return [
      ...(word === undefined
        ? []
        : [fail(file.path, comment.line, 'words', `${word}: finish it, or say so in the docs`)]),
      ...(silenced === undefined || isReasoned(comment.text)
        ? []
        : [fail(file.path, comment.line, 'words', `${silenced} without a reason`)]),
    ];
  });
}

/** `biome-ignore rule: reason` carries its reason; the compiler is never silenced outside tests. */
function isReasoned(text: string): boolean {
  return /biome-ignore \S+: \S+ \S+/.test(text) || /@ts-expect-error \S+ \S+/.test(text);
}

function checkSyntax(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  walk(file.program, (node) => {
    const line = file.lineOf(node.start);
    if (node.type === 'TSAnyKeyword') findings.push(fail(file.path, line, 'types', '`any`'));
    if (!/^(?:ClassDeclaration|TSInterfaceDeclaration|TSTypeAliasDeclaration)$/.test(node.type)) {
      return;
    }
    const name = nameOf(node['id']);
    if (name !== undefined && bannedNames.has(name.toLowerCase())) {
      findings.push(fail(file.path, line, 'names', `type "${name}" says nothing`));
    }
  });
  return findings;
}

function checkIndex(file: SourceFile): Finding[] {
  if (!file.path.endsWith('/index.ts') || !file.path.startsWith('packages/')) return [];
  if (!/^packages\/[^/]+\/src\/index\.ts$/.test(file.path)) {
    return [fail(file.path, 1, 'index', 'index.ts exists once a package, in src')];
  }
  return (file.program['body'] as readonly SyntaxNode[])
    .filter((node) => !isNamedReExport(node))
    .map((node) =>
      fail(file.path, file.lineOf(node.start), 'index', 'lists exports by name, and nothing else'),
    );
}

function isNamedReExport(node: SyntaxNode): boolean {
  if (node.type !== 'ExportNamedDeclaration') return false;
  const empty = (node['specifiers'] as unknown[]).length === 0 && node['declaration'] === null;
  return node['source'] !== null || empty;
}

function isDescribe(call: SyntaxNode): boolean {
  const callee = call['callee'] as SyntaxNode | undefined;
  if (call.type !== 'CallExpression' || callee === undefined) return false;
  const inner = callee.type === 'CallExpression' ? (callee['callee'] as SyntaxNode) : callee;
  return nameOf(inner) === 'describe' || nameOf(inner['object']) === 'describe';
}
