/**
 * Peppers: what turns a secret into the hash that is stored. They belong to the installation, are
 * unwrapped once and stay in memory, so that no check waits for custody. A new one is for new
 * hashes; an old one lives for as long as a row names it.
 */
import { CustodyFault, limits, type Result } from '@mintmark/core';
import type { Store } from '../store/store.ts';
import {
  addWrappedKey,
  installationScope,
  listWrappedKeys,
  lostRaces,
  type Overtaken,
  type RecordRotation,
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
   * another process since the last look.
   */
  get(version: string): Uint8Array | undefined;
  /**
   * The same, after a look at the store where it is not known. The version must come out of a
   * stored row, never out of a request.
   */
  find(version: string): Promise<Uint8Array | undefined>;
  /** Reads what other processes added or retired; called on the authority's tick. */
  refresh(): Promise<void>;
  /** @returns its version; refusal: overtaken */
  rotate(record: RecordRotation | null): Promise<Result<string, Overtaken>>;
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
  readonly store: WrappedKeyPorts['store'] &
    Pick<Store, 'clientSecrets' | 'keys' | 'sessions' | 'refreshFamilies'>;
}

interface Held {
  readonly byVersion: ReadonlyMap<string, Uint8Array>;
  readonly current: Pepper;
}

const scope = { tenant: installationScope, purpose: 'pepper' } as const;
const keptMs = 4 * limits.accessTokenTtlSecondsMax * 1000;

/**
 * Unwraps all peppers, and makes the first one.
 *
 * @throws CustodyFault or StoreFault
 */
export async function createPeppers(ports: PepperPorts): Promise<Peppers> {
  const { store, clock } = ports;
  let held = await first();

  async function first(): Promise<Held> {
    for (let race = 0; race < racesMax; race++) {
      const found = await look(ports, new Map());
      if (found !== undefined) return found;
      await addWrappedKey(ports, { ...scope, newest: undefined, uses: 0, record: null });
    }
    throw lostRaces(installationScope);
  }

  const refresh = inTurn(async () => {
    const before = held.byVersion;
    const found = await look(ports, before);
    // Hashes made with a pepper that is stored nowhere could never be checked again.
    if (found === undefined) throw new CustodyFault('custody_unknown_key', 'all peppers are gone');
    held = found;
    // Only now: nobody may hash with a pepper that is being overwritten.
    for (const [version, key] of before) if (!found.byVersion.has(version)) key.fill(0);
  });

  return {
    current: () => held.current,
    get: (version) => held.byVersion.get(version),
    async find(version) {
      if (!held.byVersion.has(version)) await refresh();
      return held.byVersion.get(version);
    },
    refresh,
    async rotate(record) {
      const [newest] = await listWrappedKeys(store, scope.tenant, scope.purpose);
      const added = await addWrappedKey(ports, { ...scope, newest, uses: 0, record });
      await refresh();
      return added;
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

/** @returns undefined where there is no pepper at all */
async function look(
  { store, custody }: Pick<PepperPorts, 'store' | 'custody'>,
  known: ReadonlyMap<string, Uint8Array>,
): Promise<Held | undefined> {
  const rows = await listWrappedKeys(store, scope.tenant, scope.purpose);
  const byVersion = new Map<string, Uint8Array>();
  for (const row of rows) {
    byVersion.set(row.id, known.get(row.id) ?? (await unwrapKey(custody, row)));
  }
  const version = rows[0]?.id;
  if (version === undefined) return undefined;
  return { byVersion, current: { version, key: byVersion.get(version)! } };
}

/**
 * One run at a time: a slow look must not bring back what a later one has seen gone. Who calls
 * while one is under way shares the next, because that one may have missed what he knows of.
 */
function inTurn(work: () => Promise<void>): () => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  return () => {
    waiting ??= last.then(begin, begin);
    return waiting;
  };

  function begin(): Promise<void> {
    last = waiting ?? last;
    waiting = undefined;
    return work();
  }
}

async function isNamed(
  store: Pick<Store, 'clientSecrets' | 'keys' | 'sessions' | 'refreshFamilies'>,
  pepperVersion: string,
): Promise<boolean> {
  const query = { where: { pepperVersion }, limit: 1 } as const;
  if ((await store.clientSecrets.list(query)).length > 0) return true;
  if ((await store.sessions.list(query)).length > 0) return true;
  if ((await store.keys.list(query)).length > 0) return true;
  const families = { ...query, orderBy: ['pepperVersion'] } as const;
  return (await store.refreshFamilies.list(families)).length > 0;
}
