/** A step as SQL sees it: the shape, which names a prepared statement, and the values. */
import { assertNever } from '@mintmark/core';
import type { FeedStep, Step } from '../act.ts';
import { type Assigned, assignmentsOf } from '../assignment.ts';
import { type Cell, type ColumnShape, encodeRow, shapeOf, type TableShape } from '../cells.ts';
import { fixedValue, type Test, testsOf } from '../condition.ts';
import {
  assignedKey,
  type Conflict,
  type Dialect,
  deleteStatement,
  insertStatement,
  probeStatement,
  testCells,
  testsKey,
  updateStatement,
  valuedTests,
} from './statement.ts';

export interface ShapedStep {
  /** Equal keys mean equal SQL. */
  readonly key: string;
  readonly table: TableShape;
  /** `write` counts the rows it changed; `present` and `absent` ask whether there are any. */
  readonly kind: 'write' | 'present' | 'absent';
  /** Adds rows, so that a missing partition must be made. */
  readonly adds: boolean;
  readonly partition: number | null;
  readonly cells: readonly Cell[];
  /** Of each cell. */
  readonly columns: () => readonly ColumnShape[];
  /** @param target the name of the table or partition, and how a probe locks what it finds */
  readonly build: (dialect: Dialect, target: { name: string; lock: string }) => string;
}

/** @returns one shaped step, or one a row for the steps of many rows */
export function shapeStep(step: Exclude<Step, FeedStep>): ShapedStep[] {
  const table = shapeOf(step.table);
  switch (step.do) {
    case 'insert':
      return [shapeInsert(table, step.row, { taken: 'keep' })];
    case 'insertMany':
      return step.rows.map((row: object) => shapeInsert(table, row, { taken: 'fail' }));
    case 'put':
      return [shapeInsert(table, step.row, { taken: 'replace' })];
    case 'merge': {
      const set = assignmentsOf(table, step.set);
      return [shapeInsert(table, step.row, { taken: 'change', set })];
    }
    case 'update':
      return [shapeUpdate(table, assignmentsOf(table, step.set), testsOf(table, step.where))];
    case 'delete':
      return [shapeDelete(table, testsOf(table, step.where))];
    case 'deleteMany':
      return step.keys.map((key) => shapeDelete(table, keyTests(table, key)));
    case 'require':
      return [shapeProbe(table, 'present', testsOf(table, step.where))];
    case 'absent':
      return [shapeProbe(table, 'absent', testsOf(table, step.where))];
    default:
      return assertNever(step);
  }
}

export function shapeInsert(table: TableShape, row: object, conflict: Conflict): ShapedStep {
  const set = conflict.taken === 'change' ? conflict.set : [];
  const cells = encodeRow(table, row);
  return {
    key: `${conflict.taken} ${table.name} ${assignedKey(set)}`,
    table,
    kind: 'write',
    adds: true,
    partition: table.partition === undefined ? null : (cells[table.partition.at] as number),
    cells: set.length === 0 ? cells : [...cells, ...set.map(({ cell }) => cell)],
    columns: () => [...table.columns, ...columnsOf(set)],
    build: (dialect, { name }) => insertStatement(dialect, { table, name, conflict }),
  };
}

function shapeUpdate(table: TableShape, set: Assigned[], tests: Test[]): ShapedStep {
  return {
    key: `update ${table.name} ${assignedKey(set)} ${testsKey(tests)}`,
    table,
    kind: 'write',
    adds: false,
    partition: partitionOf(table, tests),
    cells: [...set.map(({ cell }) => cell), ...testCells(tests)],
    columns: () => [...columnsOf(set), ...columnsOf(valuedTests(tests))],
    build: (dialect, { name }) => updateStatement(dialect, { name, set, tests }),
  };
}

function shapeDelete(table: TableShape, tests: Test[]): ShapedStep {
  return {
    key: `delete ${table.name} ${testsKey(tests)}`,
    table,
    kind: 'write',
    adds: false,
    partition: partitionOf(table, tests),
    cells: testCells(tests),
    columns: () => columnsOf(valuedTests(tests)),
    build: (dialect, { name }) => deleteStatement(dialect, { name, tests }),
  };
}

function shapeProbe(table: TableShape, kind: 'present' | 'absent', tests: Test[]): ShapedStep {
  return {
    key: `${kind} ${table.name} ${testsKey(tests)}`,
    table,
    kind,
    adds: false,
    partition: partitionOf(table, tests),
    cells: testCells(tests),
    columns: () => columnsOf(valuedTests(tests)),
    build: (dialect, { name, lock }) => probeStatement(dialect, { name, tests, lock }),
  };
}

function columnsOf(parts: readonly { readonly column: ColumnShape }[]): ColumnShape[] {
  return parts.map(({ column }) => column);
}

function keyTests(table: TableShape, key: readonly Cell[]): Test[] {
  return table.key.map(
    (column, i): Test => ({ column, is: '=', value: key[i] as string | number }),
  );
}

function partitionOf(table: TableShape, tests: readonly Test[]): number | null {
  if (table.partition === undefined) return null;
  return fixedValue(tests, table.partition) as number;
}
