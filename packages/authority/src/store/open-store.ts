/** The store that a configuration names. */
import { type Clock, ConfigFault, type Timers } from '@mintmark/core';
import { openMemoryStore } from './memory/memory-store.ts';
import { openPostgresStore } from './postgres/postgres-store.ts';
import { openSqliteStore } from './sqlite/sqlite-store.ts';
import type { Store } from './store.ts';

export interface StorePorts {
  readonly clock: Clock;
  readonly timers: Timers;
}

/**
 * @param url `sqlite:DIRECTORY`, `postgres://…` or `memory:`
 * @throws ConfigFault `config_database`; StoreFault as the store's own `open…` says
 */
export async function openStore(url: string, ports: StorePorts): Promise<Store> {
  const [, scheme, rest] = /^([a-z]+):(.*)$/s.exec(url) ?? [];
  if (scheme === 'sqlite' && rest) return openSqliteStore({ directory: rest, ...ports });
  if (scheme === 'postgres' || scheme === 'postgresql') return openPostgresStore({ url, ...ports });
  if (scheme === 'memory' && rest === '') return openMemoryStore();
  // The URL may hold a password: it is not repeated.
  throw new ConfigFault('config_database', 'the database is not one that is known', {
    hint: 'write sqlite:DIRECTORY, postgres://USER@HOST/DATABASE or memory:',
  });
}
