/** Runs acts on PostgreSQL: one call each, in one transaction that ends with the call. */
import { limits, StoreFault } from '@mintmark/core';
import type pg from 'pg';
import type { Act, ActOutcome } from '../act.ts';
import type { ActRunner } from '../store.ts';
import { type ActCall, ActCompiler, type ActFunction } from './act-function.ts';
import { codeOf, postgresFault } from './postgres-fault.ts';
import type { PostgresPartitions } from './postgres-partitions.ts';

/** An act that lost a deadlock, or met a function or partition that is gone, is run this often. */
const attemptsMax = 5;

const deadlock = '40P01';
const serialization = '40001';
const noFunction = '42883';
/** A row for which no partition exists. */
const noPartition = '23514';

export class PostgresActs implements ActRunner {
  readonly #pool: pg.Pool;
  readonly #partitions: PostgresPartitions;
  readonly #compiler = new ActCompiler();
  /** Functions that the database has, or is just getting. */
  readonly #functions = new Map<string, Promise<void>>();
  #waiting = 0;

  constructor(pool: pg.Pool, partitions: PostgresPartitions) {
    this.#pool = pool;
    this.#partitions = partitions;
  }

  async run(act: Act): Promise<ActOutcome> {
    if (this.#waiting >= limits.writeQueueMax) {
      const hint = 'the database is slower than the load: try again later';
      throw new StoreFault('store_busy', 'too many acts wait for a connection', { hint });
    }
    this.#waiting += 1;
    try {
      const call = this.#compiler.compile(act);
      return await this.#attempt(call, attemptsMax);
    } finally {
      this.#waiting -= 1;
    }
  }

  async #attempt(call: ActCall, left: number): Promise<ActOutcome> {
    for (const [table, partition] of call.partitions) await this.#partitions.add(table, partition);
    await this.#makeFunction(call.function);
    try {
      return await this.#call(call);
    } catch (error) {
      const { cause, code } = error as StoreFault;
      if (left === 1 || code === 'store_outcome_unknown' || !this.#repair(call, cause)) throw error;
    }
    return this.#attempt(call, left - 1);
  }

  /** @returns whether the act, of which nothing holds, has a chance when it is run again */
  #repair(call: ActCall, error: unknown): boolean {
    switch (codeOf(error)) {
      case deadlock:
      case serialization:
        return true;
      case noFunction:
        this.#functions.delete(call.function.name);
        return true;
      case noPartition:
        for (const [table, partition] of call.partitions) this.#partitions.forget(table, partition);
        return call.partitions.length > 0;
      default:
        return false;
    }
  }

  async #call({ function: { name }, values, codes }: ActCall): Promise<ActOutcome> {
    const client = await this.#connect();
    const text = `SELECT * FROM "${name}"($1, $2, $3)`;
    let rows: [outcome: number, position: number | null][];
    try {
      const query = { name, text, values: [...values], rowMode: 'array' } as const;
      rows = (await client.query<(typeof rows)[0]>(query)).rows;
    } catch (error) {
      const fault = postgresFault(error, 'cannot run the act', 'sent');
      client.release(fault.code === 'store_outcome_unknown');
      throw fault;
    }
    client.release();
    const [outcome, position] = rows[0]!;
    return {
      outcome: outcome === 0 ? 'done' : codes[outcome - 1]!,
      position: position ?? undefined,
    };
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      // The pool has no code for "all are in use".
      if (/^timeout exceeded/.test((error as Error).message)) {
        const hint = 'the database is slower than the load: try again later';
        throw new StoreFault('store_timeout', 'no connection was free in time', { hint });
      }
      throw postgresFault(error, 'cannot get a connection to the database', 'not sent');
    }
  }

  #makeFunction(wanted: ActFunction): Promise<void> {
    const known = this.#functions.get(wanted.name);
    if (known !== undefined) return known;
    const made = this.#create(wanted).catch((error) => {
      this.#functions.delete(wanted.name);
      throw error;
    });
    this.#functions.set(wanted.name, made);
    return made;
  }

  /** Under a lock: of two processes that make one function at the same time, one would fail. */
  async #create({ name, create }: ActFunction): Promise<void> {
    const client = await this.#connect();
    try {
      if (await hasFunction(client, name)) return client.release();
      await client.query('BEGIN');
      await client.query(`SELECT pg_advisory_xact_lock(${functionLock})`);
      if (!(await hasFunction(client, name))) await client.query(create);
      await client.query('COMMIT');
    } catch (error) {
      client.release(true);
      throw postgresFault(error, 'cannot prepare the act', 'not sent');
    }
    client.release();
  }
}

/** The name is a hash of the text: what has the name is the function. */
async function hasFunction(client: pg.ClientBase, name: string): Promise<boolean> {
  const { rows } = await client.query(
    'SELECT 1 FROM pg_proc WHERE proname = $1 AND pronamespace = current_schema()::regnamespace',
    [name],
  );
  return rows.length > 0;
}

const functionLock = 0x6d6e * 2 ** 32;
