import { DatabaseSync } from 'node:sqlite';
import { manualClock } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { type TableShape, tableShapes } from './cells.ts';
import { checksumOf, type Migration, migrations, pendingMigrations } from './migrations.ts';
import { partitionName, postgresTable, sqliteTable } from './sql/schema.ts';
import { migrateSqlite } from './sqlite/migrate-sqlite.ts';
import type { TableName } from './tables.ts';

const shapes = [...tableShapes.values()];
const clock = manualClock(1_700_000_000_000);

const first: Migration = {
  number: 1,
  name: 'first',
  phase: 'expand',
  needs: 1,
  sqlite: ['CREATE TABLE "a" ("x" TEXT) STRICT'],
  postgres: ['CREATE TABLE "a" ("x" text)'],
};
const second: Migration = {
  ...first,
  number: 2,
  name: 'second',
  sqlite: ['ALTER TABLE "a" ADD COLUMN "y" TEXT', 'ALTER TABLE "tokens_p%" ADD COLUMN "z" TEXT'],
};
const third: Migration = {
  ...first,
  number: 3,
  name: 'third',
  phase: 'contract',
  needs: 2,
  sqlite: ['ALTER TABLE "a" DROP COLUMN "x"'],
};
const all = [first, second, third];

function applied(...list: Migration[]) {
  return list.map((one) => ({ ...one, checksum: checksumOf(one, 'sqlite') }));
}

function numbers(list: readonly Migration[]): number[] {
  return list.map(({ number }) => number);
}

describe('the migrations', () => {
  it('are numbered from one, and need none that comes later', () => {
    expect(numbers(migrations)).toEqual(migrations.map((_, i) => i + 1));
    for (const { number, needs } of migrations) expect(needs).toBeLessThanOrEqual(number);
  });

  it('make what tables.ts describes', () => {
    const db = new DatabaseSync(':memory:');
    migrateSqlite(db, { clock, known: migrations, contract: true });
    const described = new DatabaseSync(':memory:');
    for (const table of shapes.filter(({ partition }) => partition === undefined)) {
      for (const sql of sqliteTable(table, table.sql)) described.exec(sql);
      expect(schemaOf(db, table), table.name).toEqual(schemaOf(described, table));
    }
  });

  // Until the first release the text follows the description (`vitest run -u` writes it anew). Then
  // this test goes, and a change of the description asks for a migration with the next number.
  it.each(['initial', ...Object.keys(addedBy)])('have the text of %s', async (name) => {
    const made = shapes
      .filter((table) => name === (adderOf(table.name) ?? 'initial'))
      .map(withoutLater);
    const checks = name === 'initial' ? checkTable : { sqlite: [], postgres: [] };
    const whole = made.filter(({ partition }) => partition === undefined);
    const inSqlite = (table: TableShape) => sqliteTable(table, table.sql);
    const sqlite = [...whole.flatMap(inSqlite), ...checks.sqlite, ...later(name, inSqlite)];
    const postgres = [...made.flatMap(postgresTable), ...checks.postgres];
    postgres.push(...later(name, postgresTable));
    if (changed[name] !== undefined) sqlite.push(changed[name].sqlite);
    if (changed[name] !== undefined) postgres.push(changed[name].postgres);
    const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const file = (dialect: string) => `./migrations/${kebab}-${dialect}.ts`;
    await expect(sourceOf(`${name}Sqlite`, sqlite)).toMatchFileSnapshot(file('sqlite'));
    await expect(sourceOf(`${name}Postgres`, postgres)).toMatchFileSnapshot(file('postgres'));
  });
});

