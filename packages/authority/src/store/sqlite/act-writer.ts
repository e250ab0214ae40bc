/**
 * Runs batches of packed acts. A batch is one transaction; its callers are told after the commit,
 * which is after the fsync.
 *
 * The audit records of a batch are sequenced in its own transaction: here one writer does all, so
 * nothing is gained by letting them wait.
 *
 * After a crash: before the commit nothing of the batch holds, after it everything does. Whoever
 * got an answer got it after the commit.
 */
import { columnOf, shapeOf } from '../cells.ts';
import { withPosition } from '../feed-rows.ts';
import { insertStatement, sqliteDialect } from '../sql/statement.ts';
import {
  feedEntryCells,
  feedMark,
  type PackedAct,
  type PackedBranch,
  type PackedCell,
  type PackedStep,
  recordMark,
} from './pack-act.ts';
import { RecordLog } from './record-log.ts';
import { isActFailure, sqliteFault } from './sqlite-fault.ts';
import type { Prepared, WriteConnection } from './write-connection.ts';
import { actResult, faultMessage, type WriterFault } from './writer-protocol.ts';

export interface BatchResult {
  /** `[outcome, position]` of each act. */
  readonly results: number[];
  readonly faults: [number, WriterFault][];
}

/** An act failed after it had written, and no savepoint stands to go back to. */
class NeedsSavepoints extends Error {}

const revocations = shapeOf('revocations');
const revocationPosition = columnOf(revocations, 'position').at;

export class ActWriter {
  readonly #connection: WriteConnection;
  readonly #sql: Record<'save' | 'undo' | 'keep' | 'head' | 'entry' | 'revocation', Prepared>;
  #position = 0;
  /** Records of the transaction under way, in the order of its acts. */
  #records: PackedStep[] = [];
  readonly #log: RecordLog;

  constructor(connection: WriteConnection) {
    this.#connection = connection;
    const { db } = connection;
    this.#log = new RecordLog(db);
    const revocation = { table: revocations, name: revocations.sql } as const;
    this.#sql = {
      save: db.prepare('SAVEPOINT act'),
      undo: db.prepare('ROLLBACK TO act'),
      keep: db.prepare('RELEASE act'),
      head: db.prepare(
        'INSERT INTO feed_head AS r (tenant, position) VALUES (?1, ?2)' +
          ' ON CONFLICT (tenant) DO UPDATE SET position = r.position + ?2 RETURNING position',
      ),
      entry: db.prepare(
        'INSERT INTO feed (tenant, position, at, entry, target_kind, target_id,' +
          ' expires_at_seconds) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ),
      revocation: db.prepare(
        insertStatement(sqliteDialect, { ...revocation, conflict: { taken: 'fail' } }),
      ),
    };
  }

  /** Never throws: what failed is a fault of each act that it concerns. */
  runBatch(acts: readonly PackedAct[]): BatchResult {
    try {
      this.#addPartitions(acts);
    } catch (error) {
      // The acts themselves have not begun, whatever became of the partition.
      return allFailed(acts, this.#faultOf(this.#connection.stopped ?? error));
    }
    try {
      return this.#transaction(acts, false);
    } catch (error) {
      if (!(error instanceof NeedsSavepoints)) return allFailed(acts, this.#faultOf(error));
    }
    try {
      return this.#transaction(acts, true);
    } catch (error) {
      return allFailed(acts, this.#faultOf(error));
    }
  }

  #transaction(acts: readonly PackedAct[], protect: boolean): BatchResult {
    const batch: BatchResult = { results: [], faults: [] };
    this.#records = [];
    try {
      this.#connection.begin();
      for (const [i, act] of acts.entries()) {
        this.#position = 0;
        let outcome: number = actResult.fault;
        try {
          outcome = this.#act(act, protect);
        } catch (error) {
          if (error instanceof NeedsSavepoints || !isActFailure(error)) throw error;
          batch.faults.push([i, faultMessage(sqliteFault(error, 'cannot run the act'))]);
        }
        batch.results.push(outcome, this.#position);
      }
      this.#log.append(this.#records);
    } catch (error) {
      this.#connection.rollback();
      throw error;
    }
    this.#connection.commit();
    return batch;
  }

  #faultOf(error: unknown): WriterFault {
    return faultMessage(sqliteFault(error, 'cannot write to the database'));
  }

  #addPartitions(acts: readonly PackedAct[]): void {
    for (const { main, otherwise } of acts) {
      for (const branch of [main, ...otherwise.map(([, one]) => one)]) {
        for (const [id, , partition] of branch.steps) {
          if (typeof partition !== 'number') continue;
          const { table, adds } = this.#connection.definition(id as number);
          if (adds) this.#connection.addPartition(table, partition);
        }
      }
    }
  }

  #act({ main, otherwise }: PackedAct, protect: boolean): number {
    const refused = this.#branch(main, protect);
    const branch = refused === 0 ? undefined : otherwise.find(([code]) => code === refused)?.[1];
    if (branch === undefined) return refused;
    const again = this.#branch(branch, protect);
    return again === 0 ? refused : again;
  }

