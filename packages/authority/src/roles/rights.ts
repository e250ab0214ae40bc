/**
 * What a user may do: the scopes of the roles that the user has, directly or by groups. Neighbours:
 * whoever gives a user's rights to a credential asks `rightsOf`. What must never happen: a right
 * that outlives the role that gave it, in any credential of the user.
 */
import { rightsFrom, type TenantId } from '@mintmark/core';
import { membershipOf } from '../revocation/member-view.ts';
import type { Store } from '../store/store.ts';

export type RightsStore = Pick<Store, 'roles' | 'groups' | 'memberships'>;

export interface Rights {
  /** Scopes; none where the user has no role, or is none. */
  readonly scopes: ReadonlySet<string>;
  /** Direct ones and those of groups. */
  readonly roles: ReadonlySet<string>;
  readonly groups: readonly string[];
}

/** @throws StoreFault; the caller must then refuse */
export async function rightsOf(
  store: RightsStore,
  tenant: TenantId,
  userId: string,
): Promise<Rights> {
  const member = await membershipOf(store, tenant, userId);
  const groups = await Promise.all(member.groups.map((name) => store.groups.get(tenant, name)));
  const rolesByGroup = new Map(groups.flatMap((row) => (row ? [[row.name, row.roles]] : [])));
  const names = new Set([...member.roles, ...groups.flatMap((row) => row?.roles ?? [])]);
  const roles = await Promise.all([...names].map((name) => store.roles.get(tenant, name)));
  const scopesByRole = new Map(roles.flatMap((row) => (row ? [[row.name, row.scopes]] : [])));
  return {
    scopes: rightsFrom(member, {
      scopesOf: (role) => scopesByRole.get(role),
      rolesOf: (group) => rolesByGroup.get(group),
    }),
    roles: new Set(scopesByRole.keys()),
    groups: [...rolesByGroup.keys()],
  };
}
