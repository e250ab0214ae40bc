/**
 * Rows of plain tables: CSV (RFC 4180) with a heading, and dumps of PostgreSQL (`COPY`, `INSERT`)
 * and MySQL. Every row has the line on which it begins, and its values by column.
 */
import { err, ok, type Result } from '@mintmark/core';
import type { Item } from '../commands/send.ts';

export type Rows = readonly (readonly [string, Item])[];

/** @returns the rows; or what is wrong with the text, for people */
export function readCsv(text: string): Result<Rows, string> {
  const records: { readonly line: number; readonly cells: string[] }[] = [];
  let [line, at] = [1, 0];
  while (at < text.length) {
    const record = { line, cells: [] as string[] };
    for (;;) {
      const cell = readCell(text, at);
      if (cell === undefined) return err(`line ${record.line}: a quotation mark is not closed`);
      record.cells.push(cell.value);
      line += cell.lines;
      at = cell.end;
      if (text[at] !== ',') break;
      at += 1;
    }
    if (text[at] === '\r') at += 1;
    at += 1;
    line += 1;
    if (record.cells.length > 1 || record.cells[0] !== '') records.push(record);
  }
  const [heading, ...body] = records;
  if (heading === undefined) return err('there is no heading with the names of the columns');
  return ok(body.map((one) => [`line ${one.line}`, joined(heading.cells, one.cells)]));
}

function readCell(
  text: string,
  start: number,
): { readonly value: string; readonly end: number; readonly lines: number } | undefined {
  if (text[start] !== '"') {
    let end = start;
    while (end < text.length && !',\r\n'.includes(text[end]!)) end += 1;
    return { value: text.slice(start, end), end, lines: 0 };
  }
  let [value, at] = ['', start + 1];
  for (;;) {
    const end = text.indexOf('"', at);
    if (end < 0) return undefined;
    value += text.slice(at, end);
    if (text[end + 1] !== '"') {
      return { value, end: end + 1, lines: value.split('\n').length - 1 };
    }
    value += '"';
    at = end + 2;
  }
}

function joined(names: readonly string[], values: readonly (string | null)[]): Item {
  return Object.fromEntries(names.map((name, index) => [name.trim(), values[index] ?? null]));
}

const statement = new RegExp(
  [
    String.raw`\bCREATE TABLE (?:IF NOT EXISTS )?(?<made>[\w."\x60]+)\s*\(`,
    String.raw`\bINSERT INTO (?<into>[\w."\x60]+)\s*(?:\((?<columns>[^)]*)\))?\s*VALUES\s*`,
    String.raw`^COPY (?<copied>[\w."]+) \((?<fields>[^)]*)\) FROM stdin;\n`,
  ].join('|'),
  'gim',
);

/**
 * @param table its name, without a schema
 * @returns the rows of the table; or what is wrong with the text, for people
 */
export function readSql(text: string, table: string): Result<Rows, string> {
  const rows: (readonly [string, Item])[] = [];
  const lineOf = lineCounter(text);
  // Backslashes escape in MySQL's strings, and in PostgreSQL's only where an E stands before them.
  const escapes = text.includes('`');
  let columns: readonly string[] | undefined;
  statement.lastIndex = 0;
  for (let match = statement.exec(text); match !== null; match = statement.exec(text)) {
    const { made, into, columns: named, copied, fields } = match.groups ?? {};
    const name = bare(made ?? into ?? copied ?? '');
    if (name !== table) continue;
    const from = statement.lastIndex;
    if (made !== undefined) columns = columnsMade(text, from);
    else if (copied !== undefined) {
      const end = text.indexOf('\n\\.', from - 1);
      if (end < 0) return err(`line ${lineOf(match.index)}: the data of COPY has no end`);
      rows.push(...copiedRows(text.slice(from, end), namesOf(fields), lineOf(from)));
      statement.lastIndex = end;
    } else {
      const names = named === undefined ? columns : namesOf(named);
      if (names === undefined) return err(`line ${lineOf(match.index)}: no names of columns`);
      const read = readTuples(text, from, escapes);
      if (read === undefined) return err(`line ${lineOf(match.index)}: VALUES cannot be read`);
      for (const { at, values } of read.tuples) {
        rows.push([`line ${lineOf(at)}`, joined(names, values)]);
      }
      statement.lastIndex = read.end;
    }
  }
  return rows.length === 0 ? err(`there are no rows of ${table}`) : ok(rows);
}

