/** Partitions of PostgreSQL's own kind: made before the first row, detached and dropped whole. */
import type pg from 'pg';
import type { TableShape } from '../cells.ts';
import { parsePartitionName, partitionName } from '../sql/schema.ts';
import { openClient } from './connections.ts';
import { postgresFault } from './postgres-fault.ts';

/** Held while a partition is made, and by the one process that drops some. */
const locks = { make: 0x6d70 * 2 ** 32, drop: 0x6d70 * 2 ** 32 + 1 };

/** Detaching waits for those who use the table: upkeep has the time that an act has not. */
const upkeepTimeoutMs = 60_000;

export class PostgresPartitions {
  readonly #url: string;
  readonly #pool: pg.Pool;
  readonly #known = new Map<string, Promise<void>>();

  constructor(url: string, pool: pg.Pool) {
    this.#url = url;
    this.#pool = pool;
  }

  /** Makes the partition where it is missing. */
  add(table: TableShape, partition: number): Promise<void> {
    const name = partitionName(table, partition);
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const made = this.#make(table, partition).catch((error) => {
      this.#known.delete(name);
      throw postgresFault(error, `cannot make ${name}`, 'not sent');
    });
    this.#known.set(name, made);
    return made;
  }

  /** It turned out to be gone: another process has dropped it. */
  forget(table: TableShape, partition: number): void {
    this.#known.delete(partitionName(table, partition));
  }

  /** @returns how many were dropped; none where another process is at it */
  async dropBelow(table: TableShape, partition: number): Promise<number> {
    const client = openClient({
      connectionString: this.#url,
      statement_timeout: upkeepTimeoutMs,
    });
    try {
      await client.connect();
      const lock = await client.query(`SELECT pg_try_advisory_lock(${locks.drop}) AS held`);
      if (!lock.rows[0].held) return 0;
      const old = (await partitionsOf(client, table)).filter((one) => one.partition < partition);
      for (const { name, pending } of old) {
        // A detachment that was cut short goes on from where it stopped.
        const how = pending ? 'FINALIZE' : 'CONCURRENTLY';
        await client.query(`ALTER TABLE "${table.sql}" DETACH PARTITION "${name}" ${how}`);
        await client.query(`DROP TABLE "${name}"`);
        this.#known.delete(name);
      }
      return old.length;
    } catch (error) {
      throw postgresFault(error, `cannot drop partitions of ${table.sql}`, 'not sent');
    } finally {
      await client.end();
    }
  }

  /**
   * Made beside the table and then attached: a partition made in place would lock out everybody who
   * uses the table.
   */
  async #make(table: TableShape, partition: number): Promise<void> {
    const name = partitionName(table, partition);
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      await client.query(`SELECT pg_advisory_xact_lock(${locks.make})`);
      const there = (await partitionsOf(client, table)).some((one) => one.partition === partition);
      if (!there) {
        // What stands there under the name was detached to be dropped.
        await client.query(`DROP TABLE IF EXISTS "${name}"`);
        await client.query(`CREATE TABLE "${name}" (LIKE "${table.sql}" INCLUDING ALL)`);
        await client.query(
          `ALTER TABLE "${table.sql}" ATTACH PARTITION "${name}" FOR VALUES IN (${partition})`,
        );
      }
      await client.query('COMMIT');
    } catch (error) {
      client.release(true);
      throw error;
    }
    client.release();
  }
}

interface Partition {
  readonly name: string;
  readonly partition: number;
  readonly pending: boolean;
}

async function partitionsOf(client: pg.ClientBase, table: TableShape): Promise<Partition[]> {
  const { rows } = await client.query<{ name: string; pending: boolean }>(
    'SELECT c.relname AS name, i.inhdetachpending AS pending FROM pg_inherits i ' +
      'JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass',
    [`"${table.sql}"`],
  );
  return rows.flatMap(({ name, pending }) => {
    const partition = parsePartitionName(table, name);
    return partition === undefined ? [] : [{ name, partition, pending }];
  });
}
