/** The types of authorization details that a tenant has, kept in memory for a moment. */
import { type Clock, limits, StoreFault, type TenantId } from '@mintmark/core';
import type { Store } from '../store/store.ts';
import { type DetailType, readDetailType } from './detail-type.ts';

export type DetailTypes = ReadonlyMap<string, DetailType>;

export interface DetailTypesReader {
  /**
   * By name, in the order of names; at most `limits.detailTypesFreshMs` old.
   *
   * @throws StoreFault
   */
  of(tenant: TenantId): Promise<DetailTypes>;
  /** Their names, as they were known last where the store is away: to be told, not to judge by. */
  names(tenant: TenantId): Promise<readonly string[]>;
  /** To be called after a change of them. */
  forget(tenant: TenantId): void;
}

interface Kept {
  readonly types: DetailTypes;
  readonly atMonotonicMs: number;
}

export function createDetailTypes(deps: {
  readonly store: Pick<Store, 'detailTypes'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}): DetailTypesReader {
  const kept = new Map<TenantId, Kept>();

  async function load(tenant: TenantId): Promise<DetailTypes> {
    const atMonotonicMs = deps.clock.monotonicMs();
    const rows = await deps.store.detailTypes.list({
      where: { tenant },
      limit: limits.detailTypesMax,
    });
    const types = new Map<string, DetailType>();
    for (const { type, definition } of rows) {
      const read = readDetailType(type, definition);
      // One that this program does not understand is one that it does not have.
      if (read.ok) types.set(type, read.value);
    }
    const oldest = kept.keys().next();
    if (kept.size >= limits.detailTypesKeptMax && oldest.done !== true) kept.delete(oldest.value);
    kept.set(tenant, { types, atMonotonicMs });
    return types;
  }

  function of(tenant: TenantId): Promise<DetailTypes> {
    const known = kept.get(tenant);
    const isFresh =
      known !== undefined &&
      deps.clock.monotonicMs() - known.atMonotonicMs < limits.detailTypesFreshMs;
    return isFresh ? Promise.resolve(known.types) : load(tenant);
  }

  return {
    of,
    async names(tenant) {
      try {
        return [...(await of(tenant)).keys()];
      } catch (fault) {
        if (fault instanceof StoreFault) return [...(kept.get(tenant)?.types.keys() ?? [])];
        throw fault;
      }
    },
    forget(tenant) {
      kept.delete(tenant);
    },
  };
}
