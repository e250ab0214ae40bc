/**
 * The part of a rotation that nobody waits for: data keys and peppers wrapped again under a new
 * root key, records sealed again under new data keys, peppers retired. Driven by the authority's
 * rounds, a bounded step at a time; any process may do any of it, and again after a fault.
 */
import { type Clock, limits, type TenantId } from '@mintmark/core';
import type { Store } from '../store/store.ts';
import type { Custody } from './custody.ts';
import type { Peppers } from './peppers.ts';
import { type ResealCursor, resealRecords, rewrapAll } from './rotation.ts';
import type { Sealer } from './sealer.ts';
import type { WrappedKeyRow } from './wrapped-keys.ts';

export interface CustodyUpkeep {
  /**
   * One bounded step, if any is due; cheap where none is.
   *
   * @throws CustodyFault or StoreFault; the next step tries again
   */
  step(): Promise<void>;
}

/** Whether a pepper is still named takes a search of all keys: once an hour is enough. */
const looksAPepper = 60;

interface Reseal {
  readonly tenant: TenantId;
  readonly keyId: string;
  readonly cursor: ResealCursor | undefined;
}

export function createCustodyUpkeep(ports: {
  readonly custody: Pick<Custody, 'describe' | 'wrap' | 'unwrap'>;
  readonly store: Pick<Store, 'custodyKeys' | 'signingKeys' | 'keys' | 'acts'>;
  readonly sealer: Pick<Sealer, 'seal' | 'open' | 'currentKeyId'>;
  readonly peppers: Pick<Peppers, 'retireUnused'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}): CustodyUpkeep {
  const { clock, sealer, store } = ports;
  /** Under which data key all records of a tenant were found. */
  const clean = new Map<string, string>();
  let queue: readonly Reseal[] = [];
  let rewrappedUnder: string | undefined;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looks = 0;

  async function look(): Promise<void> {
    const { currentKey } = await ports.custody.describe();
    if (currentKey !== rewrappedUnder) await rewrapAll(ports);
    rewrappedUnder = currentKey;
    const rows = await dataKeyRows(store);
    queue = rotatedTenants(rows).filter(({ tenant, keyId }) => clean.get(tenant) !== keyId);
    if (looks % looksAPepper === 0) await ports.peppers.retireUnused();
    looks += 1;
  }

  return {
    async step() {
      const [work, ...rest] = queue;
      if (work === undefined) {
        if (clock.monotonicMs() - lookedAtMs < limits.custodyUpkeepMs) return;
        await look();
        lookedAtMs = clock.monotonicMs();
        return;
      }
      // A sealer that has not seen the new key yet would leave the records as they are.
      const seen = (await sealer.currentKeyId(work.tenant)) === work.keyId;
      const next = seen
        ? (await resealRecords({ sealer, store }, work.tenant, work.cursor)).next
        : undefined;
      if (next !== undefined) {
        queue = [{ ...work, cursor: next }, ...rest];
        return;
      }
      if (seen) clean.set(work.tenant, work.keyId);
      queue = rest;
    },
  };
}

async function dataKeyRows(store: Pick<Store, 'custodyKeys'>): Promise<readonly WrappedKeyRow[]> {
  const found: WrappedKeyRow[] = [];
  let after: readonly string[] | undefined;
  for (;;) {
    const page: readonly WrappedKeyRow[] = await store.custodyKeys.list({
      where: { purpose: 'data' },
      limit: limits.pageItemsMax,
      ...(after === undefined ? {} : { after }),
    });
    found.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < limits.pageItemsMax) return found;
    after = [last.tenant, last.id];
  }
}

/** Tenants with more than one data key: of the others everything is under the only one. */
function rotatedTenants(rows: readonly WrappedKeyRow[]): readonly Reseal[] {
  const tenants = Map.groupBy(rows, (row) => row.tenant);
  return [...tenants].flatMap(([tenant, keys]) => {
    const current = keys.find((key) => key.status === 'active');
    if (keys.length < 2 || current === undefined) return [];
    return [{ tenant: tenant as TenantId, keyId: current.id, cursor: undefined }];
  });
}
