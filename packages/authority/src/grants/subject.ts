/** The person on whose behalf tokens are asked for: there now, and still when they are made. */
import type { SubjectId, TenantId } from '@mintmark/core';
import type { Step } from '../store/act.ts';
import type { GrantDeps } from './grant.ts';

interface Subject {
  readonly tenant: TenantId;
  readonly subject: SubjectId;
}

/** @throws StoreFault */
export async function subjectIsActive(
  deps: { readonly store: Pick<GrantDeps['store'], 'users'> },
  { tenant, subject }: Subject,
): Promise<boolean> {
  return (await deps.store.users.get(tenant, subject))?.status === 'active';
}

/** The same, as a condition of the act. */
export function subjectRequired({ tenant, subject }: Subject): Step {
  return {
    do: 'require',
    table: 'users',
    where: { tenant, id: subject, status: 'active' },
    refused: 'overtaken',
  };
}
