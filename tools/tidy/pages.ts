/** Pages that must keep up with the code: features, dependencies, errors. */
import { type Finding, fail } from './finding.ts';
import { isNode, nameOf, type SourceFile, type SyntaxNode, stringOf, walk } from './source.ts';
import { isTest, packageFolder, type Tree } from './tree.ts';

export function checkPages(tree: Tree, featureIds: readonly string[]): Finding[] {
  return [...features(tree, featureIds), ...dependencies(tree), ...errors(tree)];
}

function features(tree: Tree, ids: readonly string[]): Finding[] {
  const path = 'docs/features.md';
  const found = new Set(tree.texts.get(path)?.match(/\b[A-Z]{2}\d+\b/g));
  return [
    ...ids
      .filter((id) => !found.has(id))
      .map((id) => fail(path, 1, 'features', `does not speak of ${id}`)),
    ...namedTests(tree, path),
  ];
}

/** A test that a page promises must be there; `*` stands for any part of a file's name. */
function namedTests(tree: Tree, path: string): Finding[] {
  const paths = [...tree.texts.keys()];
  return (tree.texts.get(path) ?? '').split('\n').flatMap((text, index) =>
    [...text.matchAll(/`([\w./*-]+\.(?:test|suite)\.ts)`/g)]
      .map((match) => match[1]!)
      .filter((name) => !paths.some((one) => patternOf(name).test(one)))
      .map((name) => fail(path, index + 1, 'features', `there is no ${name}`)),
  );
}

function patternOf(name: string): RegExp {
  const parts = name.split('*').map((part) => part.replace(/[.]/g, '\\.'));
  return new RegExp(`^${parts.join('[^/]*')}$`);
}

/** The table under "## At run time" and the manifests name the same packages. */
function dependencies(tree: Tree): Finding[] {
  const path = 'docs/dependencies.md';
  const section = (tree.texts.get(path) ?? '').split(/^## /m).find((s) => /^At run time/.test(s));
  const documented = new Set(
    [...(section ?? '').matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1]!),
  );
  const own = new Set(tree.packages.map((pkg) => pkg.name));
  const needed = new Set(
    [...tree.packages, tree.root].flatMap((pkg) => pkg.runtime).filter((name) => !own.has(name)),
  );
  return [
    ...[...needed]
      .filter((name) => !documented.has(name))
      .map((name) =>
        fail(path, 1, 'dependencies', `no row for ${name}: purpose, alternative, exit`),
      ),
    ...[...documented]
      .filter((name) => !needed.has(name))
      .map((name) => fail(path, 1, 'dependencies', `${name} is not a run-time dependency`)),
  ];
}

/** Each code that a Fault is thrown with has a row in docs/errors.md, and each row is thrown. */
function errors(tree: Tree): Finding[] {
  const path = 'docs/errors.md';
  const section = (tree.texts.get(path) ?? '').split(/^## /m).find((s) => /^Faults/.test(s));
  const rows = [...(section ?? '').matchAll(/^\| `([a-z0-9_]+)`/gm)].map((match) => match[1]!);
  const documented = new Set(rows);
  const findings: Finding[] = [];
  let source = '';
  for (const file of tree.sources.values()) {
    if (packageFolder(file.path) === undefined || isTest(file.path)) continue;
    source += file.text;
    for (const { code, line } of faultCodes(file)) {
      if (documented.has(code)) continue;
      const message = `docs/errors.md has no row for ${code}: meaning, what to do`;
      findings.push(fail(file.path, line, 'errors', message));
    }
  }
  // Codes that a function chooses are found by their text alone.
  const stale = rows.filter((code) => !source.includes(`'${code}'`));
  return [...findings, ...stale.map((code) => fail(path, 1, 'errors', `nothing throws ${code}`))];
}

function faultCodes(file: SourceFile): { code: string; line: number }[] {
  const codes: { code: string; line: number }[] = [];
  walk(file.program, (node) => {
    if (node.type !== 'NewExpression' || !/Fault$/.test(nameOf(node['callee']) ?? '')) return;
    for (const code of literals((node['arguments'] as readonly SyntaxNode[])[0])) {
      codes.push({ code, line: file.lineOf(node.start) });
    }
  });
  return codes;
}

/** The string, or both outcomes of a conditional. */
function literals(node: unknown): string[] {
  if (!isNode(node)) return [];
  const code = stringOf(node);
  if (code !== undefined) return [code];
  return [...literals(node['consequent']), ...literals(node['alternate'])];
}
