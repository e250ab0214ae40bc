import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { WriteConnection } from './write-connection.ts';
import { runTask } from './writer-task.ts';

it('a partition can be made again while the old one of its name is still swept', () => {
  const db = new DatabaseSync(':memory:');
  const connection = new WriteConnection(db);
  const fill = (count: number) => {
    connection.addPartition('tokens', 7);
    db.prepare(
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) ' +
        'INSERT INTO tokens_p7 (partition, tenant, id, hash, pepper_version, client_id, subject, ' +
        'scopes, audience, position, issued_at_seconds, expires_at_seconds, claims) ' +
        "SELECT 7, 't', CAST(i AS TEXT), x'', '', '', '', '[]', '[]', 0, 0, 0, '{}' FROM n",
    ).run(count);
  };
  const retire = () => runTask(connection, { name: 'retirePartition', table: 'tokens', below: 8 });
  const tables = () => db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  fill(2_500);
  expect(retire()).toBe(true);
  expect(runTask(connection, { name: 'sweep' })).toBe(true);
  fill(3);
  expect(retire()).toBe(true);
  expect(retire()).toBe(false);
  expect(tables()).toHaveLength(2);
  let sweeps = 0;
  while (runTask(connection, { name: 'sweep' })) sweeps += 1;
  expect(tables()).toEqual([]);
  // A thousand rows more, the rest with its table, and the second table.
  expect(sweeps).toBe(3);
});
