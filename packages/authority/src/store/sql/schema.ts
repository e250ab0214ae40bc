/**
 * The schema that a table's description asks for. Partitions are made from it; the migrations,
 * whose text never changes, are compared with it by a test.
 */
import type { ColumnShape, TableShape } from '../cells.ts';
import { quoted } from './statement.ts';

const sqliteTypes = { text: 'TEXT', integer: 'INTEGER', bytes: 'BLOB', json: 'TEXT' };

/** Text sorts by its bytes on every server, whatever the locale: cursors rest on it. */
const postgresTypes = {
  text: 'text COLLATE "C"',
  integer: 'bigint',
  bytes: 'bytea',
  json: 'text COLLATE "C"',
};

/**
 * @param name the table's, or that of one partition
 */
export function sqliteTable(table: TableShape, name: string): string[] {
  const columns = table.columns.map((column) => columnText(column, sqliteTypes[column.type]));
  // Where rows are small the key's tree holds them; large ones would make that tree deep. So it
  // does in partitions too: rows that lie in the order of the only tree are removed in cheap steps.
  const large =
    table.partition === undefined &&
    table.columns.some(({ type }) => type === 'bytes' || type === 'json');
  const numbered = table.key.length === 1 && table.key[0]!.type === 'integer';
  const options = large || numbered ? 'STRICT' : 'STRICT, WITHOUT ROWID';
  return [
    `CREATE TABLE "${name}" (\n  ${[...columns, ...keyTexts(table)].join(',\n  ')}\n) ${options}`,
    ...indexTexts(table, name, ''),
  ];
}

export function postgresTable(table: TableShape): string[] {
  const columns = table.columns.map((column) => columnText(column, postgresTypes[column.type]));
  const partitions =
    table.partition === undefined ? '' : ` PARTITION BY LIST (${quoted(table.partition)})`;
  const parts = [...columns, ...keyTexts(table)].join(',\n  ');
  return [
    `CREATE TABLE "${table.sql}" (\n  ${parts}\n)${partitions}`,
    ...indexTexts(table, table.sql, ' NULLS FIRST'),
  ];
}

function columnText(column: ColumnShape, type: string): string {
  return `${quoted(column)} ${type}${column.nullable ? '' : ' NOT NULL'}`;
}

function keyTexts(table: TableShape): string[] {
  return [
    `PRIMARY KEY (${table.key.map(quoted).join(', ')})`,
    ...table.unique.map((columns) => `UNIQUE (${columns.map(quoted).join(', ')})`),
  ];
}

function indexTexts(table: TableShape, name: string, nulls: string): string[] {
  return table.indexes.map((columns) => {
    const by = columns.map(({ sql }) => sql).join('_');
    const parts = columns.map((column) => quoted(column) + (column.nullable ? nulls : ''));
    return `CREATE INDEX "${name}_by_${by}" ON "${name}" (\n  ${parts.join(',\n  ')}\n)`;
  });
}

/** Name of one partition's table. */
export function partitionName(table: TableShape, partition: number): string {
  return `${table.sql}_p${partition}`;
}

/** The partition that a table's name says, or undefined where it is none of this table. */
export function parsePartitionName(table: TableShape, name: string): number | undefined {
  const digits = name.startsWith(`${table.sql}_p`) ? name.slice(table.sql.length + 2) : '';
  return /^(?:0|[1-9]\d{0,14})$/.test(digits) ? Number(digits) : undefined;
}
