/**
 * Connections to PostgreSQL: those that write apart from those that read, so that neither waits.
 */
import { limits } from '@mintmark/core';
import pg from 'pg';

export interface PostgresConnectionInput {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…` */
  readonly url: string;
  /** Acts at once; more wait. Each is a server process. */
  readonly writeConnectionsMax?: number;
  readonly readConnectionsMax?: number;
}

export interface Connections {
  readonly write: pg.Pool;
  readonly read: pg.Pool;
}

const bigint = 20;

/** The server gives up first; the client's own limit is for a server that says nothing any more. */
const silenceMs = 2 * limits.writeTimeoutMs;

export function openConnections(input: PostgresConnectionInput): Connections {
  const { writeConnectionsMax = 16, readConnectionsMax = 8 } = input;
  const pool = (max: number, onConnect: typeof prepareSession) => {
    const made = new pg.Pool({
      connectionString: input.url,
      max,
      application_name: 'mintmark',
      statement_timeout: limits.writeTimeoutMs,
      query_timeout: silenceMs,
      connectionTimeoutMillis: limits.writeTimeoutMs,
      idle_in_transaction_session_timeout: limits.writeTimeoutMs,
      keepAlive: true,
      allowExitOnIdle: true,
      types: { getTypeParser },
      onConnect,
    });
    made.on('error', ignore);
    made.on('connect', (client) => client.on('error', ignore));
    return made;
  };
  return {
    write: pool(writeConnectionsMax, prepareActs),
    read: pool(readConnectionsMax, prepareSession),
  };
}

/** A connection of its own, for work that takes longer than an act may. */
export function openClient(config: pg.ClientConfig): pg.Client {
  const client = new pg.Client({ application_name: 'mintmark', ...config });
  client.on('error', ignore);
  return client;
}

/**
 * A connection that breaks tells the query under way, or the next one. The event beside it would
 * end the process if nobody listened.
 */
function ignore(): void {}

/**
 * An answer means that the commit is on the disk, whatever the server's default says. A stronger
 * setting (`remote_apply`) is left alone.
 */
async function prepareSession(client: pg.ClientBase): Promise<void> {
  await client.query(
    "SELECT set_config('synchronous_commit', 'on', false) " +
      "WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')",
  );
}

/**
 * Steps of acts go by keys, so the plan of one is that of all. The server would plan those on
 * partitioned tables anew each time: it takes the plan for all partitions for dearer than it is,
 * since the one is only chosen when it runs.
 */
async function prepareActs(client: pg.ClientBase): Promise<void> {
  await prepareSession(client);
  await client.query("SELECT set_config('plan_cache_mode', 'force_generic_plan', false)");
}

/** Our integers fit a double exactly. */
const getTypeParser = ((oid: number, format?: 'text' | 'binary') =>
  oid === bigint ? Number : pg.types.getTypeParser(oid, format as 'text')) as never;
