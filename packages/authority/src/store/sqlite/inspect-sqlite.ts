/** Looks at a SQLite store from outside, beside the process that serves it. Changes nothing. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreFault } from '@mintmark/core';
import { shapeOf } from '../cells.ts';
import { migrations, pendingMigrations } from '../migrations.ts';
import { appliedTo, partitionsIn } from './migrate-sqlite.ts';
import { sqliteFault } from './sqlite-fault.ts';

export interface StoreInspection {
  /** Names of migrations that are known and not applied, contracting ones too. */
  readonly pending: readonly string[];
  /** Audit records that wait to be sequenced, and the time of the oldest, unix milliseconds. */
  readonly waiting: number;
  readonly waitingSince: number | undefined;
  /** Time of the newest sequenced audit record, unix milliseconds. */
  readonly newestRecordAt: number | undefined;
  /** Clients that got a code which neither PKCE nor a nonce guards, in the last day or two. */
  readonly unguardedClients: readonly string[];
  /** Keys that are not revoked and name countries; 0 before all migrations are applied. */
  readonly keysNamingCountries: number;
  /** Routes whose limits are to be exact across all gateways, by name. */
  readonly strictRoutes: readonly string[];
}

/**
 * @param directory the store's folder
 * @throws StoreFault `store_missing`, `store_newer`, `store_migrated`, `store_corrupt`, `store_io`
 */
export function inspectSqlite(directory: string): StoreInspection {
  const path = join(resolve(directory), 'mintmark.db');
  if (!existsSync(path)) {
    throw new StoreFault('store_missing', `there is no database ${path}`, {
      hint: 'check the path, or make an installation with "mintmark init"',
    });
  }
  try {
    return look(path);
  } catch (error) {
    if (error instanceof StoreFault) throw error;
    throw sqliteFault(error, `cannot read ${path}`);
  }
}

function look(path: string): StoreInspection {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
  try {
    const options = { known: migrations, dialect: 'sqlite', contract: true } as const;
    const pending = pendingMigrations(appliedTo(db), options).map(({ name }) => name);
    // The first migration made every table: without it there is nothing to ask.
    if (pending.includes('initial')) {
      const nothing = { waitingSince: undefined, newestRecordAt: undefined, unguardedClients: [] };
      return { pending, waiting: 0, ...nothing, keysNamingCountries: 0, strictRoutes: [] };
    }
    const waiting = db.prepare('SELECT count(*) AS n, min("at") AS t FROM "audit_pending"').get();
    const newest = db
      .prepare('SELECT "at" AS t FROM "audit_log" ORDER BY "index" DESC LIMIT 1')
      .get();
    return {
      pending,
      waiting: Number(waiting?.['n'] ?? 0),
      waitingSince: momentOf(waiting?.['t']),
      newestRecordAt: momentOf(newest?.['t']),
      unguardedClients: unguardedClients(db),
      keysNamingCountries: keysNamingCountries(db, pending),
      strictRoutes: strictRoutes(db, pending),
    };
  } finally {
    db.close();
  }
}

/** Codes are kept for a while after they have ended, each with the terms that it was asked on. */
function unguardedClients(db: DatabaseSync): readonly string[] {
  const found = new Set<string>();
  for (const { name } of partitionsIn(db, shapeOf('authorizationCodes'))) {
    const rows = db
      .prepare(
        `SELECT DISTINCT "client_id" AS c FROM "${name}"
         WHERE json_extract("terms", '$.codeChallenge') IS NULL
           AND json_extract("terms", '$.nonce') IS NULL`,
      )
      .all();
    for (const row of rows) found.add(String(row['c']));
  }
  return [...found].sort();
}

/** Live keys that can be judged by no server without a database of countries. */
function keysNamingCountries(db: DatabaseSync, pending: readonly string[]): number {
  if (pending.length > 0) return 0;
  const row = db
    .prepare(
      `SELECT count(*) AS n FROM "keys" WHERE "status" <> 'revoked'
       AND ("allowed_countries" IS NOT NULL OR "denied_countries" IS NOT NULL)`,
    )
    .get();
  return Number(row?.['n'] ?? 0);
}

function strictRoutes(db: DatabaseSync, pending: readonly string[]): readonly string[] {
  if (pending.length > 0) return [];
  const rows = db
    .prepare(
      `SELECT DISTINCT "name" AS n FROM "routes"
       WHERE json_extract("route", '$.limits_mode') = 'strict' ORDER BY "name"`,
    )
    .all();
  return rows.map((row) => String(row['n']));
}

function momentOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
