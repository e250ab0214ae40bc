/** What an update or merge sets, taken apart once. */
import { strict as assert } from 'node:assert';
import { type Cell, type ColumnShape, columnOf, encodeCell, type TableShape } from './cells.ts';

export interface Assigned {
  readonly column: ColumnShape;
  /** Whether the cell is added to what stands there. Null plus something is null, as in SQL. */
  readonly add: boolean;
  readonly cell: Cell;
}

/** Key columns never change: a row that moves would slip through locks on its key. */
export function assignmentsOf(table: TableShape, set: object): Assigned[] {
  const assigned = Object.entries(set).map(([name, value]): Assigned => {
    const column = columnOf(table, name);
    assert(!table.key.includes(column), `${table.name}.${name} is a key and never changes`);
    // A JSON column is always replaced, whatever its members are called.
    const add = column.type !== 'json' && isAddition(value);
    if (!add) return { column, add, cell: encodeCell(table, column, value) };
    assert(column.type === 'integer', `${table.name}.${name} cannot be added to`);
    return { column, add, cell: encodeCell(table, column, value.add) };
  });
  assert(assigned.length > 0, `an update of ${table.name} that sets nothing`);
  return assigned;
}

function isAddition(value: unknown): value is { readonly add: unknown } {
  return (
    typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && 'add' in value
  );
}
