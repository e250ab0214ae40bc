/** What is done to a store without opening it to serve: looking, copying, migrating. */
import { join } from 'node:path';
import { type Clock, StoreFault } from '@mintmark/core';
import type { Migration } from './migrations.ts';
import { migratePostgresStore } from './postgres/postgres-store.ts';
import { backupSqlite } from './sqlite/backup-sqlite.ts';
import { inspectSqlite, type StoreInspection } from './sqlite/inspect-sqlite.ts';
import { migrateSqliteStore } from './sqlite/sqlite-store.ts';

/** Looks while another process may serve. @throws StoreFault as `inspectSqlite` says */
export function inspectStore(url: string): StoreInspection {
  return inspectSqlite(folderOf(url, 'look at it with psql'));
}

/**
 * Copies a store while another process may serve it.
 *
 * @param destination a file that does not exist
 * @throws StoreFault `store_exists`, `store_full`, `store_io`
 */
export function backupStore(url: string, destination: string): Promise<void> {
  const folder = folderOf(url, 'back it up with pg_dump or your own tools');
  return backupSqlite(join(folder, 'mintmark.db'), destination);
}

/**
 * Applies every migration, contracting ones too: no program of before may be serving. A SQLite
 * store may not be open at all.
 *
 * @returns what was applied
 * @throws StoreFault `store_in_use`, `store_newer`, `store_migrated` and what the store cannot do
 */
export async function migrateStore(
  url: string,
  { clock }: { readonly clock: Clock },
): Promise<readonly Migration[]> {
  if (/^postgres(?:ql)?:/.test(url)) return migratePostgresStore({ url, clock });
  return migrateSqliteStore({ directory: folderOf(url, 'name a store that lasts'), clock });
}

function folderOf(url: string, otherwise: string): string {
  const folder = /^sqlite:(.+)$/s.exec(url)?.[1];
  if (folder !== undefined) return folder;
  throw new StoreFault('store_unsupported', 'this command works on SQLite stores', {
    hint: otherwise,
  });
}
