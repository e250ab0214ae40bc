/**
 * What every store demands of a step before it runs anything. One that a single store could keep
 * (say, any `absent` where one writer does all) is refused by all, so that an act that passes on
 * memory passes everywhere.
 */
import { strict as assert } from 'node:assert';
import { assertNever } from '@mintmark/core';
import type { Act, Step } from './act.ts';
import { assignmentsOf } from './assignment.ts';
import { shapeOf, type TableShape } from './cells.ts';
import { fixedValue, type Test, testsOf } from './condition.ts';

/**
 * - `feed` and `feedHead` are written by the feed step, which alone keeps positions without holes.
 * - `absent` looks at the feed of one tenant: there a lock on the tenant's feed makes it free of
 *   races in PostgreSQL. For other tables the race-free way is `insert` with its `refused`.
 * - Key columns never change; a partitioned table is touched in one named partition.
 */
export function checkStep(step: Step): void {
  if ('refused' in step && step.refused === 'done') assert.fail('a refusal is not called done');
  if (step.do === 'feed') {
    assert(step.entries.length > 0, 'a feed step without entries');
    return;
  }
  const table = shapeOf(step.table);
  const byStore = step.table === 'feed' || step.table === 'feedHead';
  switch (step.do) {
    case 'insert':
    case 'insertMany':
    case 'put':
      if (byStore) onlyFeedStep(step.table);
      return;
    case 'merge':
      if (byStore) onlyFeedStep(step.table);
      assignmentsOf(table, step.set);
      return;
    case 'update':
      if (byStore && !isLeap(step)) onlyFeedStep(step.table);
      assignmentsOf(table, step.set);
      checkPartition(table, testsOf(table, step.where));
      return;
    case 'absent': {
      const { tenant } = step.where as { readonly tenant?: unknown };
      const ofTenant = typeof tenant === 'string';
      assert(step.table === 'feed' && ofTenant, 'absent: only in the feed of one tenant');
      return;
    }
    case 'delete':
    case 'require':
      if (table.partition !== undefined) checkPartition(table, testsOf(table, step.where));
      return;
    case 'deleteMany':
      for (const key of step.keys) {
        if (key.length !== table.key.length) {
          assert.fail(`a key of ${step.table} has ${table.key.length} values`);
        }
      }
      return;
    default:
      assertNever(step);
  }
}

function checkPartition(table: TableShape, tests: readonly Test[]): void {
  if (table.partition === undefined) return;
  const partition = fixedValue(tests, table.partition);
  if (partition === undefined) assert.fail(`a step on ${table.name} must name its partition`);
}

function onlyFeedStep(table: string): never {
  assert.fail(`only a feed step writes ${table}`);
}

/** Every step of the act, those of `otherwise` included. */
export function checkAct(act: Act): void {
  for (const step of act.steps) checkStep(step);
  for (const branch of Object.values(act.otherwise ?? {})) {
    for (const step of branch.steps) checkStep(step);
  }
}

/** A new epoch lets a feed leap ahead of every position that was ever given. It never goes back. */
function isLeap(step: Extract<Step, { readonly do: 'update' }>): boolean {
  if (step.table !== 'feedHead') return false;
  const { position, ...others } = step.set;
  return typeof position === 'object' && position.add > 0 && Object.keys(others).length === 0;
}
