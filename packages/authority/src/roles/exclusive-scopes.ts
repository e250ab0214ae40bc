/**
 * Scopes that clients get only for people who have them by a role. Which those are stands in the
 * roles, and is remembered for a moment: tokens are made many times a second.
 */
import { type Clock, limits, type TenantId } from '@mintmark/core';
import { type RightsStore, rightsOf } from './rights.ts';

/** What is left of a token's scopes by the roles of whom it speaks for. */
export type WithinRights = (token: {
  readonly tenant: TenantId;
  readonly clientId: string;
  readonly subject: string;
  readonly scopes: readonly string[];
}) => Promise<readonly string[]>;

interface Kept {
  readonly scopes: ReadonlySet<string>;
  readonly atMonotonicMs: number;
}

export function createWithinRights(deps: {
  readonly store: RightsStore;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}): WithinRights {
  const kept = new Map<TenantId, Kept>();

  async function exclusiveOf(tenant: TenantId): Promise<ReadonlySet<string>> {
    const atMonotonicMs = deps.clock.monotonicMs();
    const known = kept.get(tenant);
    if (known !== undefined && atMonotonicMs - known.atMonotonicMs < limits.keyRowCacheMs) {
      return known.scopes;
    }
    const roles = await deps.store.roles.list({ where: { tenant }, limit: limits.rolesMax });
    const exclusive = roles.filter((role) => role.exclusive === 1);
    const scopes = new Set(exclusive.flatMap((role) => role.scopes));
    kept.delete(tenant);
    const oldest = kept.keys().next();
    if (kept.size >= limits.tenantsHeldMax && oldest.done !== true) kept.delete(oldest.value);
    kept.set(tenant, { scopes, atMonotonicMs });
    return scopes;
  }

  return async ({ tenant, clientId, subject, scopes }) => {
    // A client that speaks for itself has what it is registered for.
    if (subject === clientId) return scopes;
    const exclusive = await exclusiveOf(tenant);
    if (!scopes.some((scope) => exclusive.has(scope))) return scopes;
    const held = (await rightsOf(deps.store, tenant, subject)).scopes;
    return scopes.filter((scope) => !exclusive.has(scope) || held.has(scope));
  };
}
