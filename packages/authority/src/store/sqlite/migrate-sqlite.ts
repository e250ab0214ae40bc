/** Applies migrations to a SQLite database. The lock on the data folder keeps others away. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Clock } from '@mintmark/core';
import { shapeOf, type TableShape, tableShapes } from '../cells.ts';
import {
  type AppliedMigration,
  checksumOf,
  type Migration,
  pendingMigrations,
} from '../migrations.ts';
import { parsePartitionName } from '../sql/schema.ts';

const record = `CREATE TABLE IF NOT EXISTS "schema_migrations" (
  "number" INTEGER PRIMARY KEY, "name" TEXT NOT NULL, "checksum" TEXT NOT NULL,
  "needs" INTEGER NOT NULL, "applied_at" INTEGER NOT NULL
) STRICT`;

/**
 * Applies what is missing, each migration in a transaction with its record.
 *
 * @returns what was applied
 */
export function migrateSqlite(
  db: DatabaseSync,
  input: { clock: Clock; known: readonly Migration[]; contract: boolean },
): Migration[] {
  const { clock, known, contract } = input;
  const pending = pendingMigrations(appliedTo(db), { known, dialect: 'sqlite', contract });
  for (const migration of pending) {
    db.exec('BEGIN IMMEDIATE');
    try {
      db.exec(record);
      for (const sql of migration.sqlite) runOnAll(db, sql);
      db.prepare('INSERT INTO "schema_migrations" VALUES (?, ?, ?, ?, ?)').run(
        migration.number,
        migration.name,
        checksumOf(migration, 'sqlite'),
        migration.needs,
        clock.nowMs(),
      );
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
  return pending;
}

/** The migrations that stand in the database. */
export function appliedTo(db: DatabaseSync): AppliedMigration[] {
  const tables = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'").get();
  if (tables === undefined) return [];
  const rows = db.prepare('SELECT number, name, checksum, needs FROM "schema_migrations"').all();
  return rows as unknown as AppliedMigration[];
}

function runOnAll(db: DatabaseSync, sql: string): void {
  const [, name] = /"(\w+)_p%"/.exec(sql) ?? [];
  if (name === undefined) {
    db.exec(sql);
    return;
  }
  const table = [...tableShapes.values()].find((one) => one.sql === name);
  for (const { name: partition } of partitionsIn(db, table ?? shapeOf('tokens'))) {
    db.exec(sql.replaceAll(`${name}_p%`, partition));
  }
}

/** Partitions that exist, lowest first. */
export function partitionsIn(
  db: { prepare(sql: string): Pick<StatementSync, 'all'> },
  table: TableShape,
): { readonly name: string; readonly partition: number }[] {
  const rows = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  return rows
    .map((row) => String(row['name']))
    .map((name) => ({ name, partition: parsePartitionName(table, name) }))
    .filter((one): one is { name: string; partition: number } => one.partition !== undefined)
    .sort((a, b) => a.partition - b.partition);
}
