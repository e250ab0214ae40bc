/**
 * One act is one call of one function, so one round trip and one transaction. The function's text
 * follows from the act's shape; it is made in the database when a shape is first met, and its name
 * is a hash of its text, so that any process may make it and all use it.
 */
import { createHash } from 'node:crypto';
import type { Act } from '../act.ts';
import type { TableShape } from '../cells.ts';
import { lockPieces } from './act-locks.ts';
import { type Branch, type Piece, piecesOf } from './act-pieces.ts';
import { fillArrays, functionParameters, Slots } from './slots.ts';

export interface ActFunction {
  readonly name: string;
  /** `CREATE FUNCTION` for it. */
  readonly create: string;
}

export interface ActCall {
  readonly function: ActFunction;
  readonly values: readonly Buffer[];
  /** What the outcome's numbers mean, from 1; 0 is done. */
  readonly codes: readonly string[];
  readonly partitions: readonly (readonly [TableShape, number])[];
}

/** Shapes kept. A program has some dozens; more than this would be a leak. */
const functionsMax = 10_000;

/** SQLSTATE of a refusal inside the function; it never leaves it. */
const refusal = 'MM001';

export class ActCompiler {
  readonly #functions = new Map<string, ActFunction>();

  compile(act: Act): ActCall {
    const locks = lockPieces(act);
    const { main, otherwise, codes, partitions } = piecesOf(act);
    const branches = [main, ...otherwise.map(([, branch]) => branch)];
    const pieces = [...locks, ...branches.flatMap((branch) => branch.pieces)];
    const shape = [
      ...locks.map(({ key }) => key),
      ...branches.map((branch, i) => {
        const on = i === 0 ? '' : otherwise[i - 1]![0];
        return `|${on}:${branch.undoes}|${branch.pieces.map(({ key }) => key).join(';')}`;
      }),
    ].join('');
    const known = this.#functions.get(shape) ?? functionOf({ locks, main, otherwise });
    if (this.#functions.size >= functionsMax) this.#functions.clear();
    this.#functions.set(shape, known);
    return { function: known, values: fillArrays(pieces), codes, partitions };
  }
}

function functionOf(parts: {
  locks: readonly Piece[];
  main: Branch;
  otherwise: readonly (readonly [number, Branch])[];
}): ActFunction {
  const slots = new Slots();
  const locks = parts.locks.map((piece) => `${piece.text(slots)};`);
  const main = branchText(slots, parts.main, 'main');
  const otherwise = parts.otherwise.map(([code, branch], i) => {
    const text = branchText(slots, branch, `otherwise_${i}`);
    return `${i === 0 ? 'IF' : 'ELSIF'} p_refused = ${code} THEN\n${text}`;
  });
  const body = [
    'DECLARE p_refused integer;',
    'BEGIN',
    'p_outcome := 0;',
    ...locks,
    main,
    'p_refused := p_outcome;',
    ...otherwise,
    ...(otherwise.length === 0 ? [] : ['END IF;']),
    'END',
  ].join('\n');
  const name = `mintmark_act_${createHash('sha256').update(body).digest('hex').slice(0, 32)}`;
  const out = 'OUT p_outcome integer, OUT p_position bigint';
  return {
    name,
    create:
      `CREATE FUNCTION "${name}"(${functionParameters}, ${out}) ` +
      `LANGUAGE plpgsql AS $act$\n${body}\n$act$`,
  };
}

/** A block that a refusal leaves; with what it wrote undone, where it can have written. */
function branchText(slots: Slots, { pieces, undoes }: Branch, label: string): string {
  const leave = undoes ? `RAISE SQLSTATE '${refusal}'` : `EXIT ${label}`;
  const steps = pieces.map((piece) => {
    const text = `${piece.text(slots)};`;
    if (piece.refused === 0) return text;
    const refuse = `p_outcome := ${piece.refused}; p_position := NULL; ${leave};`;
    return `${text}\nIF ${piece.refusedIf} THEN ${refuse} END IF;`;
  });
  const undo = undoes ? [`EXCEPTION WHEN SQLSTATE '${refusal}' THEN NULL;`] : [];
  return [`<<${label}>> BEGIN`, ...steps, 'NULL;', ...undo, `END ${label};`].join('\n');
}
