/**
 * The schema's history: numbered, forward only. A migration is never edited once it was released;
 * its checksum is recorded with it.
 *
 * `expand` adds what the old program does not mind: tables, nullable columns, indexes. It is
 * applied by whoever opens the store first. `contract` removes what no running program uses any
 * more, and is applied by `mintmark migrate` alone, when the last old program has stopped.
 */
import { createHash } from 'node:crypto';
import { StoreFault } from '@mintmark/core';
import { acceptancePostgres } from './migrations/acceptance-postgres.ts';
import { acceptanceSqlite } from './migrations/acceptance-sqlite.ts';
import { backchannelPostgres } from './migrations/backchannel-postgres.ts';
import { backchannelSqlite } from './migrations/backchannel-sqlite.ts';
import { browsersPostgres } from './migrations/browsers-postgres.ts';
import { browsersSqlite } from './migrations/browsers-sqlite.ts';
import { clientUsesPostgres } from './migrations/client-uses-postgres.ts';
import { clientUsesSqlite } from './migrations/client-uses-sqlite.ts';
import { codesPostgres } from './migrations/codes-postgres.ts';
import { codesSqlite } from './migrations/codes-sqlite.ts';
import { derivationKeysPostgres } from './migrations/derivation-keys-postgres.ts';
import { derivationKeysSqlite } from './migrations/derivation-keys-sqlite.ts';
import { detailsPostgres } from './migrations/details-postgres.ts';
import { detailsSqlite } from './migrations/details-sqlite.ts';
import { devicesPostgres } from './migrations/devices-postgres.ts';
import { devicesSqlite } from './migrations/devices-sqlite.ts';
import { factorsPostgres } from './migrations/factors-postgres.ts';
import { factorsSqlite } from './migrations/factors-sqlite.ts';
import { gatewayKeysPostgres } from './migrations/gateway-keys-postgres.ts';
import { gatewayKeysSqlite } from './migrations/gateway-keys-sqlite.ts';
import { initialPostgres } from './migrations/initial-postgres.ts';
import { initialSqlite } from './migrations/initial-sqlite.ts';
import { issuersPostgres } from './migrations/issuers-postgres.ts';
import { issuersSqlite } from './migrations/issuers-sqlite.ts';
import { keySettingsPostgres } from './migrations/key-settings-postgres.ts';
import { keySettingsSqlite } from './migrations/key-settings-sqlite.ts';
import { keySpendingPostgres } from './migrations/key-spending-postgres.ts';
import { keySpendingSqlite } from './migrations/key-spending-sqlite.ts';
import { leaksPostgres } from './migrations/leaks-postgres.ts';
import { leaksSqlite } from './migrations/leaks-sqlite.ts';
import { limitLearningPostgres } from './migrations/limit-learning-postgres.ts';
import { limitLearningSqlite } from './migrations/limit-learning-sqlite.ts';
import { narrowingsPostgres } from './migrations/narrowings-postgres.ts';
import { narrowingsSqlite } from './migrations/narrowings-sqlite.ts';
import { noticesPostgres } from './migrations/notices-postgres.ts';
import { noticesSqlite } from './migrations/notices-sqlite.ts';
import { originsPostgres } from './migrations/origins-postgres.ts';
import { originsSqlite } from './migrations/origins-sqlite.ts';
import { plansPostgres } from './migrations/plans-postgres.ts';
import { plansSqlite } from './migrations/plans-sqlite.ts';
import { policiesPostgres } from './migrations/policies-postgres.ts';
import { policiesSqlite } from './migrations/policies-sqlite.ts';
import { quarantinePostgres } from './migrations/quarantine-postgres.ts';
import { quarantineSqlite } from './migrations/quarantine-sqlite.ts';
import { refreshPostgres } from './migrations/refresh-postgres.ts';
import { refreshSqlite } from './migrations/refresh-sqlite.ts';
import { revocationsPostgres } from './migrations/revocations-postgres.ts';
import { revocationsSqlite } from './migrations/revocations-sqlite.ts';
import { rolesPostgres } from './migrations/roles-postgres.ts';
import { rolesSqlite } from './migrations/roles-sqlite.ts';
import { rotationEventsPostgres } from './migrations/rotation-events-postgres.ts';
import { rotationEventsSqlite } from './migrations/rotation-events-sqlite.ts';
import { rotationPostgres } from './migrations/rotation-postgres.ts';
import { rotationSqlite } from './migrations/rotation-sqlite.ts';
import { secretHoldsPostgres } from './migrations/secret-holds-postgres.ts';
import { secretHoldsSqlite } from './migrations/secret-holds-sqlite.ts';
import { sessionsPostgres } from './migrations/sessions-postgres.ts';
import { sessionsSqlite } from './migrations/sessions-sqlite.ts';
import { statusPostgres } from './migrations/status-postgres.ts';
import { statusSqlite } from './migrations/status-sqlite.ts';
import { tenantsPostgres } from './migrations/tenants-postgres.ts';
import { tenantsSqlite } from './migrations/tenants-sqlite.ts';
import { threatsPostgres } from './migrations/threats-postgres.ts';
import { threatsSqlite } from './migrations/threats-sqlite.ts';
import { upstreamCredentialsPostgres } from './migrations/upstream-credentials-postgres.ts';
import { upstreamCredentialsSqlite } from './migrations/upstream-credentials-sqlite.ts';
import { usersPostgres } from './migrations/users-postgres.ts';
import { usersSqlite } from './migrations/users-sqlite.ts';
import { usesPostgres } from './migrations/uses-postgres.ts';
import { usesSqlite } from './migrations/uses-sqlite.ts';
import { wishesPostgres } from './migrations/wishes-postgres.ts';
import { wishesSqlite } from './migrations/wishes-sqlite.ts';

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly phase: 'expand' | 'contract';
  /** Newest migration that a program must know to serve when this one was applied. */
  readonly needs: number;
  /** In a statement for SQLite, `"table_p%"` stands for every partition there is. */
  readonly sqlite: readonly string[];
  readonly postgres: readonly string[];
}

