/**
 * An act taken apart for PostgreSQL: pieces of PL/pgSQL with the values that go into them. What
 * depends on the shape becomes text, once; what depends on the call goes into three arrays.
 */
import type { Act, FeedStep, Step } from '../act.ts';
import {
  type Cell,
  type ColumnShape,
  encodeCell,
  encodeRow,
  shapeOf,
  type TableShape,
} from '../cells.ts';
import { checkStep } from '../check-step.ts';
import { feedRowsOf } from '../feed-rows.ts';
import { revocationRow } from '../revocation-row.ts';
import { type ShapedStep, shapeInsert, shapeStep } from '../sql/shape-step.ts';
import { quoted } from '../sql/statement.ts';
import type { ColumnType } from '../table.ts';
import type { Slots } from './slots.ts';

export interface Piece {
  /** Equal keys mean equal text. */
  readonly key: string;
  readonly cells: readonly Cell[];
  readonly types: readonly ColumnType[];
  /** Rows of a number that the shape does not know, as columns. */
  readonly rows: { readonly types: readonly ColumnType[]; readonly cells: Cell[][] } | undefined;
  /** Number of the refusal among the act's codes, from 1; 0 where there is none. */
  readonly refused: number;
  /** When the refusal happens: a row was found, or none was. */
  readonly refusedIf: 'FOUND' | 'NOT FOUND';
  readonly text: (slots: Slots) => string;
}

export interface Branch {
  readonly pieces: readonly Piece[];
  /** A piece can be refused after one before it has written. */
  readonly undoes: boolean;
}

export interface ActPieces {
  readonly main: Branch;
  /** Pairs of a refusal's number and what to do then. */
  readonly otherwise: readonly (readonly [number, Branch])[];
  readonly codes: readonly string[];
  /** Partitions that must exist before the act runs. */
  readonly partitions: readonly (readonly [TableShape, number])[];
}

export function piecesOf(act: Act): ActPieces {
  const codes: string[] = [];
  const partitions: [TableShape, number][] = [];
  const changed = changedTables(act);
  const branch = ({ steps, audit }: Pick<Act, 'steps' | 'audit'>): Branch => {
    const pieces: Piece[] = [];
    let wrote = false;
    let undoes = false;
    for (const step of steps) {
      checkStep(step);
      const code = 'refused' in step ? step.refused : undefined;
      const refused = code === undefined ? 0 : numberOf(codes, code);
      undoes ||= wrote && refused > 0;
      wrote ||= step.do !== 'require' && step.do !== 'absent';
      const piece = pieceOf(step, { refused, changed, partitions });
      const last = pieces.at(-1);
      // Looked for one after the other, for the same refusal: looked for together.
      if (step.do === 'absent' && last?.key === piece.key)
        last.rows!.cells.push(...piece.rows!.cells);
      else pieces.push(piece);
    }
    if (audit !== null) {
      const shaped = shapeInsert(shapeOf('auditPending'), audit, { taken: 'fail' });
      pieces.push(shapedPiece(shaped, 0, ''));
    }
    return { pieces, undoes };
  };
  const main = branch(act);
  const otherwise = Object.entries(act.otherwise ?? {}).map(([code, one]): [number, Branch] => [
    numberOf(codes, code),
    branch(one),
  ]);
  return { main, otherwise, codes, partitions };
}

function numberOf(codes: string[], code: string): number {
  const place = codes.indexOf(code);
  return place >= 0 ? place + 1 : codes.push(code);
}

/**
 * A row that is changed later is locked for that at once: two that share it could not both go on.
 */
function changedTables(act: Act): Set<string> {
  const steps = [act, ...Object.values(act.otherwise ?? {})].flatMap((branch) => branch.steps);
  return new Set(steps.flatMap((step) => (isChange(step) ? [step.table] : [])));
}

function isChange(step: Step): step is Extract<Step, { do: 'update' | 'delete' }> {
  return step.do === 'update' || step.do === 'delete';
}

interface PieceContext {
  readonly refused: number;
  readonly changed: ReadonlySet<string>;
  readonly partitions: [TableShape, number][];
}

function pieceOf(step: Step, { refused, changed, partitions }: PieceContext): Piece {
  if (step.do === 'feed') return feedPiece(step);
  const table = shapeOf(step.table);
  const needs = (partition: Cell | undefined) => {
    if (typeof partition === 'number') partitions.push([table, partition]);
  };
  if (step.do === 'insertMany') {
    const rows = step.rows.map((row: object) => encodeRow(table, row));
    for (const row of rows) needs(table.partition && row[table.partition.at]);
    return insertManyPiece(table, rows);
  }
  if (step.do === 'deleteMany') return deleteManyPiece(table, step.keys);
  const [shaped] = shapeStep(step);
  if (step.do === 'absent') return absentPiece(shaped!, refused);
  if (shaped!.adds) needs(shaped!.partition);
  const lock = changed.has(table.name) ? ' FOR UPDATE' : ' FOR SHARE';
  return shapedPiece(shaped!, refused, shaped!.kind === 'present' ? lock : '');
}

