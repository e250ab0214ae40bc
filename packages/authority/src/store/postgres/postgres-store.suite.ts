import { systemClock } from '@mintmark/core/system';
import { freshDatabase } from '../conformance/postgres-database.ts';
import { describeStore } from '../conformance.ts';
import { openPostgresStore } from './postgres-store.ts';

describeStore(
  'postgres',
  async () => {
    const url = await freshDatabase();
    const open = () => openPostgresStore({ url, clock: systemClock });
    // All three find an empty database, and one of them makes the schema.
    return Promise.all([open(), open(), open()]);
  },
  { randomActs: 10_000, seed: systemClock.nowMs() % 2 ** 31 },
);