export interface AppliedMigration {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
  readonly needs: number;
}

export const migrations: readonly Migration[] = [
  {
    number: 1,
    name: 'initial',
    phase: 'expand',
    needs: 1,
    sqlite: initialSqlite,
    postgres: initialPostgres,
  },
  {
    number: 2,
    name: 'users',
    phase: 'expand',
    needs: 1,
    sqlite: usersSqlite,
    postgres: usersPostgres,
  },
  {
    number: 3,
    name: 'codes',
    phase: 'expand',
    needs: 1,
    sqlite: codesSqlite,
    postgres: codesPostgres,
  },
  {
    number: 4,
    name: 'sessions',
    phase: 'expand',
    needs: 1,
    sqlite: sessionsSqlite,
    postgres: sessionsPostgres,
  },
  {
    number: 5,
    name: 'uses',
    phase: 'expand',
    needs: 1,
    sqlite: usesSqlite,
    postgres: usesPostgres,
  },
  {
    number: 6,
    name: 'factors',
    phase: 'expand',
    needs: 1,
    sqlite: factorsSqlite,
    postgres: factorsPostgres,
  },
  {
    number: 7,
    name: 'browsers',
    phase: 'expand',
    needs: 1,
    sqlite: browsersSqlite,
    postgres: browsersPostgres,
  },
  {
    number: 8,
    name: 'refresh',
    phase: 'expand',
    needs: 1,
    sqlite: refreshSqlite,
    postgres: refreshPostgres,
  },
  {
    number: 9,
    name: 'wishes',
    phase: 'expand',
    needs: 1,
    sqlite: wishesSqlite,
    postgres: wishesPostgres,
  },
  {
    number: 10,
    name: 'origins',
    phase: 'expand',
    needs: 1,
    sqlite: originsSqlite,
    postgres: originsPostgres,
  },
  {
    number: 11,
    name: 'tenants',
    phase: 'expand',
    needs: 1,
    sqlite: tenantsSqlite,
    postgres: tenantsPostgres,
  },
  {
    number: 12,
    name: 'devices',
    phase: 'expand',
    needs: 1,
    sqlite: devicesSqlite,
    postgres: devicesPostgres,
  },
  {
    number: 13,
    name: 'status',
    phase: 'expand',
    needs: 1,
    sqlite: statusSqlite,
    postgres: statusPostgres,
  },
  {
    number: 14,
    name: 'backchannel',
    phase: 'expand',
    needs: 1,
    sqlite: backchannelSqlite,
    postgres: backchannelPostgres,
  },
  {
    number: 15,
    name: 'issuers',
    phase: 'expand',
    needs: 1,
    sqlite: issuersSqlite,
    postgres: issuersPostgres,
  },
  {
    number: 16,
    name: 'details',
    phase: 'expand',
    needs: 1,
    sqlite: detailsSqlite,
    postgres: detailsPostgres,
  },
  {
    number: 17,
    name: 'clientUses',
    phase: 'expand',
    needs: 1,
    sqlite: clientUsesSqlite,
    postgres: clientUsesPostgres,
  },
  {
    number: 18,
    name: 'quarantine',
    phase: 'expand',
    needs: 1,
    sqlite: quarantineSqlite,
    postgres: quarantinePostgres,
  },
  {
    number: 19,
    name: 'derivationKeys',
    phase: 'expand',
    needs: 1,
    sqlite: derivationKeysSqlite,
    postgres: derivationKeysPostgres,
  },
  {
    number: 20,
    name: 'notices',
    phase: 'expand',
    needs: 1,
    sqlite: noticesSqlite,
    postgres: noticesPostgres,
  },
  {
    number: 21,
    name: 'revocations',
    phase: 'expand',
    needs: 1,
    sqlite: revocationsSqlite,
    postgres: revocationsPostgres,
  },
  {
    number: 22,
    name: 'leaks',
    phase: 'expand',
    needs: 1,
    sqlite: leaksSqlite,
    postgres: leaksPostgres,
  },
  {
    number: 23,
    name: 'keySettings',
    phase: 'expand',
    needs: 1,
    sqlite: keySettingsSqlite,
    postgres: keySettingsPostgres,
  },
  {
    number: 24,
    name: 'keySpending',
    phase: 'expand',
    needs: 1,
    sqlite: keySpendingSqlite,
    postgres: keySpendingPostgres,
  },
  {
    number: 25,
    name: 'policies',
    phase: 'expand',
    needs: 1,
    sqlite: policiesSqlite,
    postgres: policiesPostgres,
  },
  {
    number: 26,
    name: 'roles',
    phase: 'expand',
    needs: 1,
    sqlite: rolesSqlite,
    postgres: rolesPostgres,
  },
  {
    number: 27,
    name: 'narrowings',
    phase: 'expand',
    needs: 1,
    sqlite: narrowingsSqlite,
    postgres: narrowingsPostgres,
  },
  {
    number: 28,
    name: 'rotation',
    phase: 'expand',
    needs: 1,
    sqlite: rotationSqlite,
    postgres: rotationPostgres,
  },
  {
    number: 29,
    name: 'secretHolds',
    phase: 'expand',
    needs: 1,
    sqlite: secretHoldsSqlite,
    postgres: secretHoldsPostgres,
  },
  {
    number: 30,
    name: 'rotationEvents',
    phase: 'expand',
    needs: 1,
    sqlite: rotationEventsSqlite,
    postgres: rotationEventsPostgres,
  },
  {
    number: 31,
    name: 'threats',
    phase: 'expand',
    needs: 1,
    sqlite: threatsSqlite,
    postgres: threatsPostgres,
  },
  {
    number: 32,
    name: 'gatewayKeys',
    phase: 'expand',
    needs: 1,
    sqlite: gatewayKeysSqlite,
    postgres: gatewayKeysPostgres,
  },
  {
    number: 33,
    name: 'plans',
    phase: 'expand',
    needs: 1,
    sqlite: plansSqlite,
    postgres: plansPostgres,
  },
  {
    number: 34,
    name: 'limitLearning',
    phase: 'expand',
    needs: 1,
    sqlite: limitLearningSqlite,
    postgres: limitLearningPostgres,
  },
  {
    number: 35,
    name: 'acceptance',
    phase: 'expand',
    needs: 1,
    sqlite: acceptanceSqlite,
    postgres: acceptancePostgres,
  },
  {
    number: 36,
    name: 'upstreamCredentials',
    phase: 'expand',
    needs: 1,
    sqlite: upstreamCredentialsSqlite,
    postgres: upstreamCredentialsPostgres,
  },
];

