/** Stores for races: what three authorities are opened over, for suites. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemTimers } from '@mintmark/core/system';
import { inject } from 'vitest';
import { openPostgresStore } from '../postgres/postgres-store.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import type { Store } from '../store.ts';
import { freshDatabase } from './postgres-database.ts';

/** `npm run races` sets a thousand; the suites in `npm test` are the short form. */
export const raceTrials = inject('raceTrials' as never) as number;

export const racedStores = ['sqlite', 'postgres'] as const;

/** Three in number: SQLite has one process, PostgreSQL three with connections of their own. */
export async function openRaceStores(kind: (typeof racedStores)[number]): Promise<{
  readonly stores: readonly [Store, Store, Store];
  close(): Promise<void>;
}> {
  if (kind === 'sqlite') {
    const folder = mkdtempSync(join(tmpdir(), 'mintmark-races-'));
    const ports = { clock: systemClock, timers: systemTimers };
    const store = await openSqliteStore({ directory: join(folder, 'store'), ...ports });
    return {
      stores: [store, store, store],
      async close() {
        await store.upkeep.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  }
  const url = await freshDatabase();
  const open = () => openPostgresStore({ url, clock: systemClock });
  const stores = await Promise.all([open(), open(), open()]);
  return {
    stores,
    async close() {
      await Promise.all(stores.map(({ upkeep }) => upkeep.close()));
    },
  };
}