/** One statement for as many as there are: each of its own would cost more than what it does. */
function absentPiece(shaped: ShapedStep, refused: number): Piece {
  const types = shaped.columns().map(({ type }) => type);
  return {
    key: `${shaped.key} ${refused}`,
    cells: [],
    types: [],
    rows: { types, cells: [[...shaped.cells]] },
    refused,
    refusedIf: 'FOUND',
    text: (slots) => {
      const dialect = { ...slots.dialect, parameter: (n: number) => `w.c${n}` };
      const probe = shaped.build(dialect, { name: shaped.table.sql, lock: ' LIMIT 1' });
      const names = types.map((_, i) => `c${i + 1}`).join(', ');
      return (
        `PERFORM FROM unnest(${slots.rows(types).join(', ')}) AS w(${names}), ` +
        `LATERAL (${probe}) AS found LIMIT 1`
      );
    },
  };
}

function shapedPiece(shaped: ShapedStep, refused: number, lock: string): Piece {
  return {
    key: `${shaped.key}${lock} ${refused}`,
    cells: shaped.cells,
    types: shaped.columns().map(({ type }) => type),
    rows: undefined,
    refused,
    refusedIf: 'NOT FOUND',
    text: ({ dialect }) => {
      const sql = shaped.build(dialect, { name: shaped.table.sql, lock });
      return shaped.kind === 'write' ? sql : sql.replace(/^SELECT/, 'PERFORM');
    },
  };
}

function insertManyPiece(table: TableShape, rows: Cell[][]): Piece {
  const types = table.columns.map(({ type }) => type);
  return {
    ...never,
    key: `many ${table.name}`,
    rows: { types, cells: rows },
    text: (slots) =>
      `INSERT INTO "${table.sql}" (${table.columns.map(quoted).join(', ')}) ` +
      `SELECT * FROM unnest(${slots.rows(types).join(', ')})`,
  };
}

function deleteManyPiece(table: TableShape, keys: readonly (readonly Cell[])[]): Piece {
  const types = table.key.map(({ type }) => type);
  const cells = keys.map((key) => table.key.map((column, i) => encodeCell(table, column, key[i])));
  const names = table.key.map((_, i) => `k${i}`);
  const equal = table.key.map((column, i) => `r.${quoted(column)} = k.${names[i]}`);
  return {
    ...never,
    key: `delete many ${table.name}`,
    rows: { types, cells },
    text: (slots) =>
      `DELETE FROM "${table.sql}" AS r USING unnest(${slots.rows(types).join(', ')}) ` +
      `AS k(${names.join(', ')}) WHERE ${equal.join(' AND ')}`,
  };
}

const never = { cells: [], types: [], refused: 0, refusedIf: 'FOUND' } as const;

const feedEntryTypes = ['text', 'text', 'text', 'integer'] as const;

/** The act holds the tenant's feed lock: positions are given in the order of commits. */
function feedPiece(step: FeedStep): Piece {
  const rows = feedRowsOf(step);
  const revocation =
    step.revocation === undefined ? [] : encodeRow(revocations, revocationRow(step.revocation, 0));
  const columns = revocation.length === 0 ? [] : revocationColumns;
  return {
    ...never,
    key: `feed ${columns.length}`,
    cells: [step.tenant, step.at, rows.length, ...columns.map(({ at }) => revocation[at]!)],
    types: ['text', 'integer', 'integer', ...columns.map(({ type }) => type)],
    rows: {
      types: feedEntryTypes,
      cells: rows.map((row) => [row.entry, row.targetKind, row.targetId, row.expiresAtSeconds]),
    },
    text: (slots) => feedText(slots, columns),
  };
}

const revocations = shapeOf('revocations');

/** All but the position, which is that of the first entry. */
const revocationColumns = revocations.columns.filter(({ name }) => name !== 'position');

function feedText(slots: Slots, columns: readonly ColumnShape[]): string {
  const [tenant, at, count] = [slots.next('text'), slots.next('integer'), slots.next('integer')];
  const base = `p_position - ${count}`;
  const values = columns.map(({ type }) => slots.next(type)).join(', ');
  const entries = slots.rows(feedEntryTypes).join(', ');
  const statements = [
    `INSERT INTO feed_head AS r (tenant, "position") VALUES (${tenant}, ${count}) ` +
      `ON CONFLICT (tenant) DO UPDATE SET "position" = r."position" + ${count} ` +
      'RETURNING r."position" INTO p_position',
    'INSERT INTO feed ' +
      '(tenant, "position", at, entry, target_kind, target_id, expires_at_seconds) ' +
      `SELECT ${tenant}, ${base} + e.i, ${at}, ` +
      `'{"position":' || (${base} + e.i) || ',' || substr(e.entry, 2), e.kind, e.id, e.expires ` +
      `FROM unnest(${entries}) WITH ORDINALITY AS e(entry, kind, id, expires, i)`,
  ];
  if (columns.length > 0) {
    const names = columns.map(quoted).join(', ');
    statements.push(
      `INSERT INTO revocations (${names}, "position") VALUES (${values}, ${base} + 1)`,
    );
  }
  return statements.join(';\n');
}
