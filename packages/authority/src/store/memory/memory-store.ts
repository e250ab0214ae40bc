/**
 * The store of tests and simulations: the contract in its plainest form, and the model that the
 * others are compared with. An act runs to its end without giving way, so that acts are serial.
 */
import { assertNever, StoreFault } from '@mintmark/core';
import type { Act, ActOutcome, FeedStep, Step } from '../act.ts';
import { assignmentsOf } from '../assignment.ts';
import {
  type Cell,
  encodeCell,
  encodeRow,
  shapeOf,
  type TableShape,
  tableShapes,
} from '../cells.ts';
import { checkAct } from '../check-step.ts';
import { testsOf } from '../condition.ts';
import { feedRowsOf, withPosition } from '../feed-rows.ts';
import { revocationRow } from '../revocation-row.ts';
import type { Store, StoreUpkeep } from '../store.ts';
import type { TableName } from '../tables.ts';
import { MemoryTables, memoryReader, type StoredRow } from './memory-tables.ts';

/** Opens an empty store that lives as long as the object does. */
export function openMemoryStore(): Store {
  const data = new MemoryTables();
  const life = { closed: false };
  const look = () => {
    assertOpen(life);
    return data;
  };
  const readers = [...tableShapes].map(([name, table]) => [name, memoryReader(look, table)]);
  const acts = {
    async run(act: Act): Promise<ActOutcome> {
      assertOpen(life);
      return runAct(data, act);
    },
  };
  return { ...Object.fromEntries(readers), acts, upkeep: memoryUpkeep(data, life) } as Store;
}

function memoryUpkeep(data: MemoryTables, life: { closed: boolean }): StoreUpkeep {
  return {
    async dropPartitionsBelow(name, partition) {
      const table = shapeOf(name);
      const column = table.partition;
      if (column === undefined) return 0;
      const old = data.find(table, [{ column, is: '<', value: partition }]);
      data.begin();
      for (const row of old) data.remove(table, row);
      return new Set(old.map((row) => row[column.at])).size;
    },
    nowMs: async () => undefined,
    async backup() {
      throw new StoreFault('store_unsupported', 'a store in memory has no backup', {
        hint: 'use sqlite: or postgres: for data that must last',
      });
    },
    async check() {
      assertOpen(life);
    },
    async close() {
      life.closed = true;
    },
  };
}

function assertOpen(life: { closed: boolean }): void {
  if (life.closed) throw new StoreFault('store_closed', 'the store is closed');
}

function runAct(data: MemoryTables, act: Act): ActOutcome {
  checkAct(act);
  const first = attempt(data, act);
  const branch = first.outcome === 'done' ? undefined : act.otherwise?.[first.outcome];
  if (branch === undefined) return first;
  const second = attempt(data, branch);
  return second.outcome === 'done' ? { ...first, position: second.position } : second;
}

/** Runs all steps, or takes back those that ran and says which `refused` ended it. */
function attempt(data: MemoryTables, { steps, audit }: Pick<Act, 'steps' | 'audit'>): ActOutcome {
  let position: number | undefined;
  data.begin();
  try {
    for (const step of steps) {
      const result = runStep(data, step);
      if (result.refused !== undefined) {
        data.rollback();
        return { outcome: result.refused, position: undefined };
      }
      position = result.position ?? position;
    }
    if (audit !== null) insertFree(data, shapeOf('auditPending'), audit);
    return { outcome: 'done', position };
  } catch (error) {
    data.rollback();
    throw error;
  }
}

interface StepResult {
  readonly refused?: string | undefined;
  readonly position?: number;
}

function runStep(data: MemoryTables, step: Step): StepResult {
  if (step.do === 'feed') return { position: appendToFeed(data, step) };
  const table = shapeOf(step.table);
  switch (step.do) {
    case 'insert': {
      const row = encodeRow(table, step.row);
      if (data.isTaken(table, row)) return { refused: step.refused };
      data.write(table, row);
      return {};
    }
    case 'insertMany':
      for (const row of step.rows) insertFree(data, table, row);
      return {};
    case 'put':
      data.write(table, encodeRow(table, step.row));
      return {};
    case 'merge': {
      const row = encodeRow(table, step.row);
      const before = data.get(table, primaryKey(table, row));
      data.write(table, before === undefined ? row : assign(table, before, step.set));
      return {};
    }
    case 'update': {
      const rows = data.find(table, testsOf(table, step.where));
      for (const row of rows) data.write(table, assign(table, row, step.set));
      return rows.length > 0 ? {} : { refused: step.refused };
    }
    case 'delete': {
      const rows = data.find(table, testsOf(table, step.where));
      for (const row of rows) data.remove(table, row);
      return rows.length > 0 ? {} : { refused: step.refused };
    }
    case 'deleteMany':
      deleteKeys(data, table, step.keys);
      return {};
    case 'require':
    case 'absent': {
      const found = data.find(table, testsOf(table, step.where)).length > 0;
      return found === (step.do === 'require') ? {} : { refused: step.refused };
    }
    default:
      return assertNever(step);
  }
}

function primaryKey(table: TableShape, row: StoredRow): Cell[] {
  return table.key.map((column) => row[column.at]!);
}

function insertFree(data: MemoryTables, table: TableShape, row: object): void {
  const cells = encodeRow(table, row);
  if (data.isTaken(table, cells)) {
    throw new StoreFault('store_conflict', `a key of ${table.name} is taken`);
  }
  data.write(table, cells);
}

function deleteKeys(
  data: MemoryTables,
  table: TableShape,
  keys: readonly (readonly Cell[])[],
): void {
  for (const key of keys) {
    const row = data.get(table, key);
    if (row !== undefined) data.remove(table, row);
  }
}

function assign(table: TableShape, row: StoredRow, set: object): Cell[] {
  const cells = [...row];
  for (const { column, add, cell } of assignmentsOf(table, set)) {
    const before = cells[column.at]!;
    if (!add) cells[column.at] = cell;
    else if (before !== null) {
      cells[column.at] = encodeCell(table, column, (before as number) + (cell as number));
    }
  }
  return cells;
}

/** @returns position of the last entry */
function appendToFeed(data: MemoryTables, step: FeedStep): number {
  const heads = shapeOf('feedHead' satisfies TableName);
  const { tenant, at } = step;
  const base = (data.get(heads, [tenant])?.[1] as number | undefined) ?? 0;
  const drafts = feedRowsOf(step);
  for (const [i, { entry, ...rest }] of drafts.entries()) {
    const position = base + 1 + i;
    const row = { tenant, position, at, ...rest, entry: JSON.parse(withPosition(entry, position)) };
    insertFree(data, shapeOf('feed'), row);
  }
  data.write(heads, encodeRow(heads, { tenant, position: base + drafts.length }));
  if (step.revocation !== undefined) {
    insertFree(data, shapeOf('revocations'), revocationRow(step.revocation, base + 1));
  }
  return base + drafts.length;
}
