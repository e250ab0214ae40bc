/**
 * Rows as they cross into a store: one cell a column, in the order of the description. JSON becomes
 * text here, so that every store keeps, compares and returns exactly the same. What a column cannot
 * hold is a bug of the caller and stops the act before anything is written.
 */
import { strict as assert } from 'node:assert';
import type { ColumnType } from './table.ts';
import { type Row, type TableName, tables } from './tables.ts';

export type Cell = string | number | null | Uint8Array;

export interface ColumnShape {
  readonly name: string;
  /** As SQL spells it: snake_case. */
  readonly sql: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** Place in the row. */
  readonly at: number;
}

export interface TableShape {
  readonly name: TableName;
  readonly sql: string;
  readonly columns: readonly ColumnShape[];
  readonly byName: ReadonlyMap<string, ColumnShape>;
  readonly key: readonly ColumnShape[];
  readonly unique: readonly (readonly ColumnShape[])[];
  readonly indexes: readonly (readonly ColumnShape[])[];
  readonly partition: ColumnShape | undefined;
}

interface Description {
  readonly columns: Record<string, { readonly type: ColumnType; readonly nullable: boolean }>;
  readonly key: readonly string[];
  readonly unique?: readonly (readonly string[])[];
  readonly indexes?: readonly (readonly string[])[];
  readonly partition?: string;
}

export const tableShapes: ReadonlyMap<TableName, TableShape> = new Map(
  Object.entries(tables).map(([name, table]) => [
    name as TableName,
    describe(name as TableName, table),
  ]),
);

export function shapeOf(table: TableName): TableShape {
  const shape = tableShapes.get(table);
  // The message is made where it is needed only: every cell of every act passes these checks.
  if (shape === undefined) assert.fail(`no table ${table}`);
  return shape;
}

export function columnOf(table: TableShape, name: string): ColumnShape {
  const column = table.byName.get(name);
  if (column === undefined) assert.fail(`no column ${name} in ${table.name}`);
  return column;
}

/** `custodyKeys` → `custody_keys`. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function describe(name: TableName, table: Description): TableShape {
  const columns = Object.entries(table.columns).map(([column, { type, nullable }], at) => {
    return { name: column, sql: snakeCase(column), type, nullable, at };
  });
  const byName = new Map(columns.map((column) => [column.name, column]));
  const pick = (names: readonly string[]) => names.map((column) => byName.get(column)!);
  return {
    name,
    sql: snakeCase(name),
    columns,
    byName,
    key: pick(table.key),
    unique: (table.unique ?? []).map(pick),
    indexes: (table.indexes ?? []).map(pick),
    partition: table.partition === undefined ? undefined : byName.get(table.partition),
  };
}

/** @returns cells in the order of the columns */
export function encodeRow(table: TableShape, row: object): Cell[] {
  const values = row as Record<string, unknown>;
  const cells: Cell[] = [];
  for (const column of table.columns) cells.push(encodeCell(table, column, values[column.name]));
  for (const name in values) columnOf(table, name);
  return cells;
}

/**
 * Text must be well-formed Unicode without U+0000 (PostgreSQL holds no other), integers must be
 * exact. JSON goes through `JSON.stringify`, which escapes both.
 */
export function encodeCell(table: TableShape, column: ColumnShape, value: unknown): Cell {
  if (value === null && (column.nullable || column.type === 'json')) {
    return column.nullable ? null : 'null';
  }
  const valid = encodeValue(column.type, value);
  if (valid === undefined) {
    // Named, but never shown: the value may be a secret.
    assert.fail(`${table.name}.${column.name} cannot hold this ${typeof value}`);
  }
  return valid;
}

function encodeValue(type: ColumnType, value: unknown): Cell | undefined {
  switch (type) {
    case 'text':
      if (typeof value !== 'string' || value.includes('\0')) return undefined;
      return value.isWellFormed() ? value : undefined;
    case 'integer':
      // `+ 0` turns -0, which no database keeps, into 0.
      return Number.isSafeInteger(value) ? (value as number) + 0 : undefined;
    case 'bytes':
      return value instanceof Uint8Array ? value : undefined;
    case 'json':
      return JSON.stringify(value);
  }
}

export function decodeRow<T extends TableName>(table: TableShape, cells: readonly Cell[]): Row<T> {
  const row: Record<string, unknown> = {};
  for (const column of table.columns) {
    const cell = cells[column.at]!;
    const isJson = column.type === 'json' && cell !== null;
    row[column.name] = isJson ? JSON.parse(cell as string) : cell;
  }
  return row as Row<T>;
}

/**
 * Order of two cells as `ORDER BY` has it: null first, integers by value, text by code point, which
 * is the byte order of UTF-8 (SQLite's BINARY, PostgreSQL's "C").
 */
export function compareCells(a: Cell, b: Cell): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  if (typeof a === 'number') return a - (b as number);
  if (typeof a === 'string') return compareText(a, b as string);
  return Buffer.compare(a, b as Uint8Array);
}

function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for code points above all others: lift them over U+E000–U+FFFF.
    return lift(x) - lift(y);
  }
  return a.length - b.length;
}

function lift(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
