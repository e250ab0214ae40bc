/**
 * The store as the authority sees it: narrow readers, one a table, and one way to change anything.
 * A use case declares what it touches, for example `Pick<Store, 'clients' | 'acts'>`.
 *
 * Contract of every store (proved by `conformance.ts`, racing callers and crashes included):
 * - `acts.run` is atomic and serializable with regard to the rows that its steps name. It resolves
 *   after the commit is on disk (fsync), never before. A fault means that nothing of the act holds,
 *   but for `store_outcome_unknown`: there the connection broke, the fsync failed or the time was
 *   over while the commit was under way. Later acts see one outcome or the other, and only one.
 * - A refusal is judged on committed state at its moment in the act. Where a step before had
 *   written, PostgreSQL lets go of the locks with the writes, before `otherwise` runs.
 * - Readers see committed state only, and always the effects of an act that was resolved before the
 *   read began (in one process).
 * - Retrying a faulted act is safe only where its steps make a second run refuse.
 * - What no store could keep (text with U+0000 or half a surrogate pair, inexact integers) and what
 *   one of them could not keep free of races (see `checkStep`) is a bug, and thrown as one by all.
 */
import type { Act, ActOutcome, Condition } from './act.ts';
import type { Row, TableName } from './tables.ts';

export interface TableReader<T extends TableName> {
  /**
   * @param key values of the primary key, in its order
   * @returns the row or undefined
   * @throws StoreFault
   */
  get(...key: readonly (string | number)[]): Promise<Row<T> | undefined>;

  /**
   * Rows that match `where` (equality and comparisons), ordered by `orderBy` then the primary key.
   *
   * @param query.orderBy columns of the primary key or of a declared index, a leading part of which
   *   `where` fixes by equality; default the primary key
   * @param query.after values of the orderBy columns of the last row seen: continue behind it
   * @param query.limit 1–10,000
   */
  list(query: {
    readonly where?: { readonly [C in keyof Row<T>]?: Condition };
    readonly orderBy?: readonly (keyof Row<T> & string)[];
    readonly descending?: boolean;
    readonly after?: readonly (string | number)[];
    readonly limit: number;
  }): Promise<readonly Row<T>[]>;

  /** Number of matching rows. Scans; for administration, never on a request's path. */
  count(where?: { readonly [C in keyof Row<T>]?: Condition }): Promise<number>;
}

export interface ActRunner {
  /**
   * @throws StoreFault `store_busy` (queue full), `store_timeout` (withdrawn), `store_full`,
   *   `store_io`, `store_conflict`, `store_outcome_unknown`, …: see docs/errors.md
   */
  run(act: Act): Promise<ActOutcome>;
}

export type Store = { readonly [T in TableName]: TableReader<T> } & {
  readonly acts: ActRunner;
  readonly upkeep: StoreUpkeep;
};

export interface StoreUpkeep {
  /**
   * Drops whole partitions below `partition`, in bounded steps; creates those ahead.
   *
   * @returns how many partitions were dropped
   */
  dropPartitionsBelow(table: TableName, partition: number): Promise<number>;
  /**
   * The database's own clock, where several processes share it; undefined: its only process's.
   *
   * @throws StoreFault
   */
  nowMs(): Promise<number | undefined>;
  /** A consistent copy of everything, into a new file or directory (SQLite), while serving. */
  backup(destination: string): Promise<void>;
  /** Throws a StoreFault where the store cannot commit an empty write now. For /readyz. */
  check(): Promise<void>;
  close(): Promise<void>;
}
