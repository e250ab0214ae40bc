/**
 * Places in the three arrays that every act's function takes, handed out as its text is written.
 */
import type { Cell } from '../cells.ts';
import { type Dialect, postgresDialect } from '../sql/statement.ts';
import type { ColumnType } from '../table.ts';
import { bytesArray, integerArray, textArray } from './wire-array.ts';

export const functionParameters = 'p_text text[], p_integer bigint[], p_bytes bytea[]';

const arrayNames = {
  text: 'p_text',
  json: 'p_text',
  integer: 'p_integer',
  bytes: 'p_bytes',
} as const;

type ArrayName = (typeof arrayNames)[ColumnType];

export class Slots {
  readonly #counts: Record<ArrayName, number> = { p_text: 0, p_integer: 0, p_bytes: 0 };
  readonly dialect: Dialect = { ...postgresDialect, parameter: (_, type) => this.next(type) };

  next(type: ColumnType): string {
    const name = arrayNames[type];
    this.#counts[name] += 1;
    return `${name}[${this.#counts[name]}]`;
  }

  /**
   * Slices, one a column; how many rows there are and where they begin is in slots of their own.
   */
  rows(types: readonly ColumnType[]): string[] {
    const count = this.next('integer');
    return types.map((type) => {
      const start = this.next('integer');
      return `${arrayNames[type]}[${start} : ${start} + ${count} - 1]`;
    });
  }
}

interface Filling {
  readonly cells: readonly Cell[];
  readonly types: readonly ColumnType[];
  readonly rows: { readonly types: readonly ColumnType[]; readonly cells: Cell[][] } | undefined;
}

/**
 * The values of one call, in the order in which `Slots` handed out their places. Rows come behind
 * everything whose place is fixed.
 */
export function fillArrays(pieces: readonly Filling[]): [Buffer, Buffer, Buffer] {
  const arrays = { p_text: [], p_integer: [], p_bytes: [] } as Record<ArrayName, Cell[]>;
  const starts: number[] = [];
  for (const { cells, types, rows } of pieces) {
    for (const [i, cell] of cells.entries()) arrays[arrayNames[types[i]!]].push(cell);
    if (rows === undefined) continue;
    arrays.p_integer.push(rows.cells.length);
    for (const _ of rows.types) starts.push(arrays.p_integer.push(0) - 1);
  }
  let next = 0;
  for (const { rows } of pieces) {
    for (const [column, type] of rows?.types.entries() ?? []) {
      const array = arrays[arrayNames[type]];
      arrays.p_integer[starts[next++]!] = array.length + 1;
      for (const row of rows!.cells) array.push(row[column]!);
    }
  }
  return [
    textArray(arrays.p_text as (string | null)[]),
    integerArray(arrays.p_integer as (number | null)[]),
    bytesArray(arrays.p_bytes as (Uint8Array | null)[]),
  ];
}
