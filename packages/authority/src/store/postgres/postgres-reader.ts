/** Reads of one table: prepared statements, each its own snapshot of what is committed. */
import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import type pg from 'pg';
import { type Cell, decodeRow, encodeCell, type TableShape } from '../cells.ts';
import { planList, testsOf } from '../condition.ts';
import {
  countStatement,
  getStatement,
  listStatement,
  postgresDialect,
  testCells,
} from '../sql/statement.ts';
import type { TableReader } from '../store.ts';
import type { TableName } from '../tables.ts';
import { postgresFault } from './postgres-fault.ts';

/** Runs one statement. @throws StoreFault */
export type Read = (text: string, cells: readonly Cell[]) => Promise<Cell[][]>;

export function postgresReader<T extends TableName>(read: Read, table: TableShape): TableReader<T> {
  const name = table.sql;
  const get = getStatement(postgresDialect, table, name);
  const decode = (cells: readonly Cell[]) => decodeRow<T>(table, cells.map(plainBytes));
  return {
    async get(...key) {
      const { length } = table.key;
      assert(key.length === length, `a key of ${table.name} has ${length} values`);
      const cells = table.key.map((column, i) => encodeCell(table, column, key[i]));
      const [row] = await read(get, cells);
      return row === undefined ? undefined : decode(row);
    },
    async list(query) {
      const plan = planList(table, query);
      const sql = listStatement(postgresDialect, { table, name, plan });
      const rows = await read(sql, [...testCells(plan.tests), ...plan.after, plan.limit]);
      return rows.map(decode);
    },
    async count(where) {
      const tests = testsOf(table, where);
      const rows = await read(countStatement(postgresDialect, name, tests), testCells(tests));
      return rows[0]![0] as number;
    },
  };
}

export async function readRows(
  pool: pg.Pool,
  text: string,
  cells: readonly Cell[],
): Promise<Cell[][]> {
  const query: pg.QueryArrayConfig = {
    name: nameOf(text),
    text,
    values: [...cells],
    rowMode: 'array',
  };
  try {
    return (await pool.query<Cell[]>(query)).rows;
  } catch (error) {
    throw postgresFault(error, 'cannot read the database', 'not sent');
  }
}

/** Statements are prepared once a connection, under a name that stands for their text. */
function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = createHash('sha256').update(text).digest('hex').slice(0, 32);
  names.set(text, name);
  return name;
}

/** As many as there are shapes of reads in the program. */
const names = new Map<string, string>();

/** The driver's buffers are views into larger ones; callers get arrays of their own. */
function plainBytes(cell: Cell): Cell {
  return cell instanceof Uint8Array ? Uint8Array.from(cell) : cell;
}
