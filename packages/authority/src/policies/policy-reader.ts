/**
 * The policies of a tenant as this process judges by them, where other programs ask. What must
 * never happen: an answer by no policy where there is one that could not be read.
 */
import { type Clock, limits, type TenantId } from '@mintmark/core';
import { type JudgedPolicy, preparePolicy } from '@mintmark/policy';
import { policyViewOf } from '../revocation/policy-view.ts';
import type { Store } from '../store/store.ts';
import type { PolicyRow } from './policy-row.ts';

export interface PolicyReader {
  /** By name, in order; at most `limits.policiesFreshMs` old. @throws StoreFault */
  of(tenant: TenantId): Promise<readonly JudgedPolicy[]>;
  /** To be called after a change of them. */
  forget(tenant: TenantId): void;
}

interface Kept {
  readonly policies: readonly { readonly row: PolicyRow; readonly compiled: JudgedPolicy }[];
  /** Minus infinity: to be looked at again before the next use. */
  readonly atMonotonicMs: number;
}

export function createPolicyReader(deps: {
  readonly store: Pick<Store, 'policies' | 'policyVersions'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}): PolicyReader {
  const { store, clock } = deps;
  const kept = new Map<TenantId, Kept>();

  async function load(tenant: TenantId, known: Kept | undefined): Promise<Kept> {
    const atMonotonicMs = clock.monotonicMs();
    const rows = await store.policies.list({ where: { tenant }, limit: limits.policiesMax });
    const policies: { row: PolicyRow; compiled: JudgedPolicy }[] = [];
    for (const row of rows) {
      const same = known?.policies.find((one) => one.row.name === row.name);
      if (same !== undefined && isUnchanged(same.row, row)) {
        policies.push(same);
        continue;
      }
      const view = (await policyViewOf(store, row)) ?? {};
      policies.push({ row, compiled: preparePolicy(row.name, view, same?.compiled) });
    }
    const made = { policies, atMonotonicMs };
    kept.delete(tenant);
    kept.set(tenant, made);
    const oldest = kept.keys().next();
    if (kept.size > limits.detailTypesKeptMax && oldest.done !== true) kept.delete(oldest.value);
    return made;
  }

  return {
    async of(tenant) {
      const known = kept.get(tenant);
      const isFresh =
        known !== undefined && clock.monotonicMs() - known.atMonotonicMs < limits.policiesFreshMs;
      const { policies } = isFresh ? known : await load(tenant, known);
      return policies.map(({ compiled }) => compiled);
    },
    forget(tenant) {
      const known = kept.get(tenant);
      if (known === undefined) return;
      kept.set(tenant, { ...known, atMonotonicMs: Number.NEGATIVE_INFINITY });
    },
  };
}

/** Also of one that was deleted and made again. */
function isUnchanged(a: PolicyRow, b: PolicyRow): boolean {
  return a.version === b.version && a.updatedAt === b.updatedAt && a.newest === b.newest;
}
