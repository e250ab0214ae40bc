/**
 * Rights that were granted and never used. What is not measured is not judged: the report says
 * since when there was anything to go by, and how often a credential was used where nobody said
 * what it was used for. What must never happen: silence taken for proof of not being used.
 */
import type { TenantId, UnixMs } from '@mintmark/core';
import type { Store } from '../store/store.ts';
import { type PrivilegedKind, type UsedPrivilege, usedPrivileges } from './privilege-usage.ts';

export interface Granted {
  readonly kind: PrivilegedKind;
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly scopes: readonly string[];
  readonly createdAt: UnixMs;
  readonly version: number;
}

export interface LeastPrivilege {
  readonly granted: Granted;
  readonly used: readonly UsedPrivilege[];
  readonly unused: readonly string[];
  readonly routes: readonly UsedPrivilege[];
  /** From then on its use was measured; undefined: never. Before it, nothing is known. */
  readonly measuredSince: UnixMs | undefined;
  /** Whether all of the window was measured. */
  readonly wholeWindow: boolean;
  /** Uses of which nobody said what they needed. */
  readonly unmeasuredUses: number;
}

/** @throws StoreFault */
export async function leastPrivilegeOf(
  store: Pick<Store, 'usage'>,
  granted: Granted,
  input: { readonly tenant: TenantId; readonly windowStart: UnixMs },
): Promise<LeastPrivilege> {
  const { tenant, windowStart } = input;
  const of = { tenant, kind: granted.kind, id: granted.id };
  const [scopes, routes, unmeasured, mark] = await Promise.all([
    usedPrivileges(store, of, 'scope'),
    usedPrivileges(store, of, 'route'),
    store.usage.get(tenant, `${granted.kind}_unmeasured`, granted.id),
    store.usage.get(tenant, 'privileges_measured', 'self'),
  ]);
  const inWindow = ({ allowed, lastUsedAt }: UsedPrivilege) =>
    allowed > 0 && lastUsedAt >= windowStart;
  const used = scopes.filter((one) => inWindow(one) && granted.scopes.includes(one.name));
  const names = new Set(used.map(({ name }) => name));
  const measuredSince =
    mark === undefined ? undefined : (Math.max(mark.firstUsedAt, granted.createdAt) as UnixMs);
  const isRecent = unmeasured !== undefined && unmeasured.lastUsedAt >= windowStart;
  return {
    granted,
    used,
    unused: granted.scopes.filter((scope) => !names.has(scope)),
    routes: routes.filter(inWindow),
    measuredSince,
    // What is younger than the window was measured for all of its life.
    wholeWindow: mark !== undefined && mark.firstUsedAt <= Math.max(windowStart, granted.createdAt),
    unmeasuredUses: isRecent ? unmeasured.allowed : 0,
  };
}
