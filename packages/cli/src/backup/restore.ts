/**
 * Restores a backup into a data folder. What was revoked or used after the backup is unknown to it,
 * so the restored data begins a new epoch before anybody can serve from it.
 *
 * Crash argument: everything happens in a folder of its own inside the data folder; the database is
 * moved into place last, with one rename, after the new epoch is durable. A restore that was cut
 * off leaves nothing that `serve` would take for an installation.
 */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type NewEpoch, openLocalCustody, openStore, reopenAuthority } from '@mintmark/authority';
import { StoreFault } from '@mintmark/core';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';
import { custodyOf, databaseOf } from '../serve/installation.ts';
import { custodyName, databaseName } from './backup.ts';

type RestorePorts = Pick<CliPorts, 'clock' | 'entropy' | 'timers' | 'environment'>;

/**
 * @param input.credentials what becomes of tokens and keys from before the restore
 * @throws StoreFault `store_exists` where the data folder has a database; CustodyFault where the
 *   backup does not open with the configured key. Nothing has changed then
 */
export async function restoreBackup(
  ports: RestorePorts,
  input: {
    readonly config: Config;
    readonly backup: string;
    readonly credentials: 'refuse' | 'accept';
  },
): Promise<NewEpoch> {
  const { config } = input;
  const folder = await folderOf(ports, config);
  if (existsSync(join(folder, databaseName))) {
    throw new StoreFault('store_exists', `${folder} holds a database already`, {
      hint: 'move it away, or restore into another folder with --data',
    });
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stage = join(folder, 'restoring');
  // Of an earlier restore that was cut off; nobody serves from it.
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { mode: 0o700 });
  try {
    return await restoreInto({ ports, ...input, folder, stage });
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

async function restoreInto(parts: {
  readonly ports: RestorePorts;
  readonly config: Config;
  readonly backup: string;
  readonly credentials: 'refuse' | 'accept';
  readonly folder: string;
  readonly stage: string;
}): Promise<NewEpoch> {
  const { ports, config, backup, credentials, folder, stage } = parts;
  const { path, unlock } = custodyOf(config, ports.environment);
  // A custody file that is still there may hold root keys that are newer than the backup.
  const keepsCustody = existsSync(path);
  const custodyPath = keepsCustody ? path : join(stage, custodyName);
  if (!keepsCustody) copyFileSync(join(backup, custodyName), custodyPath);
  const custody = await openLocalCustody({ path: custodyPath, unlock, ...ports });
  let begun: NewEpoch;
  try {
    copyFileSync(join(backup, databaseName), join(stage, databaseName));
    const store = await openStore(`sqlite:${stage}`, ports);
    try {
      begun = await reopenAuthority({ store, custody, ...ports }, { credentials });
    } finally {
      await store.upkeep.close();
    }
  } finally {
    await custody.close();
  }
  if (!keepsCustody) renameSync(custodyPath, path);
  moveDatabase(stage, folder);
  return begun;
}

/** Its log first, so that the database never stands without what it has not taken in yet. */
function moveDatabase(from: string, to: string): void {
  for (const name of [`${databaseName}-wal`, databaseName]) {
    if (existsSync(join(from, name))) renameSync(join(from, name), join(to, name));
  }
}

async function folderOf(ports: RestorePorts, config: Config): Promise<string> {
  const folder = /^sqlite:(.+)$/s.exec(await databaseOf(config, ports.environment))?.[1];
  if (folder !== undefined) return folder;
  throw new StoreFault('store_unsupported', 'backups of this command are of SQLite stores', {
    hint: 'restore PostgreSQL with its own tools, from a synchronous standby where there is one',
  });
}
