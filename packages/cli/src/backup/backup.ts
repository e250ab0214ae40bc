/**
 * A backup is a folder: the database as it stood at one moment, the sealed custody file and a page
 * that says when. The key or passphrase that opens custody is not in it: whoever steals a backup
 * has nothing that calls an API.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { backupStore } from '@mintmark/authority';
import { ConfigFault, rfc3339, StoreFault, type UnixMs } from '@mintmark/core';
import { z } from 'zod';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';
import { custodyOf, databaseOf } from '../serve/installation.ts';
import { version } from '../version.ts';

const manifestSchema = z.object({
  format: z.literal('mintmark-backup-1'),
  version: z.string(),
  made_at: z.iso.datetime(),
});

export type Manifest = z.output<typeof manifestSchema>;

const manifestName = 'backup.json';
export const databaseName = 'mintmark.db';
export const custodyName = 'custody.json';

/**
 * Copies while the server goes on.
 *
 * @param destination a folder that does not exist
 * @throws StoreFault `store_exists`, `store_missing`, `store_full`, `store_io`,
 *   `backup_custody_changed`; nothing is left then
 */
export async function makeBackup(
  ports: Pick<CliPorts, 'environment' | 'clock'>,
  config: Config,
  destination: string,
): Promise<Manifest> {
  const database = await databaseOf(config, ports.environment);
  const madeAt = ports.clock.nowMs();
  makeFolder(destination);
  try {
    const copy = join(destination, databaseName);
    const custody = await copyTogether({
      copyDatabase: () => backupStore(database, copy),
      discardCopy: () => rmSync(copy),
      readCustody: () => readFileSync(custodyOf(config, ports.environment).path),
    });
    await writeSynced(join(destination, custodyName), custody);
    const manifest: Manifest = {
      format: 'mintmark-backup-1',
      version,
      made_at: rfc3339(madeAt),
    };
    // The last thing written: a folder without it is no backup.
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    await writeSynced(join(destination, manifestName), text);
    return manifest;
  } catch (error) {
    rmSync(destination, { recursive: true, force: true });
    throw error;
  }
}

/** A root key is made or destroyed by hand: twice in a row while one copies is no accident. */
const copiesMax = 3;

/**
 * Copies the database between two readings of the custody file that are the same. A root key that
 * is made, or destroyed, while the database is copied could be the one that the copy needs: then
 * the copy is made again.
 *
 * @returns what the custody file held all the while
 * @throws StoreFault `backup_custody_changed` where it would not hold still
 */
export async function copyTogether(parts: {
  readonly copyDatabase: () => Promise<void>;
  readonly discardCopy: () => void;
  readonly readCustody: () => Buffer;
}): Promise<Buffer> {
  for (let copies = 1; ; copies++) {
    const before = parts.readCustody();
    await parts.copyDatabase();
    if (parts.readCustody().equals(before)) return before;
    if (copies === copiesMax) {
      throw new StoreFault('backup_custody_changed', 'root keys change while the backup is made', {
        hint: 'make it again when the rotation is done',
      });
    }
    parts.discardCopy();
  }
}

/** @throws ConfigFault `backup_unreadable` where the folder holds no complete backup */
export function readManifest(folder: string): Manifest & { readonly madeAt: UnixMs } {
  try {
    const manifest = manifestSchema.parse(
      JSON.parse(readFileSync(join(folder, manifestName), 'utf8')),
    );
    return { ...manifest, madeAt: Date.parse(manifest.made_at) as UnixMs };
  } catch (cause) {
    throw new ConfigFault('backup_unreadable', `${folder} holds no complete backup`, {
      cause,
      hint: 'name a folder that "mintmark backup" has made',
    });
  }
}

/** Writes a private file, on the disk when it resolves. */
async function writeSynced(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (cause) {
    const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    if (!exists) throw new StoreFault('store_io', `${path} cannot be made`, { cause });
    throw new StoreFault('store_exists', `${path} exists already`, {
      hint: 'name a folder that does not exist',
    });
  }
}
