/**
 * The tables of conformance/: each duty that a standard lays on a server, section by section, with
 * the test that shows it. A section without a row, or a row whose test is not there, is a finding.
 */
import { type Finding, fail } from './finding.ts';
import { isNode, nameOf, type SourceFile, type SyntaxNode, stringOf, walk } from './source.ts';
import { isTest, type Tree } from './tree.ts';

/** One of these four stands in each row. */
interface Row {
  readonly section: string;
  readonly duty: string;
  /** File and title of the test that would fail. */
  readonly file?: string;
  readonly test?: string;
  /** Why it does not bind this server: it is the client's, or of something that is not offered. */
  readonly not_ours?: string;
  /** The first cell of the row of docs/spec-divergences.md that says why we do otherwise. */
  readonly departs?: string;
  /** What it waits for, in the words of ROADMAP.md. */
  readonly open?: string;
}

export interface MustTable {
  readonly standard: string;
  /** How the list of sections was made. */
  readonly source: string;
  /** Every section that lays a duty on a server. */
  readonly sections: readonly string[];
  readonly rows: readonly Row[];
}

const divergences = 'docs/spec-divergences.md';
const roadmap = 'ROADMAP.md';

/** @param names files of conformance/musts/, without ending, that must be there */
export function checkMusts(tree: Tree, names: readonly string[]): Finding[] {
  const departures = tree.texts.get(divergences) ?? '';
  const plans = (tree.texts.get(roadmap) ?? '').replaceAll(/\s+/g, ' ');
  const titles = new Map<string, ReadonlySet<string>>();
  const titlesOf = (path: string): ReadonlySet<string> | undefined => {
    const file = tree.sources.get(path);
    if (file === undefined || !isTest(path)) return undefined;
    const known = titles.get(path) ?? testTitles(file);
    titles.set(path, known);
    return known;
  };
  return names.flatMap((name) => {
    const path = `conformance/musts/${name}.json`;
    const text = tree.texts.get(path);
    if (text === undefined) return [fail(path, 1, 'musts', 'there is no such table')];
    const lineOf = (part: string): number =>
      text.slice(0, Math.max(0, text.indexOf(JSON.stringify(part)))).split('\n').length;
    const table = JSON.parse(text) as MustTable;
    return [
      ...sectionProblems(table).map((message) => fail(path, 1, 'musts', message)),
      ...table.rows.flatMap((row) => {
        const message = rowProblem(row, { titlesOf, departures, plans });
        return message === undefined ? [] : [fail(path, lineOf(row.duty), 'musts', message)];
      }),
    ];
  });
}

function sectionProblems({ sections, rows, source }: MustTable): string[] {
  const told = new Set(rows.map((row) => row.section));
  const listed = new Set(sections);
  return [
    ...(source === '' ? ['does not say where its sections come from'] : []),
    ...sections.filter((section) => !told.has(section)).map((one) => `§${one} has no row`),
    ...[...told].filter((one) => !listed.has(one)).map((one) => `§${one} is not in the list`),
  ];
}

/** @returns what is wrong with it, in words */
function rowProblem(
  row: Row,
  known: {
    readonly titlesOf: (path: string) => ReadonlySet<string> | undefined;
    readonly departures: string;
    readonly plans: string;
  },
): string | undefined {
  const { file, test, not_ours: reason, departs, open } = row;
  const answers = [file ?? test, reason, departs, open].filter((one) => one !== undefined);
  if (row.duty === '' || answers.length !== 1) return 'one duty has one answer';
  if (reason !== undefined) return reason === '' ? 'says no reason' : undefined;
  if (departs !== undefined) {
    const isTold = known.departures.includes(`\n| ${departs} |`);
    return isTold ? undefined : `${divergences} has no row ${departs}`;
  }
  if (open !== undefined) {
    const isPlanned = open !== '' && known.plans.includes(open);
    return isPlanned ? undefined : `${roadmap} no longer says "${open}": name the test`;
  }
  const titles = known.titlesOf(file ?? '');
  if (titles === undefined) return `${file} is no file of tests`;
  return titles.has(test ?? '') ? undefined : `no test of ${file} is called "${test}"`;
}

/** Titles of `it`, `test` and their `each`, as written, behind those of their `describe`. */
function testTitles(file: SourceFile): ReadonlySet<string> {
  const groups: { readonly title: string; readonly start: number; readonly end: number }[] = [];
  const titles = new Set<string>();
  walk(file.program, (node) => {
    if (node.type !== 'CallExpression') return;
    const title = titleOf(file, (node['arguments'] as readonly SyntaxNode[])[0]);
    const runner = runnerOf(node['callee']);
    if (title === undefined || runner === undefined) return;
    if (runner === 'describe') {
      groups.push({ title, start: node.start, end: node.end });
      return;
    }
    const around = groups.filter(({ start, end }) => start < node.start && node.end < end);
    titles.add([...around.map((group) => group.title), title].join(' > '));
  });
  return titles;
}

/** A template is known by its own text, holes included. */
function titleOf(file: SourceFile, node: SyntaxNode | undefined): string | undefined {
  const isTemplate = node?.type === 'TemplateLiteral';
  return isTemplate ? file.text.slice(node.start + 1, node.end - 1) : stringOf(node);
}

/** The name behind `it(…)`, `it.each(…)(…)`, `` it.each`…`(…) ``. */
function runnerOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'CallExpression') return runnerOf(node['callee']);
  if (node.type === 'TaggedTemplateExpression') return runnerOf(node['tag']);
  if (node.type === 'MemberExpression') return runnerOf(node['object']);
  const name = nameOf(node);
  return name !== undefined && ['describe', 'it', 'test'].includes(name) ? name : undefined;
}
