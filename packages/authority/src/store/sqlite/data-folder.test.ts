import { chmodSync, mkdirSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { manualClock } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { nodeRow } from '../conformance/rows.ts';
import type { Store } from '../store.ts';
import { migrateSqliteStore, openSqliteStore } from './sqlite-store.ts';

const clock = manualClock(0);

function freshFolder(): string {
  return join(mkdtempSync(join(tmpdir(), 'mintmark-folder-')), 'deep', 'store');
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

async function withStore(directory: string, use: (store: Store) => Promise<void>): Promise<void> {
  const store = await openSqliteStore({ directory, clock });
  try {
    await use(store);
  } finally {
    await store.upkeep.close();
  }
}

describe('the data folder', () => {
  it('is made for the owner alone, with every file in it', async () => {
    const directory = freshFolder();
    await withStore(directory, async () => {
      expect(modeOf(directory)).toBe('700');
      const files = readdirSync(directory).sort();
      expect(files).toEqual(['mintmark.db', 'mintmark.db-shm', 'mintmark.db-wal', 'mintmark.lock']);
      for (const file of files) expect(modeOf(join(directory, file))).toBe('600');
    });
  });

  it('is refused to a second opener, who learns who has it, until that one closes', async () => {
    const directory = freshFolder();
    await withStore(directory, async () => {
      await expect(openSqliteStore({ directory, clock })).rejects.toMatchObject({
        code: 'store_in_use',
        message: expect.stringContaining(`process ${process.pid} `),
      });
      expect(() => migrateSqliteStore({ directory, clock })).toThrow('uses the data folder');
    });
    await withStore(directory, async () => undefined);
  });

  it('is refused where others can reach it, with the command that mends it', async () => {
    const directory = freshFolder();
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    await expect(openSqliteStore({ directory, clock })).rejects.toMatchObject({
      code: 'store_permissions',
      hint: `chmod 700 ${directory}`,
    });
    chmodSync(directory, 0o700);
    const file = join(directory, 'mintmark.db');
    writeFileSync(file, '');
    chmodSync(file, 0o640);
    await expect(openSqliteStore({ directory, clock })).rejects.toMatchObject({
      code: 'store_permissions',
      hint: `chmod 600 ${file}`,
    });
    chmodSync(file, 0o600);
    await withStore(directory, async () => undefined);
  });

  it('is refused where its path is a file', async () => {
    const directory = join(mkdtempSync(join(tmpdir(), 'mintmark-folder-')), 'file');
    writeFileSync(directory, '');
    await expect(openSqliteStore({ directory, clock })).rejects.toMatchObject({ code: 'store_io' });
  });
});

describe('the database file', () => {
  it('that is none is called corrupt', async () => {
    const directory = freshFolder();
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, 'mintmark.db'), 'not a database '.repeat(1000), { mode: 0o600 });
    await expect(openSqliteStore({ directory, clock })).rejects.toMatchObject({
      code: 'store_corrupt',
      hint: expect.stringContaining('backup'),
    });
  });

  it('that a newer program migrated is refused', async () => {
    const directory = freshFolder();
    await withStore(directory, async () => undefined);
    change(directory, "INSERT INTO schema_migrations VALUES (99, 'later', 'x', 99, 0)");
    await expect(openSqliteStore({ directory, clock })).rejects.toMatchObject({
      code: 'store_newer',
    });
  });

  it('that a newer program only expanded still opens', async () => {
    const directory = freshFolder();
    await withStore(directory, async () => undefined);
    change(directory, "INSERT INTO schema_migrations VALUES (99, 'later', 'x', 1, 0)");
    await withStore(directory, async () => undefined);
  });

  it('that another text of a migration made is refused', async () => {
    const directory = freshFolder();
    await withStore(directory, async () => undefined);
    change(directory, "UPDATE schema_migrations SET checksum = 'other'");
    await expect(openSqliteStore({ directory, clock })).rejects.toMatchObject({
      code: 'store_migrated',
    });
  });

  it('keeps its rows and partitions over a restart', async () => {
    const directory = freshFolder();
    const row = nodeRow('t', 'a', 4);
    await withStore(directory, async ({ acts }) => {
      await acts.run({ steps: [{ do: 'put', table: 'nodes', row }], audit: null });
    });
    await withStore(directory, async ({ nodes }) => {
      expect(await nodes.get('t', 'a')).toEqual(row);
    });
  });

  it('is copied whole by a backup, which opens as a store', async () => {
    const directory = freshFolder();
    const copy = freshFolder();
    mkdirSync(copy, { recursive: true, mode: 0o700 });
    const row = nodeRow('t', 'a', 4);
    await withStore(directory, async ({ acts, upkeep }) => {
      await acts.run({ steps: [{ do: 'put', table: 'nodes', row }], audit: null });
      await upkeep.backup(join(copy, 'mintmark.db'));
      expect(modeOf(join(copy, 'mintmark.db'))).toBe('600');
      await expect(upkeep.backup(join(copy, 'mintmark.db'))).rejects.toMatchObject({
        code: 'store_exists',
      });
      await expect(upkeep.backup(join(copy, 'nowhere', 'x.db'))).rejects.toMatchObject({
        code: 'store_io',
      });
    });
    await withStore(copy, async ({ nodes }) => {
      expect(await nodes.get('t', 'a')).toEqual(row);
    });
  });
});

function change(directory: string, sql: string): void {
  const db = new DatabaseSync(join(directory, 'mintmark.db'));
  db.exec(sql);
  db.close();
}
