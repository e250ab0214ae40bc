/** Applies migrations to PostgreSQL, one process at a time. */
import { type Clock, StoreFault } from '@mintmark/core';
import type pg from 'pg';
import {
  type AppliedMigration,
  checksumOf,
  type Migration,
  pendingMigrations,
} from '../migrations.ts';
import { openClient } from './connections.ts';
import { codeOf, postgresFault } from './postgres-fault.ts';

const migrationLock = 0x6d6d * 2 ** 32;

/** Partitions are detached while others read: that came with version 14. */
const oldestServer = 140_000;

const record = `CREATE TABLE IF NOT EXISTS "schema_migrations" (
  "number" integer PRIMARY KEY, "name" text NOT NULL, "checksum" text NOT NULL,
  "needs" integer NOT NULL, "applied_at" bigint NOT NULL
)`;

/**
 * Applies what is missing, each migration in a transaction with its record.
 *
 * @returns what was applied
 * @throws StoreFault `store_unreachable`, `store_newer`, `store_migrated`, `store_permissions`
 */
export async function migratePostgres(
  url: string,
  input: { clock: Clock; known: readonly Migration[]; contract: boolean },
): Promise<Migration[]> {
  const client = openClient({ connectionString: url });
  try {
    await client.connect();
    await checkServer(client);
    const options = { known: input.known, dialect: 'postgres', contract: input.contract } as const;
    if (pendingMigrations(await appliedTo(client), options).length === 0) return [];
    // Ends with the connection; whoever waited for it finds less to do.
    await client.query(`SELECT pg_advisory_lock(${migrationLock})`);
    const pending = pendingMigrations(await appliedTo(client), options);
    for (const migration of pending) await apply(client, migration, input.clock);
    if (pending.some(({ phase }) => phase === 'contract')) await dropActFunctions(client);
    return pending;
  } catch (error) {
    throw postgresFault(error, 'cannot migrate the database', 'not sent');
  } finally {
    await client.end();
  }
}

async function checkServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    "SELECT current_setting('server_version_num')::int AS version, " +
      "current_setting('server_encoding') AS encoding",
  );
  const { version, encoding } = rows[0];
  if (version >= oldestServer && encoding === 'UTF8') return;
  throw new StoreFault('store_unsupported', `PostgreSQL ${version} with encoding ${encoding}`, {
    hint: 'use PostgreSQL 14 or later, and a database with encoding UTF8',
  });
}

async function appliedTo(client: pg.Client): Promise<AppliedMigration[]> {
  try {
    const text = 'SELECT "number", "name", "checksum", "needs" FROM "schema_migrations"';
    return (await client.query<AppliedMigration>(text)).rows;
  } catch (error) {
    const noTable = '42P01';
    if (codeOf(error) === noTable) return [];
    throw error;
  }
}

async function apply(client: pg.Client, migration: Migration, clock: Clock): Promise<void> {
  await client.query('BEGIN');
  await client.query(record);
  for (const sql of migration.postgres) await client.query(sql);
  await client.query('INSERT INTO "schema_migrations" VALUES ($1, $2, $3, $4, $5)', [
    migration.number,
    migration.name,
    checksumOf(migration, 'postgres'),
    migration.needs,
    clock.nowMs(),
  ]);
  await client.query('COMMIT');
}

/** They may name what is no longer there. A program that still needs one makes it again. */
async function dropActFunctions(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT oid::regprocedure::text AS name FROM pg_proc WHERE proname LIKE 'mintmark_act_%' " +
      'AND pronamespace = current_schema()::regnamespace',
  );
  for (const { name } of rows) await client.query(`DROP FUNCTION IF EXISTS ${name}`);
}