/** Tables that came after the first migration, by the migration that adds them. */
const addedBy: Readonly<Record<string, readonly TableName[]>> = {
  users: ['users', 'usernames', 'signInAttempts'],
  codes: ['authorizationCodes'],
  limitLearning: ['limitBaselines', 'limitChanges'],
  threats: ['threatFeeds', 'threatBlocks', 'numberings'],
  policies: ['policies', 'policyVersions', 'policyTallies', 'decisions', 'apis'],
  sessions: [
    'sessions',
    'sessionClients',
    'grantedFamilies',
    'signIns',
    'consents',
    'pushedRequests',
  ],
  uses: ['singleUses'],
  browsers: ['knownBrowsers'],
  factors: ['userTotp', 'userRecoveryCodes', 'userPasskeys', 'passkeyChallenges', 'passwordResets'],
  refresh: ['refreshFamilies', 'refreshSuccessors'],
  wishes: ['userinfoWishes'],
  issuers: ['assertionIssuers'],
  origins: ['clientOrigins'],
  devices: ['deviceGrants'],
  status: ['protectedResources', 'statusEntries'],
  backchannel: ['backchannelRequests'],
  details: ['detailTypes'],
  clientUses: ['clientUses'],
  narrowings: ['narrowings'],
  gatewayKeys: ['gatewayKeys'],
  plans: ['plans', 'planHolders'],
  upstreamCredentials: ['upstreamCredentials'],
  notices: ['notices'],
  leaks: ['leaks', 'leakPolicies'],
  keySpending: ['keyBudgets', 'keyBulks'],
  roles: ['roles', 'groups', 'memberships', 'patPolicies'],
  rotation: ['rotationRules', 'rotationRuns', 'rotationPlaces'],
  rotationEvents: ['rotationEvents'],
};

/** What a migration brings over from rows that are there already. */
const changed: Readonly<Record<string, { readonly sqlite: string; readonly postgres: string }>> = {
  origins: {
    sqlite: `INSERT INTO "client_origins" ("tenant", "origin", "client_id")
    SELECT DISTINCT c."tenant", substr(u."value", 1, instr(substr(u."value", 9) || '/', '/') + 7),
      c."client_id"
    FROM "clients" c, json_each(c."metadata", '$.redirectUris') u
    WHERE c."status" = 'active' AND (u."value" GLOB 'https://*' OR u."value" GLOB 'http://*')`,
    postgres: `INSERT INTO "client_origins" ("tenant", "origin", "client_id")
    SELECT DISTINCT c."tenant", substring(u."value" FROM '^https?://[^/?]+'), c."client_id"
    FROM "clients" c, jsonb_array_elements_text(
      coalesce(c."metadata"::jsonb -> 'redirectUris', '[]'::jsonb)
    ) u ("value")
    WHERE c."status" = 'active' AND u."value" ~ '^https?://[^/?]+'`,
  },
  roles: {
    sqlite: 'ALTER TABLE "keys" ADD COLUMN "pat" TEXT',
    postgres: 'ALTER TABLE "keys" ADD COLUMN "pat" text COLLATE "C"',
  },
  clientUses: {
    sqlite: `INSERT INTO "client_uses" ("tenant", "client_id", "used_at")
    SELECT "tenant", "client_id", "updated_at" FROM "clients"
    WHERE json_extract("metadata", '$.source') IN ('registration', 'document')`,
    postgres: `INSERT INTO "client_uses" ("tenant", "client_id", "used_at")
    SELECT "tenant", "client_id", "updated_at" FROM "clients"
    WHERE "metadata"::jsonb ->> 'source' IN ('registration', 'document')`,
  },
};

/** Tables whose last index came later than they, by the migration that adds it. */
const indexAddedBy: Readonly<Record<string, TableName>> = {
  refresh: 'revocations',
  notices: 'keys',
};

/** Columns that came after their table: the migration that adds them is written by hand. */
const columnsAddedLater: Partial<Record<TableName, readonly string[]>> = {
  clientSecrets: ['hold'],
  tenants: ['settings', 'sessionsEndedBefore'],
  keys: [
    'quarantine',
    'derivationKey',
    'purpose',
    'tags',
    'allowedCountries',
    'deniedCountries',
    'sealedSecret',
    'budget',
    'unusedToldAt',
    'pat',
    'acceptance',
  ],
  revocations: ['beforeSeconds', 'sealedNote', 'undo', 'undoneAt', 'run', 'resumeAt'],
};

function withoutLater(shape: TableShape): TableShape {
  const added = columnsAddedLater[shape.name] ?? [];
  const columns = shape.columns.filter(({ name }) => !added.includes(name));
  const indexes = shape.indexes.filter((index) => !index.some(({ name }) => added.includes(name)));
  const table = { ...shape, columns, indexes };
  if (!Object.values(indexAddedBy).includes(table.name)) return table;
  return { ...table, indexes: table.indexes.slice(0, -1) };
}

function later(name: string, textOf: (table: TableShape) => string[]): string[] {
  const shape = shapes.find((one) => one.name === indexAddedBy[name]);
  if (shape === undefined) return [];
  const indexes = shape.indexes.filter(
    (index) => !index.some(({ name: one }) => one === 'resumeAt'),
  );
  return textOf({ ...shape, indexes }).slice(-1);
}

