import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { manualClock, StoreFault } from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shapeOf } from '../cells.ts';
import { undecidedKeyColumns } from '../key-tables.ts';
import { inspectStore, migrateStore } from '../offline.ts';
import { openStore } from '../open-store.ts';
import { sqliteTable } from '../sql/schema.ts';
import type { Row } from '../tables.ts';

const plainKey: Row<'keys'> = {
  ...{ tenant: 'default', id: 'k', kind: 'key', name: 'k', status: 'active', owner: 'o' },
  ...{ scopes: [], hashScheme: 'pepper', hash: new Uint8Array(32), pepperVersion: 'p1' },
  ...{ sealedVerifier: new Uint8Array(1), derivationKey: null },
  ...{ environment: null, plan: null, allowedAddresses: null, metadata: {} },
  ...{ createdAt: 1, updatedAt: 1, notBefore: null, expiresAt: null, version: 1 },
  ...{ predecessor: null, successor: null, importFormat: null, importFingerprint: null },
  ...undecidedKeyColumns,
};

describe('inspectStore', () => {
  let folder: string;
  let url: string;

  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'mintmark-inspect-')), 'data');
    url = `sqlite:${folder}`;
  });
  afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

  function faultOf(act: () => unknown): string | undefined {
    try {
      act();
      return undefined;
    } catch (error) {
      return error instanceof StoreFault ? error.code : String(error);
    }
  }

  function change(sql: string): void {
    const db = new DatabaseSync(join(folder, 'mintmark.db'));
    db.exec(sql);
    db.close();
  }

  it('says that there is none', async () => {
    expect(faultOf(() => inspectStore(url))).toBe('store_missing');
  });

  it('finds a new store migrated, with nothing waiting', async () => {
    expect((await migrateStore(url, { clock: manualClock(0) })).map(({ name }) => name)).toContain(
      'initial',
    );
    expect(inspectStore(url)).toEqual({
      pending: [],
      waiting: 0,
      waitingSince: undefined,
      newestRecordAt: undefined,
      unguardedClients: [],
      keysNamingCountries: 0,
      strictRoutes: [],
    });
  });

  it('counts keys that name countries, but not revoked ones', async () => {
    const store = await openStore(url, { clock: manualClock(0), timers: systemTimers });
    const keys = [
      { id: 'a', allowedCountries: ['DE'] },
      { id: 'b', deniedCountries: ['FR'] },
      { id: 'c', allowedCountries: ['DE'], status: 'revoked' as const },
      { id: 'd' },
    ];
    for (const one of keys) {
      const row = { ...plainKey, ...one };
      await store.acts.run({ steps: [{ do: 'put', table: 'keys', row }], audit: null });
    }
    await store.upkeep.close();
    expect(inspectStore(url).keysNamingCountries).toBe(2);
  });

  it('names the routes whose limits are to be exact', async () => {
    await migrateStore(url, { clock: manualClock(0) });
    const row = (name: string, route: object) =>
      `INSERT INTO routes VALUES ('default', '${name}', '${JSON.stringify(route)}', 0, 1);`;
    change(row('a', { limits_mode: 'strict' }) + row('b', { limits_mode: 'fast' }) + row('c', {}));
    expect(inspectStore(url).strictRoutes).toEqual(['a']);
  });

  it('names the clients whose codes neither PKCE nor a nonce guards', async () => {
    await migrateStore(url, { clock: manualClock(0) });
    const row = (id: string, clientId: string, terms: object) =>
      `INSERT INTO authorization_codes_p20700 VALUES (20700, 'default', '${id}', x'00', '1',
         '${clientId}', 'u', 'f', '${JSON.stringify(terms)}', 0, 0, NULL);`;
    const table = shapeOf('authorizationCodes');
    change(sqliteTable(table, 'authorization_codes_p20700').join(';\n'));
    change(
      [
        row('a', 'open', { codeChallenge: null, nonce: null }),
        row('b', 'open', { codeChallenge: null, nonce: null }),
        row('c', 'by-nonce', { codeChallenge: null, nonce: 'n' }),
        row('d', 'by-pkce', { codeChallenge: 'x', nonce: null }),
      ].join('\n'),
    );
    expect(inspectStore(url).unguardedClients).toEqual(['open']);
  });

  it('counts audit records that wait, and finds the oldest', async () => {
    await migrateStore(url, { clock: manualClock(0) });
    for (const [id, at] of [
      ['a', 7],
      ['b', 5],
    ]) {
      change(
        `INSERT INTO audit_pending (id, tenant, leaf, object, related, personal, at)
         VALUES ('${id}', 'default', x'00', 'key:1', NULL, NULL, ${at})`,
      );
    }
    expect(inspectStore(url)).toMatchObject({ waiting: 2, waitingSince: 5 });
  });

  it('names migrations that are not applied', async () => {
    await migrateStore(url, { clock: manualClock(0) });
    change('DELETE FROM schema_migrations');
    expect(inspectStore(url).pending).toContain('initial');
  });

  it('refuses a database that is newer, was migrated otherwise, or is none', async () => {
    await migrateStore(url, { clock: manualClock(0) });
    change('UPDATE schema_migrations SET needs = 9999');
    expect(faultOf(() => inspectStore(url))).toBe('store_newer');
    change("UPDATE schema_migrations SET needs = 1, checksum = 'other'");
    expect(faultOf(() => inspectStore(url))).toBe('store_migrated');
    writeFileSync(join(folder, 'mintmark.db'), 'not a database at all, but long enough'.repeat(99));
    expect(faultOf(() => inspectStore(url))).toBe('store_corrupt');
  });

  it('refuses a store of another kind, and says what to use', async () => {
    expect(faultOf(() => inspectStore('postgres://db/mint'))).toBe('store_unsupported');
  });
});
