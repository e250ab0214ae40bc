/**
 * The installation that a configuration names: its store, its custody and, on the first start, its
 * administrator. Order matters: the store's lock comes first, so that of two processes on one
 * folder the second touches nothing; custody is made only where the store holds no installation, so
 * that a lost custody file is never covered up by a new one; and a note in the data folder says
 * that there is an installation, so that neither is a lost database.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AuthorityConfig,
  type Custody,
  initAuthority,
  initLocalCustody,
  type LocalUnlock,
  openLocalCustody,
  openStore,
  readSecretReference,
  recoverAuthority,
  type Store,
} from '@mintmark/authority';
import { CustodyFault, StoreFault, utf8Decode } from '@mintmark/core';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';

export interface Installation {
  readonly store: Store;
  readonly custody: Custody;
  /** Of the first administrator, in clear: only from the start that made the installation. */
  readonly adminKey: string | undefined;
  close(): Promise<void>;
}

type InstallationPorts = Pick<CliPorts, 'clock' | 'entropy' | 'timers' | 'environment'>;

/**
 * Opens it, and makes it where there is none.
 *
 * @throws StoreFault, CustodyFault, ConfigFault; what was opened is closed again
 */
export async function openInstallation(
  ports: InstallationPorts,
  input: {
    readonly config: Config;
    readonly authority: AuthorityConfig;
  },
): Promise<Installation> {
  const { config, authority } = input;
  const store = await openStore(await databaseOf(config, ports.environment), ports);
  let custody: Custody | undefined;
  try {
    const isNew = (await store.installation.get('self')) === undefined;
    if (isNew) refuseLostDatabase(config);
    const kept = await openCustody(ports, config, { isNew });
    custody = kept;
    const made = isNew ? await initAuthority(authority, { ...ports, store, custody }) : undefined;
    noteInstallation(config);
    return {
      store,
      custody,
      adminKey: made?.ok ? made.value.adminKey : undefined,
      async close() {
        await store.upkeep.close();
        await kept.close();
      },
    };
  } catch (error) {
    await store.upkeep.close();
    await custody?.close();
    throw error;
  }
}

/**
 * Makes another administrator's key beside the server.
 *
 * @throws StoreFault `store_in_use` where a server holds the folder, `not_initialised`;
 *   CustodyFault
 */
export async function recoverAdminKey(
  ports: InstallationPorts,
  config: Config,
): Promise<{ readonly id: string; readonly adminKey: string }> {
  const store = await openStore(await databaseOf(config, ports.environment), ports);
  try {
    const custody = await openLocalCustody({ ...custodyOf(config, ports.environment), ...ports });
    try {
      return await recoverAuthority(config, { ...ports, store, custody });
    } finally {
      await custody.close();
    }
  } finally {
    await store.upkeep.close();
  }
}

/** A start that is cut off before the note is written writes it the next time. */
function noteInstallation(config: Config): void {
  const note = noteOf(config);
  if (existsSync(note)) return;
  mkdirSync(config.data, { recursive: true, mode: 0o700 });
  const text = 'The database of this folder holds an installation. Keep this file beside it.\n';
  writeFileSync(note, text, { mode: 0o600 });
}

/** Whether nothing of an installation stands in the folder, and no database is named. */
export function isNowhere(config: Config, environment: CliPorts['environment']): boolean {
  if (config.database !== undefined) return false;
  const files = [noteOf(config), join(config.data, 'mintmark.db')];
  return ![...files, custodyOf(config, environment).path].some((file) => existsSync(file));
}

function refuseLostDatabase(config: Config): void {
  if (!existsSync(noteOf(config))) return;
  throw new StoreFault(
    'store_lost',
    `${config.data} belongs to an installation, and the database holds none`,
    {
      hint:
        'restore the newest backup, or correct the database in the configuration; ' +
        'for a new installation name another data folder',
    },
  );
}

function noteOf(config: Config): string {
  return join(config.data, 'installation');
}

/** The database's URL, its reference followed. */
export async function databaseOf(
  config: Config,
  environment: CliPorts['environment'],
): Promise<string> {
  const { database = `sqlite:${config.data}` } = config;
  if (!/^(?:env|file):/.test(database)) return database;
  return utf8Decode(await readSecretReference(database, environment)) ?? '';
}

/** What the custody file is called, and how it is opened. */
export function custodyOf(
  config: Config,
  environment: CliPorts['environment'],
): { readonly path: string; readonly unlock: LocalUnlock } {
  const { file, key_file, passphrase } = config.custody;
  return {
    path: file ?? join(config.data, 'custody.json'),
    unlock:
      passphrase === undefined
        ? { by: 'key_file', path: key_file ?? join(config.data, 'custody.key') }
        : {
            by: 'passphrase',
            passphrase: () => readSecretReference(passphrase, environment),
          },
  };
}

async function openCustody(
  ports: InstallationPorts,
  config: Config,
  { isNew }: { readonly isNew: boolean },
): Promise<Custody> {
  const options = { ...custodyOf(config, ports.environment), ...ports };
  if (!isNew) return openLocalCustody(options);
  // With the database elsewhere, nobody has made the folder yet.
  mkdirSync(config.data, { recursive: true, mode: 0o700 });
  try {
    return await initLocalCustody(options);
  } catch (fault) {
    // A start that was cut off between the two left a custody file that nothing depends on yet.
    const exists = fault instanceof CustodyFault && fault.code === 'custody_exists';
    if (!exists) throw fault;
    return openLocalCustody(options);
  }
}