  /** @returns 0, or the number of the refusal that ended it; nothing of it holds then */
  #branch(branch: PackedBranch, protect: boolean): number {
    const saved = protect || branch.savepoint;
    const records = this.#records.length;
    if (saved) this.#sql.save.run();
    let refused = 0;
    try {
      for (const step of branch.steps) {
        refused = this.#step(step);
        if (refused !== 0) break;
      }
    } catch (error) {
      if (!isActFailure(error)) throw error;
      if (!saved) throw new NeedsSavepoints();
      this.#undo();
      this.#records.length = records;
      throw error;
    }
    if (refused !== 0) this.#records.length = records;
    if (saved && refused !== 0) this.#undo();
    else if (saved) this.#sql.keep.run();
    return refused;
  }

  #undo(): void {
    this.#sql.undo.run();
    this.#sql.keep.run();
    this.#position = 0;
  }

  #step(step: PackedStep): number {
    if (step[0] === feedMark) {
      this.#appendToFeed(step);
      return 0;
    }
    if (step[0] === recordMark) {
      this.#records.push(step);
      return 0;
    }
    const definition = this.#connection.definition(step[0] as number);
    const refused = step[1] as number;
    const statement = this.#connection.statement(definition, step[2] as number | null);
    if (statement === undefined) return definition.kind === 'absent' ? 0 : refused;
    const cells: (PackedCell | Uint8Array)[] = step.slice(3);
    for (const at of definition.bytesAt) {
      const cell = cells[at];
      if (typeof cell === 'string') cells[at] = Buffer.from(cell, 'latin1');
    }
    if (definition.kind === 'write') return statement.run(...cells).changes > 0 ? 0 : refused;
    const present = statement.get(...cells) !== undefined;
    return present === (definition.kind === 'present') ? 0 : refused;
  }

  #appendToFeed(step: PackedStep): void {
    const [tenant, at] = [step[3] as string, step[4] as number];
    const count = step[5] as number;
    const head = this.#sql.head.get(tenant, count) as { position: number };
    const first = head.position - count + 1;
    for (let i = 0; i < count; i++) {
      const start = 6 + i * feedEntryCells;
      const [entry, ...rest] = step.slice(start, start + feedEntryCells);
      const position = first + i;
      this.#sql.entry.run(tenant, position, at, withPosition(String(entry), position), ...rest);
    }
    const row = step.slice(6 + count * feedEntryCells);
    if (row.length > 0) {
      row[revocationPosition] = first;
      this.#sql.revocation.run(...row);
    }
    this.#position = head.position;
  }
}

function allFailed(acts: readonly PackedAct[], fault: WriterFault): BatchResult {
  return {
    results: acts.flatMap(() => [actResult.fault, 0]),
    faults: acts.map((_, i) => [i, fault]),
  };
}
