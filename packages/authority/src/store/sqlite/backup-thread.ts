/** The file that a backup's thread starts with: one read transaction, copied into a new file. */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { BackupStart } from './backup-sqlite.ts';

const { database, destination } = workerData as BackupStart;

function copy(): object | null {
  const db = new DatabaseSync(database, { readOnly: true, timeout: 1_000 });
  try {
    db.prepare('VACUUM INTO ?').run(destination);
    return null;
  } catch (error) {
    const { errcode, message } = error as Error & { errcode?: number };
    return { errcode, message };
  } finally {
    db.close();
  }
}

parentPort!.postMessage(copy());
