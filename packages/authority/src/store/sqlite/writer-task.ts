/**
 * What the writer does beside acts: each a short piece of work, so that no act waits long for it.
 */
import { assertNever } from '@mintmark/core';
import type { WriteConnection } from './write-connection.ts';
import type { WriterTask } from './writer-protocol.ts';

/** Rows that one sweep removes: a few milliseconds of the writer's time. */
const sweepRows = 1_000;

/** @returns what the task's description in the protocol says */
export function runTask(connection: WriteConnection, task: WriterTask): boolean {
  const { db } = connection;
  switch (task.name) {
    case 'check':
      connection.inTransaction(() => {
        db.exec(
          'INSERT INTO store_check AS r VALUES (1, 1) ' +
            'ON CONFLICT DO UPDATE SET count = r.count + 1',
        );
      });
      return true;
    case 'addPartition':
      connection.addPartition(task.table, task.partition);
      return true;
    case 'retirePartition': {
      const lowest = connection.lowestPartition(task.table);
      if (lowest === undefined || lowest >= task.below) return false;
      connection.retirePartition(task.table, lowest);
      return true;
    }
    case 'sweep':
      return sweep(connection);
    case 'close':
      // The last connection to close moves the log into the database.
      db.close();
      return true;
    default:
      return assertNever(task);
  }
}

/**
 * A dropped table gives its pages back one by one, all in one transaction: seconds for a large one.
 * So its rows go first, in steps, in the order in which they lie.
 */
function sweep(connection: WriteConnection): boolean {
  const { db } = connection;
  const retired = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'retired_%'")
    .get();
  if (retired === undefined) return false;
  const name = String(retired['name']);
  const columns = db.prepare('SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk');
  const key = columns.all(name).map((column) => `"${column['name']}"`);
  const step = `SELECT ${key} FROM "${name}" ORDER BY ${key} LIMIT 1 OFFSET ${sweepRows - 1}`;
  connection.inTransaction(() => {
    const last = db.prepare(step).get();
    if (last === undefined) db.exec(`DROP TABLE "${name}"`);
    else {
      const places = key.map(() => '?');
      db.prepare(`DELETE FROM "${name}" WHERE (${key}) <= (${places})`).run(...Object.values(last));
    }
  });
  return true;
}
