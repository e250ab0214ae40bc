/**
 * How a table is described: once, in terms that SQLite, PostgreSQL and memory all understand. Rows
 * are camelCase objects; a store spells columns in snake_case. The descriptions here are checked
 * against the migrated schema by the conformance suite.
 */

export type ColumnType = 'text' | 'integer' | 'bytes' | 'json';

export interface Column<T> {
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** Never present at run time; carries the row's type. */
  readonly rowType?: T;
}

export interface Table<Columns extends Record<string, Column<unknown>>> {
  readonly columns: Columns;
  /** Primary key, in index order. */
  readonly key: readonly (keyof Columns & string)[];
  readonly unique?: readonly (readonly (keyof Columns & string)[])[];
  readonly indexes?: readonly (readonly (keyof Columns & string)[])[];
  /**
   * Integer column that is first in the key and names a partition, so that a whole partition is
   * dropped instead of deleting its rows.
   */
  readonly partition?: keyof Columns & string;
}

export type RowOf<T> =
  T extends Table<infer Columns>
    ? { readonly [C in keyof Columns]: Columns[C] extends Column<infer V> ? V : never }
    : never;

export const text: Column<string> = { type: 'text', nullable: false };
export const textOrNull: Column<string | null> = { type: 'text', nullable: true };
/** Whole numbers within ±2^53. */
export const integer: Column<number> = { type: 'integer', nullable: false };
export const integerOrNull: Column<number | null> = { type: 'integer', nullable: true };
export const bytes: Column<Uint8Array> = { type: 'bytes', nullable: false };
export const bytesOrNull: Column<Uint8Array | null> = { type: 'bytes', nullable: true };

/** A JSON value, stored as text. Never searched by content. */
export function json<T>(): Column<T> {
  return { type: 'json', nullable: false };
}

/** The same where a column came after its table, or is mostly empty: null is NULL. */
export function jsonOrNull<T>(): Column<T | null> {
  return { type: 'json', nullable: true };
}

export function table<const Columns extends Record<string, Column<unknown>>>(
  description: Table<Columns>,
): Table<Columns> {
  return description;
}
