/**
 * SQL of the steps and reads, for both dialects. Values are always parameters. A statement depends
 * on a step's shape only (columns, comparisons, nulls), so that each shape is prepared once.
 */
import type { Assigned } from '../assignment.ts';
import type { Cell, ColumnShape, TableShape } from '../cells.ts';
import type { ListPlan, Test } from '../condition.ts';

export interface Dialect {
  /** The n-th parameter, from 1. */
  parameter(n: number, type: ColumnShape['type']): string;
  /** The comparison that holds between null and a value. */
  readonly differs: string;
  /** Where nulls stand in an ascending and in a descending order: before, and behind all others. */
  readonly nulls: { readonly ascending: string; readonly descending: string };
}

export const sqliteDialect: Dialect = {
  parameter: (n) => `?${n}`,
  differs: 'IS NOT',
  nulls: { ascending: '', descending: '' },
};

const postgresTypes = { text: 'text', integer: 'bigint', bytes: 'bytea', json: 'text' };

/** Types are spelled out, so that a plan never rests on what the server guesses. */
export const postgresDialect: Dialect = {
  parameter: (n, type) => `$${n}::${postgresTypes[type]}`,
  differs: 'IS DISTINCT FROM',
  nulls: { ascending: ' NULLS FIRST', descending: ' NULLS LAST' },
};

export type Conflict =
  /** A taken key is an error of the database. */
  | { readonly taken: 'fail' }
  /** The row stays as it is, and no row is counted. */
  | { readonly taken: 'keep' }
  | { readonly taken: 'replace' }
  | { readonly taken: 'change'; readonly set: readonly Assigned[] };

/** @param name the table, or the partition of it that is meant */
export function insertStatement(
  dialect: Dialect,
  { table, name, conflict }: { table: TableShape; name: string; conflict: Conflict },
): string {
  const text = new Text(dialect);
  const values = table.columns.map((column) => text.parameter(column)).join(', ');
  const columns = table.columns.map(quoted).join(', ');
  const head = `INSERT INTO "${name}" AS r (${columns}) VALUES (${values})`;
  return `${head}${onConflict(text, table, conflict)}`;
}

function onConflict(text: Text, table: TableShape, conflict: Conflict): string {
  const key = table.key.map(quoted).join(', ');
  switch (conflict.taken) {
    case 'fail':
      return '';
    case 'keep':
      return ' ON CONFLICT DO NOTHING';
    case 'replace': {
      // Where the key is the whole row there is nothing else to set, and the row still counts.
      const own = table.columns.filter((column) => !table.key.includes(column));
      const others = own.length === 0 ? table.key : own;
      const set = others.map((column) => `${quoted(column)} = excluded.${quoted(column)}`);
      return ` ON CONFLICT (${key}) DO UPDATE SET ${set.join(', ')}`;
    }
    case 'change':
      return ` ON CONFLICT (${key}) DO UPDATE SET ${assignments(text, conflict.set)}`;
  }
}

export function updateStatement(
  dialect: Dialect,
  input: { name: string; set: readonly Assigned[]; tests: readonly Test[] },
): string {
  const text = new Text(dialect);
  const set = assignments(text, input.set);
  return `UPDATE "${input.name}" AS r SET ${set}${where(text, input.tests)}`;
}

export function deleteStatement(
  dialect: Dialect,
  { name, tests }: { name: string; tests: readonly Test[] },
): string {
  const text = new Text(dialect);
  return `DELETE FROM "${name}" AS r${where(text, tests)}`;
}

/** Asks whether a row matches. */
export function probeStatement(
  dialect: Dialect,
  { name, tests, lock }: { name: string; tests: readonly Test[]; lock: string },
): string {
  const text = new Text(dialect);
  return `SELECT 1 FROM "${name}" AS r${where(text, tests)}${lock}`;
}

export function getStatement(dialect: Dialect, table: TableShape, name: string): string {
  const text = new Text(dialect);
  const tests = table.key.map((column): Test => ({ column, is: '=', value: '' }));
  return `SELECT ${columnList(table)} FROM "${name}" AS r${where(text, tests)}`;
}

export function countStatement(dialect: Dialect, name: string, tests: readonly Test[]): string {
  const text = new Text(dialect);
  return `SELECT count(*) FROM "${name}" AS r${where(text, tests)}`;
}

/** The cursor's values follow the conditions', the limit is last. */
export function listStatement(
  dialect: Dialect,
  { table, name, plan }: { table: TableShape; name: string; plan: ListPlan },
): string {
  const text = new Text(dialect);
  const conditions = plan.tests.map((test) => condition(text, test));
  if (plan.after.length > 0) {
    const columns = plan.order.slice(0, plan.after.length);
    const values = columns.map((column) => text.parameter(column)).join(', ');
    const behind = plan.descending ? '<' : '>';
    conditions.push(`(${columns.map(quoted).join(', ')}) ${behind} (${values})`);
  }
  const clause = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  const order = plan.order.map((column) => quoted(column) + direction(dialect, column, plan));
  const by = order.length === 0 ? '' : ` ORDER BY ${order.join(', ')}`;
  const from = `SELECT ${columnList(table)} FROM "${name}" AS r`;
  return `${from}${clause}${by} LIMIT ${text.parameter({ type: 'integer' })}`;
}

function direction(dialect: Dialect, column: ColumnShape, { descending }: ListPlan): string {
  const nulls = dialect.nulls[descending ? 'descending' : 'ascending'];
  return (descending ? ' DESC' : '') + (column.nullable ? nulls : '');
}

/** Conditions that take a parameter, in its order. */
export function valuedTests(tests: readonly Test[]): Test[] {
  return tests.filter(({ value }) => value !== null);
}

/** Values of the conditions in the order of their parameters. */
export function testCells(tests: readonly Test[]): Cell[] {
  const cells: Cell[] = [];
  for (const { value } of tests) if (value !== null) cells.push(value);
  return cells;
}

/** What tells one shape of conditions from another. */
export function testsKey(tests: readonly Test[]): string {
  let key = '';
  for (const { column, is, value } of tests) {
    key += value === null ? `${column.name}${is}0,` : `${column.name}${is},`;
  }
  return key;
}

export function assignedKey(set: readonly Assigned[]): string {
  return set.map(({ column, add }) => column.name + (add ? '+' : '')).join();
}

export function quoted(column: ColumnShape): string {
  return `"${column.sql}"`;
}

function columnList(table: TableShape): string {
  return table.columns.map(quoted).join(', ');
}

function assignments(text: Text, set: readonly Assigned[]): string {
  return set
    .map(({ column, add }) => {
      const value = text.parameter(column);
      return `${quoted(column)} = ${add ? `r.${quoted(column)} + ${value}` : value}`;
    })
    .join(', ');
}

function where(text: Text, tests: readonly Test[]): string {
  if (tests.length === 0) return '';
  return ` WHERE ${tests.map((test) => condition(text, test)).join(' AND ')}`;
}

function condition(text: Text, { column, is, value }: Test): string {
  if (value === null) return `${quoted(column)} IS ${is === '=' ? 'NULL' : 'NOT NULL'}`;
  const comparison = is === '!=' ? text.dialect.differs : is;
  return `${quoted(column)} ${comparison} ${text.parameter(column)}`;
}

/** Numbers the parameters of one statement as they are written. */
class Text {
  readonly dialect: Dialect;
  #count = 0;

  constructor(dialect: Dialect) {
    this.dialect = dialect;
  }

  parameter({ type }: Pick<ColumnShape, 'type'>): string {
    this.#count += 1;
    return this.dialect.parameter(this.#count, type);
  }
}
