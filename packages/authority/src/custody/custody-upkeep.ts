/**
 * The part of a rotation that nobody waits for: data keys and peppers wrapped again under a new
 * root key, records sealed again under new data keys, peppers retired. Driven by the authority's
 * rounds, a bounded step at a time; any process may do any of it, and again after a fault. How far
 * it has come stands in the rows, so a new process goes on where the last one stopped.
 */
import { type Clock, limits, type TenantId } from '@mintmark/core';
import type { Store } from '../store/store.ts';
import type { Custody } from './custody.ts';
import type { Peppers } from './peppers.ts';
import {
  type ResealCursor,
  type ResealPorts,
  type RewrapCursor,
  resealRecords,
  rewrapKeys,
} from './rotation.ts';
import type { Sealer } from './sealer.ts';
import { listWrappedKeys, type WrappedKeyRow, type WrappedKeyStatus } from './wrapped-keys.ts';

export interface CustodyUpkeep {
  /**
   * One bounded step, if any is due; cheap where none is.
   *
   * @throws CustodyFault or StoreFault; the next step tries again. A row that does not open is
   *   named by the fault and passed over: the others are not kept waiting
   */
  step(): Promise<void>;
  /** The next step looks what there is to do: something was rotated. */
  soon(): void;
}

/** Whether a pepper is still named takes a search of all keys: once an hour is enough. */
const looksAPepper = 60;

type Work =
  | { readonly do: 'rewrap'; readonly cursor: RewrapCursor | undefined }
  | {
      readonly do: 'reseal';
      readonly tenant: TenantId;
      /** The tenant's data key now, and those that it replaced. */
      readonly keyId: string;
      readonly replaced: readonly string[];
      readonly cursor: ResealCursor | undefined;
      /** Whether a record stayed as it was: then the replaced keys are not done with. */
      readonly left: boolean;
    };

export function createCustodyUpkeep(ports: {
  readonly custody: Pick<Custody, 'describe' | 'wrap' | 'unwrap'>;
  readonly store: Pick<Store, 'custodyKeys'> & ResealPorts['store'];
  readonly sealer: Pick<Sealer, 'seal' | 'open' | 'currentKeyId'>;
  readonly peppers: Pick<Peppers, 'retireUnused'>;
  readonly clock: Pick<Clock, 'monotonicMs' | 'nowMs'>;
}): CustodyUpkeep {
  const { clock, sealer, store } = ports;
  let queue: readonly Work[] = [];
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looks = 0;

  async function look(): Promise<void> {
    const { currentKey } = await ports.custody.describe();
    const wrappedBy = { is: '!=', value: currentKey } as const;
    const stale = await store.custodyKeys.list({ where: { wrappedBy }, limit: 1 });
    const rewrap = { do: 'rewrap', cursor: undefined } as const;
    const reseals = dueReseals(await dataKeyRows(store), clock.nowMs());
    queue = stale.length === 0 ? reseals : [rewrap, ...reseals];
    if (looks % looksAPepper === 0) await ports.peppers.retireUnused();
    looks += 1;
  }

  /** @returns what is left of the work */
  async function perform(work: Work, report: (fault: unknown) => void): Promise<Work | undefined> {
    if (work.do === 'rewrap') {
      const { next, damaged } = await rewrapKeys(ports, work.cursor);
      damaged.forEach(report);
      return next && { ...work, cursor: next };
    }
    const { tenant, keyId, cursor } = work;
    // A sealer that has not seen the new key yet would leave the records as they are.
    if ((await sealer.currentKeyId(tenant)) !== keyId) return undefined;
    const { next, damaged } = await resealRecords({ sealer, store }, tenant, cursor);
    damaged.forEach(report);
    const left = work.left || damaged.length > 0;
    if (next !== undefined) return { ...work, cursor: next, left };
    if (!left) await archive(store, tenant, work.replaced);
    return undefined;
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
      const faults: unknown[] = [];
      const next = await perform(work, (fault) => faults.push(fault));
      queue = next === undefined ? rest : [next, ...rest];
      if (faults.length > 0) throw faults[0];
    },
    soon() {
      lookedAtMs = Number.NEGATIVE_INFINITY;
    },
  };
}

/** Nothing but audit records is sealed under these any more. */
async function archive(
  store: Pick<Store, 'acts'>,
  tenant: TenantId,
  keyIds: readonly string[],
): Promise<void> {
  const status: WrappedKeyStatus = 'archived';
  const steps = keyIds.map((id) => {
    return { do: 'update', table: 'custodyKeys', where: { tenant, id }, set: { status } } as const;
  });
  await store.acts.run({ steps, audit: null });
}

/** Of the tenants in which one was replaced and is not done with: of the others nothing is due. */
async function dataKeyRows(store: Pick<Store, 'custodyKeys'>): Promise<readonly WrappedKeyRow[]> {
  const tenants = new Set<string>();
  let after: readonly string[] | undefined;
  for (;;) {
    const page: readonly WrappedKeyRow[] = await store.custodyKeys.list({
      where: { purpose: 'data', status: 'retired' },
      limit: limits.pageItemsMax,
      ...(after === undefined ? {} : { after }),
    });
    for (const { tenant } of page) tenants.add(tenant);
    const last = page.at(-1);
    if (last === undefined || page.length < limits.pageItemsMax) break;
    after = [last.tenant, last.id];
  }
  const found: WrappedKeyRow[] = [];
  for (const tenant of tenants) found.push(...(await listWrappedKeys(store, tenant, 'data')));
  return found.filter(({ status }) => status !== 'archived');
}

/**
 * Tenants whose records may still be under a replaced key. Not at once: while another process goes
 * on with that key, a pass over the records would miss what it seals behind it.
 */
function dueReseals(rows: readonly WrappedKeyRow[], now: number): readonly Work[] {
  const tenants = Map.groupBy(rows, (row) => row.tenant);
  return [...tenants].flatMap(([tenant, keys]) => {
    const replaced = keys.filter((key) => key.status === 'retired').map((key) => key.id);
    const current = keys.find((key) => key.status === 'active');
    if (replaced.length === 0 || current === undefined) return [];
    if (now - current.createdAt < limits.replacedKeyUsedMs) return [];
    const at = { tenant: tenant as TenantId, keyId: current.id, cursor: undefined };
    return [{ do: 'reseal', ...at, replaced, left: false } as const];
  });
}
