/**
 * The folder of a SQLite store: `mintmark.db` with its write-ahead log, and `mintmark.lock`. Only
 * the owner may read it: hashes, wrapped keys and personal data of audit records are in it.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { getuid, pid } from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { StoreFault } from '@mintmark/core';
import { sqliteFault } from './sqlite-fault.ts';

export interface DataFolder {
  readonly database: string;
  /** Lets the next process in. */
  release(): void;
}

/**
 * Makes the folder where it is missing, and takes its lock.
 *
 * @throws StoreFault `store_in_use`, `store_permissions`, `store_readonly`, `store_io`
 */
export function openDataFolder(directory: string): DataFolder {
  const folder = resolve(directory);
  const database = join(folder, 'mintmark.db');
  const lockFile = join(folder, 'mintmark.lock');
  try {
    makeFolder(folder);
    checkMode(folder, '700');
    for (const file of [database, lockFile]) {
      // SQLite would make it readable by all; its log and index take over the mode of the database.
      closeSync(openSync(file, 'a', 0o600));
      checkMode(file, '600');
    }
    const lock = takeLock(lockFile, folder);
    return { database, release: () => lock.close() };
  } catch (error) {
    throw sqliteFault(error, `cannot open the data folder ${folder}`);
  }
}

function makeFolder(folder: string): void {
  const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (made === undefined) return;
  // The new names must survive a power loss as surely as what is written under them.
  for (let path = folder; path.length >= made.length; path = dirname(path)) {
    syncPath(dirname(path));
  }
}

/** Makes names in a folder, or the content of a file, survive a power loss. */
export function syncPath(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/**
 * Others must have no access at all. Our own group must not either, unless somebody else owns the
 * folder: an orchestrator hands volumes to a group made for this one container.
 */
function checkMode(path: string, wanted: string): void {
  const { mode, uid } = statSync(path);
  const ours = uid === getuid?.();
  const open = mode & (ours ? 0o077 : 0o007);
  if (open === 0) return;
  const actual = (mode & 0o777).toString(8);
  throw new StoreFault('store_permissions', `${path} has mode ${actual}: others can reach it`, {
    hint: `chmod ${wanted} ${path}`,
  });
}

/**
 * A lock of the operating system, held through SQLite: it ends with the process, however that ends,
 * so a lock left behind by `kill -9` is no obstacle.
 */
function takeLock(file: string, folder: string): DatabaseSync {
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    lock.exec('BEGIN IMMEDIATE');
    lock.exec('CREATE TABLE IF NOT EXISTS holder (id INTEGER PRIMARY KEY, pid INTEGER NOT NULL)');
    lock.prepare('INSERT OR REPLACE INTO holder VALUES (1, ?)').run(pid);
    lock.exec('COMMIT');
    // Holds the write lock from here on, and leaves the row readable for whoever is refused.
    lock.exec('BEGIN IMMEDIATE');
    return lock;
  } catch (error) {
    const held = (error as { errcode?: number }).errcode === 5;
    const holder = held ? readHolder(lock) : undefined;
    lock.close();
    if (!held) throw error;
    throw new StoreFault(
      'store_in_use',
      `process ${holder ?? '?'} uses the data folder ${folder}`,
      {
        hint: 'stop that process, or give this one a data folder of its own',
        cause: error,
      },
    );
  }
}

function readHolder(lock: DatabaseSync): number | undefined {
  try {
    return lock.prepare('SELECT pid FROM holder').get()?.['pid'] as number | undefined;
  } catch {
    // The other process is between its first steps: it has not written its number yet.
    return undefined;
  }
}
