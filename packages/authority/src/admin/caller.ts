/** The authenticated caller of the management API. Only `authenticate` makes one. */
import type { AuditActor, TenantId } from '@mintmark/core';

export interface Caller {
  readonly tenant: TenantId;
  readonly actor: AuditActor;
  /** Admin key scopes, or the scopes of an access token. */
  readonly permissions: readonly string[];
}
