/** The one connection that writes, with its prepared statements and the partitions it knows. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { StoreFault } from '@mintmark/core';
import { shapeOf, tableShapes } from '../cells.ts';
import { partitionName, sqliteTable } from '../sql/schema.ts';
import type { TableName } from '../tables.ts';
import { partitionsIn } from './migrate-sqlite.ts';
import type { Definition } from './pack-act.ts';
import { isSyncFailure } from './sqlite-fault.ts';
import type { PartitionChange } from './writer-protocol.ts';

/** What the writer uses of a `DatabaseSync`. Crash tests put themselves in between. */
export interface WriteDatabase {
  readonly isTransaction: boolean;
  exec(sql: string): void;
  prepare(sql: string): Pick<StatementSync, 'run' | 'get' | 'all'>;
  close(): void;
}

export type Prepared = ReturnType<WriteDatabase['prepare']>;

/** Pages (4 KiB) of cache: enough for the upper levels of large indexes. */
const cachePages = 8_192;

/**
 * `synchronous=FULL` makes each commit an fsync of the log. Checkpoints are the writer's own,
 * between batches, when the callers have their answers. Nothing in the files is a secret in clear:
 * they hold hashes and sealed records, so deleted rows need no overwriting (`secure_delete` stays
 * off).
 */
export function openWriteDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 1_000 });
  db.exec('PRAGMA journal_mode = WAL');
  db.exec('PRAGMA synchronous = FULL');
  db.exec('PRAGMA wal_autocheckpoint = 0');
  db.exec('PRAGMA journal_size_limit = 67108864');
  db.exec(`PRAGMA cache_size = ${cachePages}`);
  return db;
}

interface Checkpoint {
  readonly log: number;
  readonly checkpointed: number;
}

export class WriteConnection {
  readonly db: WriteDatabase;
  readonly #definitions: Definition[] = [];
  readonly #prepared = new Map<string, Prepared>();
  readonly #partitions = new Map<TableName, Set<number>>();
  #changes: PartitionChange[] = [];
  #stopped: StoreFault | undefined;
  readonly #begin: Prepared;
  readonly #commit: Prepared;

  constructor(db: WriteDatabase) {
    this.db = db;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    for (const table of tableShapes.values()) {
      if (table.partition === undefined) continue;
      const known = partitionsIn(db, table).map(({ partition }) => partition);
      this.#partitions.set(table.name, new Set(known));
    }
  }

  define(definitions: readonly Definition[]): void {
    for (const definition of definitions) this.#definitions[definition.id] = definition;
  }

  definition(id: number): Definition {
    return this.#definitions[id]!;
  }

  /** @returns undefined where the partition does not exist, so that nothing in it matches */
  statement(definition: Definition, partition: number | null): Prepared | undefined {
    const key = `${definition.id} ${partition}`;
    const known = this.#prepared.get(key);
    if (known !== undefined) return known;
    const table = shapeOf(definition.table);
    if (partition !== null && !this.hasPartition(definition.table, partition)) return undefined;
    const name = partition === null ? table.sql : partitionName(table, partition);
    const prepared = this.db.prepare(definition.sql.replace('"%"', `"${name}"`));
    this.#prepared.set(key, prepared);
    return prepared;
  }

  hasPartition(table: TableName, partition: number): boolean {
    return this.#partitions.get(table)?.has(partition) === true;
  }

  lowestPartition(table: TableName): number | undefined {
    const known = [...(this.#partitions.get(table) ?? [])];
    return known.length === 0 ? undefined : Math.min(...known);
  }

  /** Outside of a transaction: a batch that fails later keeps the empty partition. */
  addPartition(table: TableName, partition: number): void {
    if (this.hasPartition(table, partition)) return;
    const shape = shapeOf(table);
    this.inTransaction(() => {
      for (const sql of sqliteTable(shape, partitionName(shape, partition))) this.db.exec(sql);
    });
    this.#partitions.get(table)!.add(partition);
    this.#changes.push({ table, partition, exists: true });
  }

  /** Out of sight at once, for readers too; `sweep` removes the rows. */
  retirePartition(table: TableName, partition: number): void {
    const name = partitionName(shapeOf(table), partition);
    const there = this.db.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?');
    // One of the name may still be swept, if the partition was made again meanwhile.
    let retired = `retired_${name}`;
    while (there.get(retired) !== undefined) retired += '_';
    this.inTransaction(() => this.db.exec(`ALTER TABLE "${name}" RENAME TO "${retired}"`));
    this.#partitions.get(table)!.delete(partition);
    // Its statements name a table that is gone; those of other partitions are prepared again soon.
    this.#prepared.clear();
    this.#changes.push({ table, partition, exists: false });
  }

  /** Changes since the last call, for readers to learn of. */
  takePartitionChanges(): PartitionChange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  /** Pages in the log that are not yet in the database. */
  logPages(): number {
    const row = this.db.prepare('PRAGMA wal_checkpoint(NOOP)').get() as unknown as Checkpoint;
    return row.log - row.checkpointed;
  }

  /** Moves as much of the log into the database as no reader stands in the way of. */
  checkpoint(): void {
    this.db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get();
  }

  inTransaction(run: () => void): void {
    this.begin();
    try {
      run();
    } catch (error) {
      this.rollback();
      throw error;
    }
    this.commit();
  }

  /** @throws StoreFault that says why nothing is written any more */
  begin(): void {
    if (this.#stopped !== undefined) throw this.#stopped;
    this.#begin.run();
  }

  /**
   * Returns when the transaction is on the disk.
   *
   * @throws StoreFault `store_outcome_unknown` where the fsync failed; else nothing of it holds
   */
  commit(): void {
    try {
      this.#commit.run();
    } catch (error) {
      this.rollback();
      if (!isSyncFailure(error)) throw error;
      // The frames may be on the disk, whole, and would count after a restart.
      const hint = 'check the disk, then restart: what is on it decides';
      const message = 'an fsync of the log failed';
      this.#stopped = new StoreFault('store_io', message, { cause: error, hint });
      throw new StoreFault('store_outcome_unknown', message, { cause: error, hint });
    }
  }

  /** Set when the files can no longer be trusted: every later act is refused with it. */
  get stopped(): StoreFault | undefined {
    return this.#stopped;
  }

  /** SQLite has ended the transaction by itself after some errors. */
  rollback(): void {
    if (this.db.isTransaction) this.db.exec('ROLLBACK');
  }
}
