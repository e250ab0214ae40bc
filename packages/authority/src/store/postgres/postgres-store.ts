/**
 * PostgreSQL as the store: several processes on one database. An act is one call of one function
 * (`act-function.ts`), so one round trip and one transaction; what makes it free of races is in
 * `act-locks.ts` and in the row locks of its steps. Nothing here keeps a transaction open between
 * two messages, but for schema changes.
 */
import { type Clock, StoreFault } from '@mintmark/core';
import { shapeOf, tableShapes } from '../cells.ts';
import { type Migration, migrations } from '../migrations.ts';
import type { ActRunner, Store, StoreUpkeep } from '../store.ts';
import { type Connections, openConnections, type PostgresConnectionInput } from './connections.ts';
import { InFlight } from './in-flight.ts';
import { migratePostgres } from './migrate-postgres.ts';
import { PostgresActs } from './postgres-acts.ts';
import { postgresFault } from './postgres-fault.ts';
import { PostgresPartitions } from './postgres-partitions.ts';
import { postgresReader, type Read, readRows } from './postgres-reader.ts';

/** Partitions that upkeep keeps ready: the one asked for and the days that follow. */
const partitionsAhead = 2;

export interface PostgresStoreInput extends PostgresConnectionInput {
  readonly clock: Clock;
}

/**
 * Opens the store, and brings its schema up to date as far as other programs that still serve do
 * not mind.
 *
 * @throws StoreFault `store_unreachable`, `store_permissions`, `store_newer`, `store_migrated`,
 *   `store_unsupported`
 */
export async function openPostgresStore(input: PostgresStoreInput): Promise<Store> {
  const { url, clock } = input;
  await migratePostgres(url, { clock, known: migrations, contract: false });
  const connections = openConnections(input);
  const partitions = new PostgresPartitions(url, connections.write);
  const inFlight = new InFlight();
  const runner = new PostgresActs(connections.write, partitions);
  const acts: ActRunner = { run: (act) => inFlight.run(() => runner.run(act)) };
  const read: Read = (text, cells) => inFlight.run(() => readRows(connections.read, text, cells));
  const tables = [...tableShapes].map(([name, table]) => [name, postgresReader(read, table)]);
  const upkeep = postgresUpkeep({ connections, partitions, inFlight });
  return { ...Object.fromEntries(tables), acts, upkeep } as Store;
}

/**
 * Applies all migrations that are missing, contracting ones too: no program of before may be
 * serving.
 *
 * @returns what was applied
 */
export function migratePostgresStore(input: {
  readonly url: string;
  readonly clock: Clock;
}): Promise<readonly Migration[]> {
  return migratePostgres(input.url, { clock: input.clock, known: migrations, contract: true });
}

function postgresUpkeep(parts: {
  connections: Connections;
  partitions: PostgresPartitions;
  inFlight: InFlight;
}): StoreUpkeep {
  const { connections, partitions, inFlight } = parts;
  const { read, write } = connections;
  return {
    dropPartitionsBelow: (name, partition) =>
      inFlight.run(async () => {
        const table = shapeOf(name);
        if (table.partition === undefined) return 0;
        for (let ahead = 0; ahead <= partitionsAhead; ahead++) {
          await partitions.add(table, partition + ahead);
        }
        return partitions.dropBelow(table, partition);
      }),
    nowMs: () => inFlight.run(() => clockOf(read)),
    async backup() {
      throw new StoreFault('store_unsupported', 'PostgreSQL is backed up by its own tools', {
        hint: 'use pg_dump for a copy, or base backups with archived logs (pg_basebackup)',
      });
    },
    check: () => inFlight.run(() => checkCommit(write)),
    async close() {
      if (await inFlight.close()) await Promise.all([read.end(), write.end()]);
    },
  };
}

async function clockOf(pool: Connections['read']): Promise<number> {
  const sql = 'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms';
  try {
    const { rows } = await pool.query<{ ms: number }>(sql);
    return rows[0]!.ms;
  } catch (error) {
    throw postgresFault(error, 'cannot read its clock', 'not sent');
  }
}

async function checkCommit(pool: Connections['write']): Promise<void> {
  try {
    await pool.query(
      'INSERT INTO store_check AS r VALUES (1, 1) ' +
        'ON CONFLICT (id) DO UPDATE SET count = r.count + 1',
    );
  } catch (error) {
    throw postgresFault(error, 'cannot commit', 'not sent');
  }
}