/** What `upkeep.check` writes to; no table of the authority's. */
const checkTable = {
  sqlite: [
    'CREATE TABLE "store_check" ("id" INTEGER PRIMARY KEY, "count" INTEGER NOT NULL) STRICT',
  ],
  postgres: ['CREATE TABLE "store_check" ("id" integer PRIMARY KEY, "count" bigint NOT NULL)'],
};

function adderOf(table: TableName): string | undefined {
  return Object.keys(addedBy).find((name) => addedBy[name]!.includes(table));
}

function schemaOf(db: DatabaseSync, { sql }: TableShape): unknown[] {
  // In the order of their names: SQLite lists them as they were made.
  const indexes = db
    .prepare(`SELECT name, "unique", origin, partial FROM pragma_index_list('${sql}')`)
    .all()
    .sort((one, other) => String(one['name']).localeCompare(String(other['name'])));
  return [
    db.prepare(`PRAGMA table_xinfo("${sql}")`).all(),
    indexes,
    indexes.map(({ name }) => db.prepare(`PRAGMA index_xinfo("${name}")`).all()),
  ];
}

function sourceOf(name: string, statements: readonly string[]): string {
  const list = statements.map((sql) => `  \`${sql.replaceAll('\n', '\n  ')}\`,\n`).join('');
  return (
    `/** The schema as it was first released. Never edited again: see \`migrations.ts\`. */\n` +
    `export const ${name}: readonly string[] = [${list && `\n${list}`}];\n`
  );
}

describe('pending migrations', () => {
  const pending = (list: ReturnType<typeof applied>, contract: boolean, known = all) =>
    numbers(pendingMigrations(list, { known, dialect: 'sqlite', contract }));

  it('are those that are missing, up to the first that contracts, unless that is wanted', () => {
    expect(pending([], false)).toEqual([1, 2]);
    expect(pending([], true)).toEqual([1, 2, 3]);
    expect(pending(applied(first, second), false)).toEqual([]);
    expect(pending(applied(first, second), true)).toEqual([3]);
    expect(pending(applied(...all), true)).toEqual([]);
  });

  it('do not exist for a program that the database has outgrown', () => {
    expect(pending(applied(first, second), false, [first])).toEqual([]);
    expect(() => pending(applied(...all), false, [first])).toThrow(
      expect.objectContaining({ code: 'store_newer' }),
    );
  });

  it('are refused where one was applied with another text', () => {
    const other = { ...applied(first)[0]!, checksum: 'other' };
    expect(() => pending([other], false)).toThrow(
      expect.objectContaining({ code: 'store_migrated' }),
    );
  });
});

describe('migrating SQLite', () => {
  const migrate = (db: DatabaseSync, known: readonly Migration[], contract = false) =>
    numbers(migrateSqlite(db, { clock, known, contract }));

  it('applies each once, and records it', () => {
    const db = new DatabaseSync(':memory:');
    expect(migrate(db, [first])).toEqual([1]);
    expect(migrate(db, all)).toEqual([2]);
    expect(migrate(db, all)).toEqual([]);
    expect(migrate(db, all, true)).toEqual([3]);
    const rows = db.prepare('SELECT number, name, applied_at AS at FROM schema_migrations').all();
    expect(rows.map((row) => ({ ...row }))).toEqual([
      { number: 1, name: 'first', at: 1_700_000_000_000 },
      { number: 2, name: 'second', at: 1_700_000_000_000 },
      { number: 3, name: 'third', at: 1_700_000_000_000 },
    ]);
  });

  it('leaves nothing of one that fails', () => {
    const db = new DatabaseSync(':memory:');
    const broken = { ...second, sqlite: [...second.sqlite, 'CREATE TABLE "a" ("x" TEXT)'] };
    migrate(db, [first]);
    expect(() => migrate(db, [first, broken])).toThrow('already exists');
    expect(db.prepare('SELECT * FROM "a"').columns()).toHaveLength(1);
    expect(migrate(db, all)).toEqual([2]);
  });

  it('changes every partition there is', () => {
    const db = new DatabaseSync(':memory:');
    const tokens = tableShapes.get('tokens')!;
    const names = [7, 8].map((partition) => partitionName(tokens, partition));
    for (const sql of names.flatMap((name) => sqliteTable(tokens, name))) db.exec(sql);
    migrate(db, all);
    for (const name of names) {
      const columns = db.prepare(`SELECT * FROM "${name}"`).columns();
      expect(columns.at(-1)?.name).toBe('z');
    }
  });
});
