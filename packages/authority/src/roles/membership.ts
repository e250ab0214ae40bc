/** Changes of the roles and groups that a user has, as steps of the act that edits the user. */
import type { TenantId } from '@mintmark/core';
import type { FeedStep, Step } from '../store/act.ts';

/** What an edit says; a list that is left out stays as it is. */
export interface MembershipEdit {
  readonly roles?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
}

/**
 * In place of those before, as a whole.
 *
 * @returns steps that refuse with `role_unknown` and `group_unknown`
 */
export function membershipSteps(
  tenant: TenantId,
  userId: string,
  { edit, at }: { readonly edit: MembershipEdit; readonly at: number },
): readonly Step[] {
  const { roles, groups } = edit;
  if (roles === undefined && groups === undefined) return [];
  return [
    ...listSteps({ tenant, userId, kind: 'role' }, roles),
    ...listSteps({ tenant, userId, kind: 'group' }, groups),
    memberFeedStep(tenant, [userId], at),
  ];
}

function listSteps(
  of: { readonly tenant: TenantId; readonly userId: string; readonly kind: 'role' | 'group' },
  names: readonly string[] | undefined,
): readonly Step[] {
  if (names === undefined) return [];
  const { tenant, kind } = of;
  return [
    { do: 'delete', table: 'memberships', where: of },
    ...[...new Set(names)].flatMap((name): Step[] => [
      {
        do: 'require',
        table: kind === 'role' ? 'roles' : 'groups',
        where: { tenant, name },
        refused: `${kind}_unknown`,
      },
      { do: 'insert', table: 'memberships', row: { ...of, name }, refused: `${kind}_unknown` },
    ]),
  ];
}

/** Of a user who is deleted. */
export function dropMemberships(tenant: TenantId, userId: string, at: number): readonly Step[] {
  return [
    { do: 'delete', table: 'memberships', where: { tenant, userId } },
    memberFeedStep(tenant, [userId], at),
  ];
}

/** Tells enforcement points; what is told is read from the rows when it is sent. */
export function memberFeedStep(tenant: TenantId, users: readonly string[], at: number): FeedStep {
  const entries = users.map((subject) => {
    return { type: 'member', subject, roles: [], groups: [] } as const;
  });
  return { do: 'feed', tenant, at, entries };
}
