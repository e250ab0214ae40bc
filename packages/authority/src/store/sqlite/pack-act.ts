/**
 * An act as it travels to the writer's thread: arrays of numbers and strings, the cheapest that the
 * structured clone copies. Bytes travel as latin1 text: a clone of a `Uint8Array` copies the whole
 * buffer under it (8 KiB of Node's pool), and costs more than all other cells together.
 */
import type { Act, FeedStep, Step } from '../act.ts';
import { type Cell, encodeRow, shapeOf } from '../cells.ts';
import { checkStep } from '../check-step.ts';
import { feedRowsOf } from '../feed-rows.ts';
import { revocationRow } from '../revocation-row.ts';
import { type ShapedStep, shapeStep } from '../sql/shape-step.ts';
import { sqliteDialect } from '../sql/statement.ts';
import type { TableName } from '../tables.ts';

export type PackedCell = string | number | null;

/**
 * `[statement, refused, partition, …cells]`. `refused` is 1 + the place of the outcome among the
 * act's codes, or 0 where the step cannot be refused. A feed step has `feedMark` for a statement,
 * then tenant, time, count, the cells of each entry, and those of the row in `revocations` if there
 * is one.
 */
export type PackedStep = readonly PackedCell[];

export const feedMark = -1;

/** In place of a statement: an audit record, its cells in the order of `auditPending`'s columns. */
export const recordMark = -2;

/** Cells of a feed entry in a packed step: entry, target's kind, target's id, expiry. */
export const feedEntryCells = 4;

export interface PackedBranch {
  readonly steps: readonly PackedStep[];
  /** A step can be refused after one before it has written. */
  readonly savepoint: boolean;
}

export interface PackedAct {
  readonly main: PackedBranch;
  /** Pairs of a refusal's number and what to do then. */
  readonly otherwise: readonly (readonly [number, PackedBranch])[];
}

/** What the writer must know of a statement before the first act that uses it. */
export interface Definition {
  readonly id: number;
  readonly table: TableName;
  /** The name of the table or partition stands as `"%"`. */
  readonly sql: string;
  readonly kind: ShapedStep['kind'];
  readonly adds: boolean;
  /** Places of bytes among the cells. */
  readonly bytesAt: readonly number[];
}

/** Packs acts, and numbers the statements that they use. */
export class ActPacker {
  readonly #known = new Map<string, Definition>();
  #fresh: Definition[] = [];

  /** Statements new since the last call: they must reach the writer before the acts do. */
  takeDefinitions(): Definition[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  /** @returns the act, and the codes that its refusals stand for */
  pack(act: Act): { readonly packed: PackedAct; readonly codes: readonly string[] } {
    const codes: string[] = [];
    const main = this.#branch(act, codes);
    const otherwise: [number, PackedBranch][] = [];
    for (const [code, branch] of Object.entries(act.otherwise ?? {})) {
      otherwise.push([numberOf(codes, code), this.#branch(branch, codes)]);
    }
    return { packed: { main, otherwise }, codes };
  }

  #branch({ steps, audit }: Pick<Act, 'steps' | 'audit'>, codes: string[]): PackedBranch {
    const packed: PackedStep[] = [];
    let wrote = false;
    let savepoint = false;
    for (const step of steps) {
      checkStep(step);
      const refused = numberOf(codes, refusalOf(step));
      savepoint ||= wrote && refused > 0;
      wrote ||= step.do !== 'require' && step.do !== 'absent';
      if (step.do === 'feed') packed.push(packFeed(step));
      else for (const shaped of shapeStep(step)) packed.push(this.#step(shaped, refused));
    }
    if (audit !== null) {
      const cells = encodeRow(shapeOf('auditPending'), audit).map(packCell);
      packed.push([recordMark, 0, null, ...cells]);
    }
    return { steps: packed, savepoint };
  }

  #step(shaped: ShapedStep, refused: number): PackedStep {
    const { id } = this.#definitionOf(shaped);
    const packed: PackedCell[] = [id, refused, shaped.partition];
    for (const cell of shaped.cells) packed.push(packCell(cell));
    return packed;
  }

  #definitionOf(shaped: ShapedStep): Definition {
    const known = this.#known.get(shaped.key);
    if (known !== undefined) return known;
    const { table, kind, adds } = shaped;
    const sql = shaped.build(sqliteDialect, { name: '%', lock: ' LIMIT 1' });
    const bytesAt = shaped.columns().flatMap((column, i) => (column.type === 'bytes' ? [i] : []));
    const fresh = { id: this.#known.size, table: table.name, sql, kind, adds, bytesAt };
    this.#known.set(shaped.key, fresh);
    this.#fresh.push(fresh);
    return fresh;
  }
}

function refusalOf(step: Step): string | undefined {
  return 'refused' in step ? step.refused : undefined;
}

function numberOf(codes: string[], code: string | undefined): number {
  if (code === undefined) return 0;
  const place = codes.indexOf(code);
  return place >= 0 ? place + 1 : codes.push(code);
}

function packFeed(step: FeedStep): PackedStep {
  const { tenant, at, revocation } = step;
  const rows = feedRowsOf(step);
  const packed: PackedCell[] = [feedMark, 0, null, tenant, at, rows.length];
  for (const { entry, targetKind, targetId, expiresAtSeconds } of rows) {
    packed.push(entry, targetKind, targetId, expiresAtSeconds);
  }
  if (revocation !== undefined) {
    const row = encodeRow(shapeOf('revocations'), revocationRow(revocation, 0));
    packed.push(...row.map(packCell));
  }
  return packed;
}

function packCell(cell: Cell): PackedCell {
  if (!(cell instanceof Uint8Array)) return cell;
  return Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength).toString('latin1');
}
