import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import type { Act, Step } from '../act.ts';
import { auditRow, nodeRow } from '../conformance/rows.ts';
import { migrations } from '../migrations.ts';
import { ActWriter } from './act-writer.ts';
import { migrateSqlite } from './migrate-sqlite.ts';
import { ActPacker } from './pack-act.ts';
import { openWriteDatabase, WriteConnection, type WriteDatabase } from './write-connection.ts';

/** A database whose next commit fails with a result code of SQLite. */
function setUp() {
  const path = join(mkdtempSync(join(tmpdir(), 'mintmark-writer-')), 'mintmark.db');
  const db = openWriteDatabase(path);
  migrateSqlite(db, { clock: manualClock(0), known: migrations, contract: false });
  const failing: { sql: string; errcode: number }[] = [];
  const statements: string[] = [];
  const fail = (sql: string) => {
    statements.push(sql);
    const next = failing[0];
    if (next?.sql !== sql) return;
    failing.shift();
    throw Object.assign(new Error('disk'), { errcode: next.errcode });
  };
  const watched: WriteDatabase = {
    get isTransaction() {
      return db.isTransaction;
    },
    exec: (sql) => db.exec(sql),
    prepare(sql) {
      const statement = db.prepare(sql);
      return {
        get: (...cells: never[]) => statement.get(...cells),
        all: (...cells: never[]) => statement.all(...cells),
        run(...cells: never[]) {
          fail(sql);
          return statement.run(...cells);
        },
      } as ReturnType<WriteDatabase['prepare']>;
    },
    close: () => db.close(),
  };
  const connection = new WriteConnection(watched);
  const writer = new ActWriter(connection);
  const packer = new ActPacker();
  const run = (...acts: Act[]) => {
    const packed = acts.map((act) => packer.pack(act).packed);
    connection.define(packer.takeDefinitions());
    const { results, faults } = writer.runBatch(packed);
    return {
      outcomes: results.filter((_, i) => i % 2 === 0),
      codes: faults.map(([, f]) => f.code),
    };
  };
  const count = () => db.prepare('SELECT count(*) AS n FROM nodes').get()?.['n'];
  return { run, failing, statements, count };
}

function put(node: string, rest: Partial<Act> = {}): Act {
  return { steps: [{ do: 'put', table: 'nodes', row: nodeRow('t', node) }], audit: null, ...rest };
}

describe('a batch', () => {
  it.each([
    [13, 'store_full'],
    [778, 'store_io'],
    [8, 'store_readonly'],
    [11, 'store_corrupt'],
    [5, 'store_busy'],
  ])('whose commit fails with %s fails for all with %s, and leaves nothing', (errcode, code) => {
    const { run, failing, count } = setUp();
    failing.push({ sql: 'COMMIT', errcode });
    expect(run(put('a'), put('b'))).toEqual({ outcomes: [-2, -2], codes: [code, code] });
    expect(count()).toBe(0);
    expect(run(put('a'), put('b')).outcomes).toEqual([0, 0]);
    expect(count()).toBe(2);
  });

  it('whose fsync fails has an unknown outcome, and nothing is written until a restart', () => {
    const { run, failing, count } = setUp();
    failing.push({ sql: 'COMMIT', errcode: 1034 });
    expect(run(put('a'))).toEqual({ outcomes: [-2], codes: ['store_outcome_unknown'] });
    expect(run(put('b'))).toEqual({ outcomes: [-2], codes: ['store_io'] });
    expect(count()).toBe(0);
  });

  it('that cannot begin fails for all', () => {
    const { run, failing, count } = setUp();
    failing.push({ sql: 'BEGIN IMMEDIATE', errcode: 5 });
    expect(run(put('a'))).toEqual({ outcomes: [-2], codes: ['store_busy'] });
    expect(count()).toBe(0);
  });

  it('runs again with savepoints where an act faults after it has written', () => {
    const { run, statements, count } = setUp();
    const rows = [nodeRow('t', 'a')];
    const taken: Step = { do: 'insertMany', table: 'nodes', rows };
    const result = run(put('a'), put('b', { steps: [...put('b').steps, taken] }), put('c'));
    expect(result).toEqual({ outcomes: [0, -2, 0], codes: ['store_conflict'] });
    expect(count()).toBe(2);
    expect(statements.filter((sql) => sql === 'BEGIN IMMEDIATE')).toHaveLength(2);
  });

  it('takes a savepoint only where a refusal can come after a write', () => {
    const { run, statements } = setUp();
    const require: Step = {
      do: 'require',
      table: 'nodes',
      where: { tenant: 't', node: 'a' },
      refused: 'no',
    };
    const savepoints = () => statements.filter((sql) => sql.startsWith('SAVEPOINT')).length;
    run(put('a', { steps: [require, ...put('b').steps], audit: auditRow('t') }));
    expect(savepoints()).toBe(0);
    run(put('a', { steps: [...put('b').steps, require] }));
    expect(savepoints()).toBe(1);
  });
});
