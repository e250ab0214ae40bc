/** Conditions of steps and lists, taken apart once, so that every store judges the same thing. */
import { strict as assert } from 'node:assert';
import type { Condition } from './act.ts';
import { type Cell, type ColumnShape, columnOf, compareCells, type TableShape } from './cells.ts';

export interface Test {
  readonly column: ColumnShape;
  readonly is: '=' | '>' | '>=' | '<' | '<=' | '!=';
  readonly value: string | number | null;
}

/** @param where columns left out are not looked at */
export function testsOf(table: TableShape, where: object | undefined): Test[] {
  const tests: Test[] = [];
  if (where === undefined) return tests;
  const conditions = where as Readonly<Record<string, Condition | undefined>>;
  for (const name in conditions) {
    const condition = conditions[name];
    const column = columnOf(table, name);
    // A condition that got lost must not widen what a step touches.
    if (condition === undefined) assert.fail(`condition on ${table.name}.${name} is undefined`);
    const compared = typeof condition === 'object' && condition !== null;
    const test: Test = compared
      ? { column, is: condition.is, value: condition.value }
      : { column, is: '=', value: condition };
    checkTest(table, test);
    tests.push(test);
  }
  return tests;
}

function checkTest(table: TableShape, { column, is, value }: Test): void {
  const wrong = faultOfTest(column, is, value);
  if (wrong !== undefined) assert.fail(`${table.name}.${column.name} ${wrong}`);
}

function faultOfTest({ type }: ColumnShape, is: Test['is'], value: unknown): string | undefined {
  if (type !== 'text' && type !== 'integer') return 'is never searched';
  if (value === null) {
    return is === '=' || is === '!='
      ? undefined
      : 'is compared with null: nothing is greater or less than null';
  }
  const fits = type === 'text' ? typeof value === 'string' : Number.isSafeInteger(value);
  return fits ? undefined : `cannot be compared with this ${typeof value}`;
}

/** The value that the column must equal, or undefined where nothing says so. */
export function fixedValue(
  tests: readonly Test[],
  column: ColumnShape,
): string | number | null | undefined {
  for (const test of tests) if (test.column === column && test.is === '=') return test.value;
  return undefined;
}

function isFixed(tests: readonly Test[], column: ColumnShape): boolean {
  return fixedValue(tests, column) !== undefined;
}

export function matches(tests: readonly Test[], row: readonly Cell[]): boolean {
  return tests.every((test) => holds(test, row[test.column.at]!));
}

function holds({ is, value }: Test, cell: Cell): boolean {
  if (is === '=') return cell === value;
  if (is === '!=') return cell !== value;
  if (cell === null) return false;
  const order = compareCells(cell, value);
  switch (is) {
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
  }
}

export interface ListQuery {
  readonly where?: object;
  readonly orderBy?: readonly string[];
  readonly descending?: boolean;
  readonly after?: readonly (string | number)[];
  readonly limit: number;
}

export interface ListPlan {
  readonly tests: readonly Test[];
  /** What is left to order by when the fixed columns are gone; the primary key ends it. */
  readonly order: readonly ColumnShape[];
  /** Values of a leading part of `order`, empty where the list starts at its beginning. */
  readonly after: readonly (string | number)[];
  readonly descending: boolean;
  readonly limit: number;
}

/**
 * Refuses lists that no index serves, so that a scan of millions of rows shows in the first test,
 * and cursors that would skip rows that are equal in `orderBy`.
 */
export function planList(table: TableShape, query: ListQuery): ListPlan {
  const { limit } = query;
  assert(Number.isInteger(limit) && limit >= 1 && limit <= 10_000, `list limit ${limit}`);
  const tests = testsOf(table, query.where);
  const wanted = query.orderBy?.map((name) => columnOf(table, name)) ?? table.key;
  const free = wanted.filter((column) => !isFixed(tests, column));
  const paths = [table.key, ...table.unique, ...table.indexes];
  const served = paths.some((path) => servesOrder(path, tests, free));
  assert(served, `no index of ${table.name} serves order ${wanted.map((c) => c.name).join()}`);
  const ties = table.key.filter((column) => !isFixed(tests, column) && !free.includes(column));
  return {
    tests,
    order: [...free, ...ties],
    after: query.after === undefined ? [] : cursor(table, { wanted, free, ties }, query.after),
    descending: query.descending === true,
    limit,
  };
}

/** The path gives the wanted order, once its fixed columns are taken out. */
function servesOrder(
  path: readonly ColumnShape[],
  tests: readonly Test[],
  free: readonly ColumnShape[],
): boolean {
  const rest = path.filter((column) => !isFixed(tests, column));
  return (free.length > 0 || isFixed(tests, path[0]!)) && free.every((c, i) => rest[i] === c);
}

function cursor(
  table: TableShape,
  { wanted, free, ties }: Record<'wanted' | 'free' | 'ties', readonly ColumnShape[]>,
  after: readonly (string | number)[],
): (string | number)[] {
  assert(after.length === wanted.length, `cursor of ${table.name} needs ${wanted.length} values`);
  assert(ties.length === 0, `a cursor in ${table.name} must order by the whole primary key`);
  return free.map((column) => {
    assert(!column.nullable, `a cursor cannot stand on ${table.name}.${column.name}`);
    const value = after[wanted.indexOf(column)]!;
    checkTest(table, { column, is: '=', value });
    return value;
  });
}
