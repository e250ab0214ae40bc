/**
 * Locks that an act takes before its first step, always in the same order, so that acts that touch
 * several rows cannot wait for one another in a circle. They are advisory and end with the
 * transaction: unlike a row's share lock they write nothing, and who waits for the exclusive one is
 * not overtaken for ever by those who share it.
 */
import type { Act, Step } from '../act.ts';
import { type Cell, shapeOf } from '../cells.ts';
import { fixedValue, testsOf } from '../condition.ts';
import type { Piece } from './act-pieces.ts';
import type { Slots } from './slots.ts';

/** Upper halves of the 64-bit lock numbers. */
const feedLocks = 0x6d66 * 2 ** 32;
const keyLocks = 0x6d6b * 2 ** 32;

/**
 * Keys share this many locks: an act of thousands of rows must not fill the server's lock table.
 */
const keyLockCount = 256;

/**
 * The feed of a tenant: exclusive for an act that appends, shared for one that says `absent`. So
 * nothing is appended between the look and the commit. A row: exclusive where the act changes it,
 * shared where it only requires it, so that acts of one client or user go on beside one another.
 */
export function lockPieces(act: Act): Piece[] {
  const steps = [act, ...Object.values(act.otherwise ?? {})].flatMap((branch) => branch.steps);
  const appends = steps.some((step) => step.do === 'feed');
  const feeds = steps.flatMap(feedTenant).map((tenant) => feedLocks + hash(tenant));
  const keys = new Map<number, Cell[]>();
  for (const { key, changes } of steps.flatMap(keyOf)) {
    const lock = keyLocks + (hash(key) % keyLockCount);
    // Two rows may share a lock: who changes either takes it alone.
    if (changes || !keys.has(lock)) keys.set(lock, [changes ? lock : -lock]);
  }
  const pieces: Piece[] = [];
  if (feeds.length > 0) pieces.push(lockPiece(feeds, appends ? '' : '_shared'));
  // One row alone is no circle.
  if (keys.size > 1) {
    const ordered = [...keys].sort(([a], [b]) => a - b).map(([, cell]) => cell);
    pieces.push(keyPiece(ordered));
  }
  return pieces;
}

function lockPiece(locks: readonly number[], suffix: string): Piece {
  const ordered = [...new Set(locks)].sort((a, b) => a - b);
  return {
    key: `lock${suffix}`,
    cells: [],
    types: [],
    rows: { types: ['integer'], cells: ordered.map((lock): Cell[] => [lock]) },
    refused: 0,
    refusedIf: 'FOUND',
    text: (slots: Slots) =>
      `PERFORM pg_advisory_xact_lock${suffix}(l) FROM unnest(${slots.rows(['integer'])[0]}) AS l`,
  };
}

/** All in one order, whatever their mode: a shared lock's number is negative. */
function keyPiece(cells: Cell[][]): Piece {
  return {
    key: 'lock_keys',
    cells: [],
    types: [],
    rows: { types: ['integer'], cells },
    refused: 0,
    refusedIf: 'FOUND',
    text: (slots: Slots) =>
      'PERFORM CASE WHEN l < 0 THEN pg_advisory_xact_lock_shared(-l) ' +
      'ELSE pg_advisory_xact_lock(l) END ' +
      `FROM unnest(${slots.rows(['integer'])[0]}) AS l`,
  };
}

function feedTenant(step: Step): string[] {
  if (step.do === 'feed') return [step.tenant];
  return step.do === 'absent' ? [String((step.where as { tenant?: unknown }).tenant)] : [];
}

/** The one row that a step waits for, where its whole key says so. */
function keyOf(step: Step): { readonly key: string; readonly changes: boolean }[] {
  if (step.do === 'feed' || step.do === 'absent') return [];
  const table = shapeOf(step.table);
  if (step.do === 'put' || step.do === 'merge') {
    const row = step.row as Record<string, unknown>;
    const values = table.key.map(({ name }) => row[name]);
    return [{ key: JSON.stringify([table.name, ...values]), changes: true }];
  }
  if (step.do !== 'update' && step.do !== 'delete' && step.do !== 'require') return [];
  const tests = testsOf(table, step.where);
  const values = table.key.map((column) => fixedValue(tests, column));
  if (values.includes(undefined)) return [];
  return [{ key: JSON.stringify([table.name, ...values]), changes: step.do !== 'require' }];
}

/** FNV-1a, 32 bits. Equal hashes of different keys only make acts wait that need not. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  }
  return value >>> 0;
}
