/** Reads on the caller's own thread: a few microseconds each, by primary key or by an index. */
import { strict as assert } from 'node:assert';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { StoreFault } from '@mintmark/core';
import { type Cell, decodeRow, encodeCell, type TableShape, tableShapes } from '../cells.ts';
import { fixedValue, type ListPlan, planList, type Test, testsOf } from '../condition.ts';
import { partitionName } from '../sql/schema.ts';
import {
  countStatement,
  getStatement,
  listStatement,
  quoted,
  sqliteDialect,
  testCells,
  testsKey,
} from '../sql/statement.ts';
import type { TableReader } from '../store.ts';
import type { TableName } from '../tables.ts';
import { partitionsIn } from './migrate-sqlite.ts';
import { sqliteFault } from './sqlite-fault.ts';
import type { PartitionChange } from './writer-protocol.ts';

/** Prepared statements kept. Their shapes are few; partitions multiply them and come and go. */
const preparedMax = 1_000;

/** Pages (4 KiB) of cache. */
const cachePages = 8_192;

export class SqliteReader {
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();
  readonly #partitions = new Map<TableName, Set<number>>();

  constructor(path: string) {
    this.#db = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
    this.#db.exec(`PRAGMA cache_size = ${cachePages}`);
    for (const table of tableShapes.values()) {
      if (table.partition === undefined) continue;
      const known = partitionsIn(this.#db, table).map(({ partition }) => partition);
      this.#partitions.set(table.name, new Set(known));
    }
  }

  /** The writer has made or retired one. */
  onPartition({ table, partition, exists }: PartitionChange): void {
    if (exists) this.#partitions.get(table)?.add(partition);
    else this.#partitions.get(table)?.delete(partition);
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  table<T extends TableName>(table: TableShape): TableReader<T> {
    return {
      get: async (...key) => {
        const cells = this.#get(table, key);
        return cells === undefined ? undefined : decodeRow<T>(table, cells);
      },
      list: async (query) => {
        const plan = planList(table, query);
        return this.#list(table, plan).map((cells) => decodeRow<T>(table, cells));
      },
      count: async (where) => this.#count(table, testsOf(table, where)),
    };
  }

  #get(table: TableShape, key: readonly (string | number)[]): Cell[] | undefined {
    const { length } = table.key;
    assert(key.length === length, `a key of ${table.name} has ${length} values`);
    const cells = table.key.map((column, i) => encodeCell(table, column, key[i]));
    const partition = table.partition === undefined ? undefined : (cells[0] as number);
    if (partition !== undefined && !this.#partitions.get(table.name)!.has(partition)) {
      return undefined;
    }
    const name = nameOf(table, partition);
    const build = () => getStatement(sqliteDialect, table, name);
    return this.#read(`get ${name}`, build, (statement) => statement.get(...cells)) as
      | Cell[]
      | undefined;
  }

  #list(table: TableShape, plan: ListPlan): Cell[][] {
    const rows: Cell[][] = [];
    for (const partition of this.#range(table, plan)) {
      const name = nameOf(table, partition);
      const limit = plan.limit - rows.length;
      if (limit === 0) break;
      const build = () => listStatement(sqliteDialect, { table, name, plan });
      const cells = [...testCells(plan.tests), ...plan.after, limit];
      const found = this.#read(listKey(name, plan), build, (statement) => statement.all(...cells));
      for (const row of found as unknown as Cell[][]) rows.push(row);
    }
    return rows;
  }

  #count(table: TableShape, tests: readonly Test[]): number {
    let count = 0;
    for (const partition of this.#range(table, { tests, descending: false, order: undefined })) {
      const name = nameOf(table, partition);
      const build = () => countStatement(sqliteDialect, name, tests);
      const row = this.#read(`count ${name} ${testsKey(tests)}`, build, (statement) =>
        statement.get(...testCells(tests)),
      );
      count += (row as unknown as number[])[0]!;
    }
    return count;
  }

  /** The partitions that can hold what is asked for, in the order that is asked for. */
  #range(
    table: TableShape,
    plan: Pick<ListPlan, 'tests' | 'descending'> & { order: ListPlan['order'] | undefined },
  ): (number | undefined)[] {
    if (table.partition === undefined) return [undefined];
    const all = [...this.#partitions.get(table.name)!].sort((a, b) => a - b);
    const fixed = fixedValue(plan.tests, table.partition);
    if (fixed !== undefined) return all.filter((partition) => partition === fixed);
    const ordered = plan.order === undefined || plan.order[0] === table.partition;
    assert(ordered, `a list of ${table.name} goes by partition, or names one`);
    return plan.descending ? all.reverse() : all;
  }

  #read<R>(key: string, build: () => string, run: (statement: StatementSync) => R): R {
    if (!this.#db.isOpen) throw new StoreFault('store_closed', 'the store is closed');
    try {
      return run(this.#prepared.get(key) ?? this.#prepare(key, build()));
    } catch (error) {
      throw sqliteFault(error, 'cannot read the database');
    }
  }

  #prepare(key: string, sql: string): StatementSync {
    if (this.#prepared.size >= preparedMax) this.#prepared.clear();
    const statement = this.#db.prepare(sql);
    statement.setReturnArrays(true);
    this.#prepared.set(key, statement);
    return statement;
  }
}

function nameOf(table: TableShape, partition: number | undefined): string {
  return partition === undefined ? table.sql : partitionName(table, partition);
}

function listKey(name: string, { tests, order, after, descending }: ListPlan): string {
  const by = order.map(quoted).join('');
  return `list ${name} ${testsKey(tests)} ${by} ${after.length} ${descending}`;
}
