/**
 * What endpoints do, on PostgreSQL: the very tests that run in memory, each on a database of its
 * own, for what the two could do otherwise (orders, comparisons, types, acts that wait).
 */
import { systemClock } from '@mintmark/core/system';
import { afterAll, describe } from 'vitest';
import { useFreshStores } from './bed-stores.ts';
import { freshDatabase } from './store/conformance/postgres-database.ts';
import { migratePostgresStore, openPostgresStore } from './store/postgres/postgres-store.ts';
import type { Store } from './store/store.ts';

const template = await freshDatabase();
await migratePostgresStore({ url: template, clock: systemClock });

const opened: Store[] = [];
useFreshStores(async () => {
  const store = await openPostgresStore({ url: await freshDatabase(template), clock: systemClock });
  opened.push(store);
  // These tests move a clock by hand; the database's own is followed in `credit-races.suite.ts`.
  return { ...store, upkeep: { ...store.upkeep, nowMs: async () => undefined } };
});

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
  afterAll(async () => {
    await Promise.all(opened.splice(0).map(({ upkeep }) => upkeep.close()));
  });
  await import(`./${name}.http.test.ts`);
});
