/** The person on whose behalf tokens are asked for must be there when they are made. */
import type { SubjectId, TenantId } from '@mintmark/core';
import type { Step } from '../store/act.ts';

/** A condition of the act, and of nothing before it: one look is enough, and that one counts. */
export function subjectRequired(of: {
  readonly tenant: TenantId;
  readonly subject: SubjectId;
}): Step {
  return {
    do: 'require',
    table: 'users',
    where: { tenant: of.tenant, id: of.subject, status: 'active' },
    refused: 'subject_ended',
  };
}
