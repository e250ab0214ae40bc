/** What protects everything else: the root keys, and the keys that they wrap. No key itself. */
import { limits, type TenantId, type UnixMs } from '@mintmark/core';
import type { Custody, CustodyDescription } from '../custody/custody.ts';
import { installationScope, listWrappedKeys, type WrappedKeyRow } from '../custody/wrapped-keys.ts';
import type { Store } from '../store/store.ts';

export interface CustodyState {
  readonly kind: CustodyDescription['kind'];
  readonly rootKeys: readonly (CustodyDescription['keys'][number] & {
    readonly isCurrent: boolean;
    /** Data keys and peppers that it wraps, of all tenants. */
    readonly wraps: number;
  })[];
  /** Of the tenant, newest first; at most `limits.pageItemsMax`. */
  readonly dataKeys: readonly WrappedKeyRow[];
  /** Newest first. */
  readonly peppers: readonly WrappedKeyRow[];
  /** What the rotations so far have left to do. */
  readonly underWay: {
    /** Data keys and peppers that an older root key still wraps. */
    readonly rewrap: number;
    /** Replaced data keys of the tenant that signing keys and verifiers may be sealed under. */
    readonly reseal: number;
    /** When sealing again begins: until then another process may use the key before. */
    readonly resealFrom: UnixMs | undefined;
  };
}

/** @throws CustodyFault, StoreFault */
export async function showCustody(
  ports: {
    readonly custody: Pick<Custody, 'describe'>;
    readonly store: Pick<Store, 'custodyKeys'>;
  },
  tenant: TenantId,
): Promise<CustodyState> {
  const { custodyKeys } = ports.store;
  const { kind, currentKey, keys } = await ports.custody.describe();
  const rootKeys = await Promise.all(
    keys.map(async (key) => {
      const wraps = await custodyKeys.count({ wrappedBy: key.id });
      return { ...key, isCurrent: key.id === currentKey, wraps };
    }),
  );
  const dataKeys = await listWrappedKeys(ports.store, tenant, 'data');
  const reseal = await custodyKeys.count({ tenant, purpose: 'data', status: 'retired' });
  return {
    kind,
    rootKeys,
    dataKeys: dataKeys.slice(0, limits.pageItemsMax),
    peppers: await listWrappedKeys(ports.store, installationScope, 'pepper'),
    underWay: {
      rewrap: await custodyKeys.count({ wrappedBy: { is: '!=', value: currentKey } }),
      reseal,
      resealFrom: reseal === 0 ? undefined : resealFrom(dataKeys),
    },
  };
}

function resealFrom(dataKeys: readonly WrappedKeyRow[]): UnixMs | undefined {
  const current = dataKeys.find(({ status }) => status === 'active');
  return current && ((current.createdAt + limits.replacedKeyUsedMs) as UnixMs);
}
