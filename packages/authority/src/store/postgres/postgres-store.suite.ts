import { systemClock } from '@mintmark/core/system';
import pg from 'pg';
import { inject } from 'vitest';
import { describeStore } from '../conformance.ts';
import { openPostgresStore } from './postgres-store.ts';

/** A database of one's own on the server that `tools/postgres-suites.ts` has started. */
async function freshDatabase(name: string): Promise<string> {
  const url = new URL(inject('postgresUrl' as never));
  const admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  await admin.query(`DROP DATABASE IF EXISTS ${name}`);
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  url.pathname = `/${name}`;
  return url.href;
}

describeStore(
  'postgres',
  async () => {
    const url = await freshDatabase(`mintmark_conformance_${process.pid}`);
    const open = () => openPostgresStore({ url, clock: systemClock });
    return Promise.all([open(), open(), open()]);
  },
  { randomActs: 10_000, seed: systemClock.nowMs() % 2 ** 31 },
);
