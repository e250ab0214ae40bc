/**
 * What endpoints do, on PostgreSQL: the very tests that run in memory, each on a database of its
 * own, for what the two could do otherwise (orders, comparisons, types, acts that wait).
 */
import { systemClock } from '@mintmark/core/system';
import { afterAll, describe } from 'vitest';
import { useFreshStores } from './bed-stores.ts';
import { freshDatabase, withClient } from './store/conformance/postgres-database.ts';
import { migratePostgresStore, openPostgresStore } from './store/postgres/postgres-store.ts';
import type { Store } from './store/store.ts';

const template = await freshDatabase();
await migratePostgresStore({ url: template, clock: systemClock });

/** Of the store itself: what was applied, and what its check looks at. */
const keptTables = ['schema_migrations', 'store_check'];

/** Emptied again behind each file: a new one for each of hundreds of tests is slow to drop. */
const free: string[] = [];
const taken: { readonly url: string; readonly store: Store }[] = [];

useFreshStores(async () => {
  const url = free.pop() ?? (await freshDatabase(template));
  const store = await openPostgresStore({ url, clock: systemClock });
  taken.push({ url, store });
  // These tests move a clock by hand; the database's own is followed in `credit-races.suite.ts`.
  return { ...store, upkeep: { ...store.upkeep, nowMs: async () => undefined } };
});

async function giveBack(): Promise<void> {
  for (const { url, store } of taken.splice(0)) {
    await store.upkeep.close();
    await withClient(url, async (client) => {
      const { rows } = await client.query<{ name: string }>(
        "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'",
      );
      const emptied = rows.filter(({ name }) => !keptTables.includes(name));
      await client.query(emptied.map(({ name }) => `DELETE FROM ${name}`).join(';'));
    });
    free.push(url);
  }
}

describe.each([
  'access-evaluation',
  'access-search',
  'counted-keys',
  'emergency',
  'exclusive-scopes',
  'gateway-keys',
  'issuance-policies',
  'key-bulk',
  'keys',
  'leaks',
  'least-privilege',
  'pats',
  'policies',
  'recoverable-keys',
  'revocation-preview',
  'roles',
  'rotation',
  'sub-keys',
  'tokens-page',
  'unredeemed-grants',
])('%s', async (name) => {
  afterAll(giveBack);
  await import(`./${name}.http.test.ts`);
});
