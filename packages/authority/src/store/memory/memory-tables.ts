/** Rows in memory: a map a table, by primary key, with a journal that takes writes back. */
import { strict as assert } from 'node:assert';
import {
  type Cell,
  type ColumnShape,
  compareCells,
  decodeRow,
  type TableShape,
  tableShapes,
} from '../cells.ts';
import { fixedValue, type ListPlan, matches, planList, type Test, testsOf } from '../condition.ts';
import type { TableReader } from '../store.ts';
import type { Row, TableName } from '../tables.ts';

export type StoredRow = readonly Cell[];

export class MemoryTables {
  readonly #rows = new Map<TableName, Map<string, StoredRow>>();
  /** How to take back each write since `begin`, oldest first. */
  #journal: (() => void)[] = [];

  constructor() {
    for (const name of tableShapes.keys()) this.#rows.set(name, new Map());
  }

  begin(): void {
    this.#journal = [];
  }

  rollback(): void {
    for (const undo of this.#journal.reverse()) undo();
    this.#journal = [];
  }

  get(table: TableShape, key: readonly Cell[]): StoredRow | undefined {
    return this.#of(table).get(JSON.stringify(key));
  }

  find(table: TableShape, tests: readonly Test[]): StoredRow[] {
    const key = table.key.map((column) => fixedValue(tests, column));
    if (key.every((value) => value !== undefined)) {
      const row = this.get(table, key);
      return row !== undefined && matches(tests, row) ? [row] : [];
    }
    return [...this.#of(table).values()].filter((row) => matches(tests, row));
  }

  /** @returns whether a primary or unique key of the row is taken */
  isTaken(table: TableShape, row: StoredRow): boolean {
    if (this.#of(table).has(keyOf(table, row))) return true;
    return table.unique.some((columns) => {
      const tests = columns.map((column): Test => {
        return { column, is: '=', value: row[column.at] as string | number | null };
      });
      return tests.every(({ value }) => value !== null) && this.find(table, tests).length > 0;
    });
  }

  write(table: TableShape, row: StoredRow): void {
    this.#set(table, keyOf(table, row), row.map(copyBytes));
  }

  remove(table: TableShape, row: StoredRow): void {
    this.#set(table, keyOf(table, row), undefined);
  }

  list(table: TableShape, plan: ListPlan): StoredRow[] {
    const sign = plan.descending ? -1 : 1;
    const order = (a: StoredRow, b: StoredRow) => sign * compareBy(plan.order, a, b);
    const rows = this.find(table, plan.tests).filter((row) => isBehind(plan, row));
    return rows.sort(order).slice(0, plan.limit);
  }

  #of(table: TableShape): Map<string, StoredRow> {
    return this.#rows.get(table.name)!;
  }

  #set(table: TableShape, key: string, row: StoredRow | undefined): void {
    const rows = this.#of(table);
    const before = rows.get(key);
    this.#journal.push(() => {
      if (before === undefined) rows.delete(key);
      else rows.set(key, before);
    });
    if (row === undefined) rows.delete(key);
    else rows.set(key, row);
  }
}

/** @param look the rows, or a throw where they may not be read any more */
export function memoryReader<T extends TableName>(
  look: () => MemoryTables,
  table: TableShape,
): TableReader<T> {
  const decode = (row: StoredRow) => decodeRow<T>(table, row.map(copyBytes)) as Row<T>;
  return {
    async get(...key) {
      assert(
        key.length === table.key.length,
        `a key of ${table.name} has ${table.key.length} values`,
      );
      const row = look().get(table, key);
      return row === undefined ? undefined : decode(row);
    },
    async list(query) {
      return look().list(table, planList(table, query)).map(decode);
    },
    async count(where) {
      return look().find(table, testsOf(table, where)).length;
    },
  };
}

function keyOf(table: TableShape, row: StoredRow): string {
  return JSON.stringify(table.key.map((column) => row[column.at]));
}

function compareBy(order: readonly ColumnShape[], a: StoredRow, b: StoredRow): number {
  for (const { at } of order) {
    const difference = compareCells(a[at]!, b[at]!);
    if (difference !== 0) return difference;
  }
  return 0;
}

function isBehind({ after, order, descending }: ListPlan, row: StoredRow): boolean {
  for (const [i, value] of after.entries()) {
    const difference = compareCells(row[order[i]!.at]!, value);
    if (difference !== 0) return descending ? difference < 0 : difference > 0;
  }
  return after.length === 0;
}

/** Callers keep their arrays, and may change them. */
function copyBytes(cell: Cell): Cell {
  return cell instanceof Uint8Array ? Uint8Array.from(cell) : cell;
}
