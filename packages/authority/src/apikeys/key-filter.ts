/**
 * Which keys somebody means: the conditions of lists and of changes of many keys at once, judged
 * row by row. Neighbours: `list-keys.ts` and `bulk-keys.ts` page through the rows.
 */
import type { Clock, KeyStatus, TenantId, UnixMs } from '@mintmark/core';
import type { Store } from '../store/store.ts';
import { openViolations } from './accept-violations.ts';
import type { KeyRow } from './key-change.ts';
import { judgeByPolicy, type PolicyPorts } from './key-policy.ts';

/** All that are given must hold. */
export interface KeyFilter {
  /** Default: API keys. */
  readonly kind?: 'key' | 'pat' | undefined;
  readonly owner?: string | undefined;
  readonly status?: KeyStatus | undefined;
  readonly tag?: string | undefined;
  readonly environment?: string | undefined;
  /** One of the scopes that it has. */
  readonly scope?: string | undefined;
  /** How its name begins. */
  readonly namePrefix?: string | undefined;
  readonly createdBefore?: UnixMs | undefined;
  readonly expiresBefore?: UnixMs | undefined;
  /** Neither used nor made since. */
  readonly unusedSince?: UnixMs | undefined;
  /** Whether it breaks a rule of its tenant's policy that nobody accepted. */
  readonly violating?: boolean | undefined;
}

export interface FilterPorts extends PolicyPorts {
  readonly store: Pick<Store, 'keys' | 'usage'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Whether every row passes, so that a page can be read at once; the owner has an index. */
export function isOpen({ owner: _owner, kind: _kind, ...rest }: KeyFilter): boolean {
  return Object.values(rest).every((value) => value === undefined);
}

/** The cheap conditions first; those that read more only for what is left. @throws StoreFault */
export async function isMeant(ports: FilterPorts, filter: KeyFilter, row: KeyRow) {
  if (!fits(filter, row)) return false;
  const { unusedSince, violating } = filter;
  if (unusedSince !== undefined && (await lastSign(ports.store, row)) >= unusedSince) return false;
  if (violating === undefined) return true;
  const broken = openViolations(await judgeByPolicy(ports, row), row, ports.clock.nowMs());
  return broken.length > 0 === violating;
}

function fits(filter: KeyFilter, row: KeyRow): boolean {
  const { owner, status, tag, environment, scope, namePrefix } = filter;
  const { createdBefore, expiresBefore } = filter;
  return (
    (owner === undefined || row.owner === owner) &&
    (status === undefined || row.status === status) &&
    (tag === undefined || (row.tags ?? []).includes(tag)) &&
    (environment === undefined || row.environment === environment) &&
    (scope === undefined || row.scopes.includes(scope)) &&
    (namePrefix === undefined || row.name.startsWith(namePrefix)) &&
    (createdBefore === undefined || row.createdAt < createdBefore) &&
    (expiresBefore === undefined || (row.expiresAt !== null && row.expiresAt < expiresBefore))
  );
}

/** When somebody last used the key, or else when it was made or was to begin. */
export async function lastSign(
  store: Pick<Store, 'usage'>,
  { tenant, id, createdAt, notBefore }: KeyRow,
): Promise<number> {
  const used = (await store.usage.get(tenant as TenantId, 'key', id))?.lastUsedAt ?? 0;
  return Math.max(used, createdAt, notBefore ?? 0);
}
