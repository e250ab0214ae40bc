/** What a revocation ends, on PostgreSQL. */
import { systemClock } from '@mintmark/core/system';
import { describe } from 'vitest';
import { describeRevocation } from './revocation/conformance.ts';
import { freshDatabase } from './store/conformance/postgres-database.ts';
import { openPostgresStore } from './store/postgres/postgres-store.ts';

describe('on PostgreSQL', () =>
  describeRevocation(async () =>
    openPostgresStore({ url: await freshDatabase(), clock: systemClock }),
  ));
