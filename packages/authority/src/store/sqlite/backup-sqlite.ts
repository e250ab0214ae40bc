/** A copy of a SQLite store, made by a thread of its own while others read and write. */
import { closeSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { StoreFault } from '@mintmark/core';
import { syncPath } from './data-folder.ts';
import { sqliteFault } from './sqlite-fault.ts';
import { threadFile } from './thread-file.ts';

const backupFile = new URL('./backup-thread.ts', import.meta.url);

export interface BackupStart {
  readonly database: string;
  readonly destination: string;
}

/**
 * Copies what is committed when it begins. Resolves when the copy is on the disk; what is left of a
 * copy that failed is removed.
 *
 * @param destination a file that does not exist
 * @throws StoreFault `store_exists`, `store_full`, `store_io`
 */
export async function backupSqlite(database: string, destination: string): Promise<void> {
  try {
    // Made here so that only the owner can read it from its first byte on.
    closeSync(openSync(destination, 'wx', 0o600));
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw backupFault(error, destination);
    throw new StoreFault('store_exists', `${destination} exists already`, {
      hint: 'name a file that does not exist',
    });
  }
  try {
    await copy({ database, destination });
    syncPath(destination);
    syncPath(dirname(destination));
  } catch (error) {
    rmSync(destination, { force: true });
    throw backupFault(error, destination);
  }
}

/** The thread posts the error that SQLite threw, or nothing. */
function copy(workerData: BackupStart): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(threadFile(backupFile), { workerData, name: 'store backup' });
    worker.once('error', reject);
    worker.once('message', (error: object | null) => (error === null ? resolve() : reject(error)));
  });
}

function backupFault(error: unknown, destination: string): StoreFault {
  return sqliteFault(error, `cannot back up to ${destination}`);
}