/** Asked in order, so that each line is counted once. */
function lineCounter(text: string): (offset: number) => number {
  let [line, counted] = [1, 0];
  return (offset) => {
    for (; counted < offset; counted++) if (text[counted] === '\n') line += 1;
    return line;
  };
}

function bare(name: string): string {
  return (name.split('.').at(-1) ?? '').replace(/["`]/g, '');
}

function namesOf(list = ''): string[] {
  return list.split(',').map((name) => bare(name.trim()));
}

/** One column a line, as both dumps write it. */
function columnsMade(text: string, from: number): string[] {
  const end = text.indexOf('\n)', from);
  const lines = text.slice(from, end < 0 ? undefined : end).split('\n');
  const noColumn = /^(?:PRIMARY|UNIQUE|KEY|CONSTRAINT|INDEX|FOREIGN|CHECK|FULLTEXT)\b/i;
  return lines.flatMap((line) => {
    const name = /^\s*([\w"`]+)\s+\w/.exec(line)?.[1];
    return name === undefined || noColumn.test(line.trim()) ? [] : [bare(name)];
  });
}

const copyEscapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\' };

function copiedRows(body: string, names: readonly string[], line: number): Rows {
  return body.split('\n').map((text, index) => {
    const values = text
      .split('\t')
      .map((cell) =>
        cell === '\\N' ? null : cell.replace(/\\(.)/g, (_, one: string) => copyEscapes[one] ?? one),
      );
    return [`line ${line + index}`, joined(names, values)] as const;
  });
}

interface Tuple {
  readonly at: number;
  readonly values: (string | null)[];
}

const literal = new RegExp(
  String.raw`\s*(?:(?<e>E)?'(?<text>(?:[^'\\]|''|\\[\s\S])*)'|(?<word>[\w.+-]+))` +
    String.raw`(?:::[\w" ()[\]]+)?\s*(?<next>[,)])`,
  'iy',
);
const mysqlEscapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', 0: '\0' };

/** `(…),(…);` */
function readTuples(
  text: string,
  from: number,
  escapes: boolean,
): { readonly tuples: readonly Tuple[]; readonly end: number } | undefined {
  const tuples: Tuple[] = [];
  let at = from;
  while (text[at] === '(') {
    const tuple: Tuple = { at, values: [] };
    literal.lastIndex = at + 1;
    for (let isOpen = true; isOpen; ) {
      const groups = literal.exec(text)?.groups;
      if (groups === undefined) return undefined;
      tuple.values.push(literalOf(groups, escapes));
      isOpen = groups['next'] === ',';
    }
    tuples.push(tuple);
    at = literal.lastIndex;
    const gap = /\s*,\s*/y;
    gap.lastIndex = at;
    if (!gap.test(text)) break;
    at = gap.lastIndex;
  }
  return { tuples, end: at };
}

function literalOf(groups: Readonly<Record<string, string>>, escapes: boolean): string | null {
  const { e, text, word = '' } = groups;
  if (text === undefined) {
    if (/^null$/i.test(word)) return null;
    return /^0x[0-9a-f]+$/i.test(word) ? Buffer.from(word.slice(2), 'hex').toString() : word;
  }
  const unquoted = text.replaceAll("''", "'");
  if (!escapes && e === undefined) return unquoted;
  return unquoted.replace(/\\([\s\S])/g, (_, one: string) => mysqlEscapes[one] ?? one);
}
