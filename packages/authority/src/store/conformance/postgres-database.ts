/**
 * Databases for suites, on the server that `tools/postgres-suites.ts` has started or been given.
 */
import pg from 'pg';
import { inject } from 'vitest';
import { freshName } from './rows.ts';

/**
 * @param template URL of a database that nobody is connected to, to begin as; default: an empty one
 * @returns the URL of a new database
 */
export async function freshDatabase(template?: string): Promise<string> {
  const url = new URL(inject('postgresUrl' as never));
  const name = `mintmark_${freshName('suite').replaceAll('-', '_')}`;
  const as = template === undefined ? '' : ` TEMPLATE ${new URL(template).pathname.slice(1)}`;
  await withClient(url.href, async (admin) => {
    await admin.query(`DROP DATABASE IF EXISTS ${name}`);
    await admin.query(`CREATE DATABASE ${name}${as}`);
  });
  url.pathname = `/${name}`;
  return url.href;
}

export async function withClient<R>(
  url: string,
  use: (client: pg.Client) => Promise<R>,
): Promise<R> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Asks until as many acts as said wait for a lock. @returns their server processes */
export async function untilWaiting(client: pg.Client, count: number): Promise<number[]> {
  const waiting =
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' " +
    "AND wait_event_type = 'Lock' AND query LIKE '%mintmark_act_%' ORDER BY pid";
  for (let polls = 0; polls < 20_000; polls++) {
    // Inside a transaction the view would stay as it was first seen.
    await client.query('SELECT pg_stat_clear_snapshot()');
    const { rows } = await client.query<{ pid: number }>(waiting);
    if (rows.length >= count) return rows.map(({ pid }) => pid);
  }
  throw new Error(`there are no ${count} acts that wait`);
}
