/**
 * Peppers: what turns a secret into the hash that is stored. They belong to the installation, are
 * unwrapped once and stay in memory, so that no check waits for custody. A new one is for new
 * hashes; an old one lives for as long as a row names it.
 */
import { CustodyFault, limits } from '@mintmark/core';
import type { AuditRecord } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import {
  addWrappedKey,
  installationScope,
  listWrappedKeys,
  lostRaces,
  racesMax,
  unwrapKey,
  type WrappedKeyPorts,
} from './wrapped-keys.ts';

export interface Pepper {
  /** Stands beside each hash. */
  readonly version: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

export interface Peppers {
  /** For new hashes. */
  current(): Pepper;
  /**
   * For a stored hash. Undefined where no such pepper is known here: it was retired, or made by
   * another process since the last `refresh`.
   */
  get(version: string): Uint8Array | undefined;
  /** Reads what other processes added or retired; called on the authority's tick. */
  refresh(): Promise<void>;
  /** @returns `overtaken` where another process made one at the same time; nothing was recorded */
  rotate(audit: AuditRecord | null): Promise<'rotated' | 'overtaken'>;
  /**
   * Deletes peppers that no row names. One that was replaced less than four days ago is kept: for
   * a day another process may still hash with it, and token rows are gone three days after they
   * were made. So the table of tokens, which may be large, need not be searched.
   *
   * @returns their versions
   */
  retireUnused(): Promise<readonly string[]>;
}

export interface PepperPorts extends WrappedKeyPorts {
  readonly store: WrappedKeyPorts['store'] & Pick<Store, 'clientSecrets' | 'keys'>;
}

const scope = { tenant: installationScope, purpose: 'pepper' } as const;
const keptMs = 4 * limits.accessTokenTtlSecondsMax * 1000;

/**
 * Unwraps all peppers, and makes the first one.
 *
 * @throws CustodyFault or StoreFault
 */
export async function createPeppers(ports: PepperPorts): Promise<Peppers> {
  const { store, custody, clock } = ports;
  let peppers: ReadonlyMap<string, Uint8Array> = new Map();
  let current = await first();

  /** @returns the newest, or undefined where there is none at all */
  async function load(): Promise<Pepper | undefined> {
    const rows = await listWrappedKeys(store, scope.tenant, scope.purpose);
    const next = new Map<string, Uint8Array>();
    for (const row of rows) {
      next.set(row.id, peppers.get(row.id) ?? (await unwrapKey(custody, row)));
    }
    for (const [version, key] of peppers) if (!next.has(version)) key.fill(0);
    peppers = next;
    const version = rows[0]?.id;
    return version === undefined ? undefined : { version, key: next.get(version)! };
  }

  async function first(): Promise<Pepper> {
    for (let race = 0; race < racesMax; race++) {
      const found = await load();
      if (found !== undefined) return found;
      await addWrappedKey(ports, { ...scope, newest: undefined, uses: 0, audit: null });
    }
    throw lostRaces(installationScope);
  }

  async function refresh(): Promise<void> {
    const found = await load();
    // Hashes made with a pepper that is stored nowhere could never be checked again.
    if (found === undefined) throw new CustodyFault('custody_unknown_key', 'all peppers are gone');
    current = found;
  }

  return {
    current: () => current,
    get: (version) => peppers.get(version),
    refresh,
    async rotate(audit) {
      const [newest] = await listWrappedKeys(store, scope.tenant, scope.purpose);
      const outcome = await addWrappedKey(ports, { ...scope, newest, uses: 0, audit });
      await refresh();
      return outcome === 'added' ? 'rotated' : 'overtaken';
    },
    async retireUnused() {
      const rows = await listWrappedKeys(store, scope.tenant, scope.purpose);
      const retired: string[] = [];
      for (const [at, row] of rows.entries()) {
        const replacedAt = rows[at - 1]?.createdAt;
        if (replacedAt === undefined || clock.nowMs() - replacedAt < keptMs) continue;
        if (await isNamed(store, row.id)) continue;
        await store.acts.run({
          steps: [
            { do: 'delete', table: 'custodyKeys', where: { tenant: scope.tenant, id: row.id } },
          ],
          audit: null,
        });
        retired.push(row.id);
      }
      await refresh();
      return retired;
    },
  };
}

async function isNamed(
  store: Pick<Store, 'clientSecrets' | 'keys'>,
  pepperVersion: string,
): Promise<boolean> {
  const query = { where: { pepperVersion }, limit: 1 } as const;
  if ((await store.clientSecrets.list(query)).length > 0) return true;
  return (await store.keys.list(query)).length > 0;
}
