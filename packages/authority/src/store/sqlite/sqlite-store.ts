/**
 * SQLite as the store: one process, one folder. A thread of its own writes, in groups; reads happen
 * on the caller's thread and see every act that was answered before. Neighbours: `data-folder.ts`
 * keeps other processes out, `writer-queue.ts` feeds the writer, `serve-writer.ts` is the writer.
 * Nothing but the writer's connection ever writes to the database while the store is open.
 */
import { Worker } from 'node:worker_threads';
import { type Clock, limits, StoreFault, type Timers } from '@mintmark/core';
import { shapeOf, tableShapes } from '../cells.ts';
import { type Migration, migrations } from '../migrations.ts';
import type { Store, StoreUpkeep } from '../store.ts';
import { backupSqlite } from './backup-sqlite.ts';
import { type DataFolder, openDataFolder } from './data-folder.ts';
import { migrateSqlite } from './migrate-sqlite.ts';
import { sqliteFault } from './sqlite-fault.ts';
import { SqliteReader } from './sqlite-reader.ts';
import { threadFile } from './thread-file.ts';
import { openWriteDatabase } from './write-connection.ts';
import type { FromWriter, WriterStart } from './writer-protocol.ts';
import { WriterQueue } from './writer-queue.ts';

const writerFile = new URL('./writer-thread.ts', import.meta.url);

/** Partitions that upkeep keeps ready: the one asked for and the days that follow. */
const partitionsAhead = 2;

export interface SqliteStoreInput {
  /** Made where it is missing; see `data-folder.ts` for its permissions. */
  readonly directory: string;
  readonly clock: Clock;
  /** Bound how long an act may wait; without them it waits as long as the disk takes. */
  readonly timers?: Timers;
  /** File of the writer's thread, where another than `writer-thread.ts` is wanted. */
  readonly writerFile?: URL;
}

/**
 * Opens the store, makes the folder and brings the schema up to date where needed.
 *
 * @throws StoreFault `store_in_use`, `store_permissions`, `store_newer`, `store_corrupt`,
 *   `store_readonly`, `store_full`, `store_io`
 */
export async function openSqliteStore(input: SqliteStoreInput): Promise<Store> {
  const folder = openDataFolder(input.directory);
  try {
    prepareDatabase(folder.database, { clock: input.clock, contract: false });
    return await startStore(folder, input);
  } catch (error) {
    folder.release();
    throw sqliteFault(error, `cannot open ${folder.database}`);
  }
}

/**
 * Applies all migrations that are missing, contracting ones too. The store must not be open.
 *
 * @returns what was applied
 */
export function migrateSqliteStore(
  input: Pick<SqliteStoreInput, 'directory' | 'clock'>,
): readonly Migration[] {
  const folder = openDataFolder(input.directory);
  try {
    return prepareDatabase(folder.database, { clock: input.clock, contract: true });
  } catch (error) {
    throw sqliteFault(error, `cannot migrate ${folder.database}`);
  } finally {
    folder.release();
  }
}

function prepareDatabase(path: string, options: { clock: Clock; contract: boolean }): Migration[] {
  const db = openWriteDatabase(path);
  try {
    return migrateSqlite(db, { ...options, known: migrations });
  } finally {
    db.close();
  }
}

async function startStore(folder: DataFolder, input: SqliteStoreInput): Promise<Store> {
  const slots = new Int32Array(new SharedArrayBuffer(limits.writeQueueMax * 4));
  const workerData: WriterStart = { database: folder.database, slots };
  const worker = new Worker(input.writerFile ?? threadFile(writerFile), {
    workerData,
    name: 'store writer',
  });
  await ready(worker);
  const reader = new SqliteReader(folder.database);
  const queue = new WriterQueue({
    worker,
    slots,
    clock: input.clock,
    timers: input.timers,
    onPartition: (change) => reader.onPartition(change),
  });
  const tables = [...tableShapes].map(([name, table]) => [name, reader.table(table)]);
  return {
    ...Object.fromEntries(tables),
    acts: queue,
    upkeep: sqliteUpkeep({ folder, reader, queue }),
  } as Store;
}

function ready(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (message: FromWriter) => {
      worker.off('error', reject);
      if (message.type !== 'fault') return resolve();
      const { code, hint } = message.fault;
      reject(new StoreFault(code, message.fault.message, hint === undefined ? {} : { hint }));
    });
  });
}

function sqliteUpkeep(parts: {
  folder: DataFolder;
  reader: SqliteReader;
  queue: WriterQueue;
}): StoreUpkeep {
  const { folder, reader, queue } = parts;
  let closed: Promise<void> | undefined;
  const close = async () => {
    reader.close();
    try {
      await queue.close();
    } finally {
      folder.release();
    }
  };
  return {
    nowMs: async () => undefined,
    async dropPartitionsBelow(table, partition) {
      if (shapeOf(table).partition === undefined) return 0;
      for (let ahead = 0; ahead <= partitionsAhead; ahead++) {
        await queue.task({ name: 'addPartition', table, partition: partition + ahead });
      }
      let dropped = 0;
      while (await queue.task({ name: 'retirePartition', table, below: partition })) dropped += 1;
      while (await queue.task({ name: 'sweep' }));
      return dropped;
    },
    backup: (destination) => backupSqlite(folder.database, destination),
    async check() {
      await queue.task({ name: 'check' });
    },
    close() {
      closed ??= close();
      return closed;
    },
  };
}
