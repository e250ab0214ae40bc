/** Who asks for a change, as the audit trail names him: authenticated, never out of a body. */
import type { AuditActor, AuditEvent, TenantId } from '@mintmark/core';

export interface Requester {
  readonly tenant: TenantId;
  readonly actor: AuditActor;
  readonly address?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly requestId?: string | undefined;
}

/** The event of a change that this requester made; `result` is `done` unless given. */
export function eventBy(
  requester: Requester,
  what: Pick<AuditEvent, 'action' | 'at' | 'object'> &
    Partial<Pick<AuditEvent, 'related' | 'result' | 'why' | 'detail' | 'personal'>>,
): AuditEvent {
  const { tenant, actor, address, userAgent, requestId } = requester;
  const personal = {
    ...(address === undefined ? {} : { address }),
    ...(userAgent === undefined ? {} : { userAgent }),
    ...what.personal,
  };
  return {
    tenant,
    actor,
    result: 'done',
    ...what,
    ...(Object.keys(personal).length === 0 ? {} : { personal }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}
