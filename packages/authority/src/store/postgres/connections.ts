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
  const pool = (max: number) => {
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
      onConnect: prepareSession,
    });
    // A connection that breaks while idle is replaced; the next call sees what is wrong.
    made.on('error', () => undefined);
    return made;
  };
  return { write: pool(writeConnectionsMax), read: pool(readConnectionsMax) };
}

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

/** Our integers fit a double exactly. */
const getTypeParser = ((oid: number, format?: 'text' | 'binary') =>
  oid === bigint ? Number : pg.types.getTypeParser(oid, format as 'text')) as never;
