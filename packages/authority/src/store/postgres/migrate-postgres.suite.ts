import { manualClock } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { tableShapes } from '../cells.ts';
import { freshDatabase, withClient } from '../conformance/postgres-database.ts';
import { nodeRow } from '../conformance/rows.ts';
import { type Migration, migrations } from '../migrations.ts';
import { postgresTable } from '../sql/schema.ts';
import { migratePostgres } from './migrate-postgres.ts';
import { openPostgresStore } from './postgres-store.ts';

const clock = manualClock(1_700_000_000_000);

const expand: Migration = {
  number: migrations.length + 1,
  name: 'expand',
  phase: 'expand',
  needs: 1,
  sqlite: [],
  postgres: ['ALTER TABLE "nodes" ADD COLUMN "region" text'],
};
const contract: Migration = {
  ...expand,
  number: expand.number + 1,
  name: 'contract',
  phase: 'contract',
  needs: expand.number,
  postgres: ['ALTER TABLE "nodes" DROP COLUMN "epoch"'],
};

function migrate(url: string, added: readonly Migration[], options: { contract: boolean }) {
  return migratePostgres(url, { clock, known: [...migrations, ...added], ...options });
}

function schemaOf(url: string): Promise<unknown[]> {
  return withClient(url, async (client) => {
    const ours = "NOT IN ('schema_migrations', 'store_check')";
    const columns = await client.query(
      'SELECT table_name, column_name, data_type, collation_name, is_nullable ' +
        `FROM information_schema.columns WHERE table_schema = 'public' AND table_name ${ours} ` +
        'ORDER BY 1, ordinal_position',
    );
    const indexes = await client.query(
      `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename ${ours} ` +
        'ORDER BY indexname',
    );
    return [...columns.rows, ...indexes.rows];
  });
}

describe('migrating PostgreSQL', () => {
  it('makes what tables.ts describes', async () => {
    const [migrated, described] = [await freshDatabase(), await freshDatabase()];
    await migrate(migrated, [], { contract: true });
    await withClient(described, async (client) => {
      for (const table of tableShapes.values()) {
        for (const sql of postgresTable(table)) await client.query(sql);
      }
    });
    const schema = await schemaOf(migrated);
    expect(schema.length).toBeGreaterThan(tableShapes.size);
    expect(schema).toEqual(await schemaOf(described));
  });

  it('by many at once applies each migration once', async () => {
    const url = await freshDatabase();
    const runs = await Promise.all(
      Array.from({ length: 5 }, () => migrate(url, [expand], { contract: false })),
    );
    const applied = runs.flat().map(({ number }) => number);
    expect(applied).toEqual([...migrations.map(({ number }) => number), expand.number]);
  });

  it('expands under a serving program, and contracts only on demand', async () => {
    const url = await freshDatabase();
    const store = await openPostgresStore({ url, clock });
    const put = (node: string) =>
      store.acts.run({
        steps: [{ do: 'put', table: 'nodes', row: nodeRow('t', node) }],
        audit: null,
      });
    await put('a');
    await migrate(url, [expand, contract], { contract: false });
    await put('b');
    expect(await store.nodes.list({ limit: 10 })).toHaveLength(2);
    expect(await migrate(url, [expand, contract], { contract: true })).toEqual([contract]);
    // The program of before cannot be served by it any more, and a new one of its kind says so.
    await expect(put('c')).rejects.toMatchObject({ code: 'store_io' });
    await expect(openPostgresStore({ url, clock })).rejects.toMatchObject({ code: 'store_newer' });
    await store.upkeep.close();
  });

  it('leaves nothing of one that fails', async () => {
    const url = await freshDatabase();
    const broken = { ...expand, postgres: [...expand.postgres, 'CREATE TABLE "nodes" ()'] };
    await migrate(url, [], { contract: false });
    const before = await schemaOf(url);
    await expect(migrate(url, [broken], { contract: false })).rejects.toThrow('already exists');
    expect(await schemaOf(url)).toEqual(before);
  });
});
