/** The roles and groups of a user, as enforcement points and everybody else read them. */
import type { TenantId } from '@mintmark/core';
import { limits } from '@mintmark/core';
import type { Store } from '../store/store.ts';

export interface Membership {
  readonly roles: readonly string[];
  readonly groups: readonly string[];
}

/** @throws StoreFault */
export async function membershipOf(
  { memberships }: Pick<Store, 'memberships'>,
  tenant: TenantId,
  userId: string,
): Promise<Membership> {
  const rows = await memberships.list({
    where: { tenant, userId },
    limit: limits.membershipsMax * 2,
  });
  const named = (kind: 'role' | 'group') =>
    rows.filter((row) => row.kind === kind).map(({ name }) => name);
  return { roles: named('role'), groups: named('group') };
}