export type DialectName = 'sqlite' | 'postgres';

export function checksumOf(migration: Migration, dialect: DialectName): string {
  return createHash('sha256').update(migration[dialect].join('\n;\n')).digest('hex');
}

/**
 * Decides what is to be applied to a database in which `applied` stands.
 *
 * @param options.contract whether contract migrations are wanted too
 * @throws StoreFault `store_newer` where the database needs a newer program, `store_migrated` where
 *   it was migrated by another text under the same number
 */
export function pendingMigrations(
  applied: readonly AppliedMigration[],
  options: { known: readonly Migration[]; dialect: DialectName; contract: boolean },
): Migration[] {
  const { known, dialect, contract } = options;
  const newest = known.at(-1)?.number ?? 0;
  const needed = Math.max(0, ...applied.map(({ needs }) => needs));
  if (needed > newest) {
    throw new StoreFault('store_newer', `the database needs schema ${needed}, not ${newest}`, {
      hint: 'start the newer version of this program, or restore a backup of before',
    });
  }
  for (const migration of known) {
    const row = applied.find(({ number }) => number === migration.number);
    if (row !== undefined && row.checksum !== checksumOf(migration, dialect)) {
      throw new StoreFault('store_migrated', `migration ${row.number} differs from what was run`, {
        hint: 'start the version of this program that made the database',
      });
    }
  }
  const missing = known.filter(({ number }) => !applied.some((row) => row.number === number));
  const stop = missing.findIndex(({ phase }) => phase === 'contract' && !contract);
  return stop < 0 ? missing : missing.slice(0, stop);
}
