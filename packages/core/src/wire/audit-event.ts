/**
 * What the audit trail records of one act: who, what, when, from where, on what, with what result
 * and why. `personal` never enters the leaf; the leaf carries a salted commitment to it.
 */
import type { UnixMs } from '../clock.ts';
import type { TenantId } from '../ids.ts';

export type AuditAction =
  | 'installation.init'
  | 'installation.restore'
  | 'installation.recover'
  | 'tenant.create'
  | 'tenant.update'
  | 'client.create'
  | 'client.update'
  | 'client.delete'
  | 'client.secret_rotate'
  | 'client.secret_hold'
  | 'client.secret_release'
  | 'client.secret_end'
  | 'client.secret_rehash'
  | 'client.approve'
  | 'detail_type.create'
  | 'detail_type.update'
  | 'detail_type.delete'
  | 'user.create'
  | 'user.update'
  | 'user.delete'
  | 'user.password_set'
  | 'user.password_rehash'
  | 'user.password_compare'
  | 'user.lock'
  | 'user.factor_add'
  | 'user.factor_remove'
  | 'user.factor_refuse'
  | 'user.recovery_use'
  | 'user.reset_issue'
  | 'user.reset_use'
  | 'tenant.create'
  | 'tenant.update'
  | 'tenant.delete'
  | 'admin_key.create'
  | 'admin_key.revoke'
  | 'token.issue'
  | 'token.refuse'
  | 'key.create'
  | 'key.update'
  | 'key.rotate'
  | 'key.quarantine'
  | 'key.release'
  | 'key.top_up'
  | 'key.reveal'
  | 'key.accept'
  | 'key.unused'
  | 'key.bulk'
  | 'key.import'
  | 'key.import_format'
  | 'key.rehash'
  | 'key.end'
  | 'key.export'
  | 'rotation.create'
  | 'rotation.update'
  | 'rotation.delete'
  | 'rotation.begin'
  | 'rotation.deliver'
  | 'rotation.confirm'
  | 'rotation.extend'
  | 'rotation.end'
  | 'signing_key.create'
  | 'signing_key.activate'
  | 'signing_key.retire'
  | 'signing_key.report'
  | 'custody.rotate'
  | 'custody.destroy'
  | 'revocation.create'
  | 'revocation.finish'
  | 'revocation.undo'
  | 'privilege.narrow'
  | 'privilege.undo'
  | 'privilege.settle'
  | 'token.end'
  | 'leak.report'
  | 'leak.respond'
  | 'leak.release'
  | 'leak_policy.update'
  | 'policy.create'
  | 'policy.update'
  | 'policy.delete'
  | 'api.create'
  | 'api.update'
  | 'api.delete'
  | 'route.create'
  | 'route.update'
  | 'route.delete'
  | 'upstream_credential.create'
  | 'upstream_credential.update'
  | 'upstream_credential.delete'
  | 'plan.create'
  | 'plan.update'
  | 'plan.delete'
  | 'limits.give'
  | 'limits.reset'
  | 'limit.change'
  | 'limit.undo'
  | 'threat_feed.create'
  | 'threat_feed.update'
  | 'threat_feed.delete'
  | 'threat_feed.refresh'
  | 'threat_feed.read'
  | 'assertion_issuer.create'
  | 'assertion_issuer.update'
  | 'assertion_issuer.delete'
  | 'session.create'
  | 'session.renew'
  | 'session.end'
  | 'session.notify'
  | 'authorization.push'
  | 'authorization.device'
  | 'authorization.grant'
  | 'authorization.deny'
  | 'consent.withdraw'
  | 'authentication_request.create'
  | 'authentication_request.approve'
  | 'authentication_request.deny'
  | 'authentication_request.notify'
  | 'notice.give_up'
  | 'role.create'
  | 'role.update'
  | 'role.delete'
  | 'group.create'
  | 'group.update'
  | 'group.delete'
  | 'pat.approve'
  | 'pat_policy.update'
  | 'security.refused'
  | 'gateway.register'
  | 'request.allow';

/** Who did it: the authenticated party, never a claim out of a request body. */
export interface AuditActor {
  readonly kind: 'client' | 'key' | 'admin_key' | 'user' | 'system' | 'anonymous';
  readonly id: string;
}

/** On what: the object's kind and public id. */
export interface AuditObject {
  readonly kind:
    | 'client'
    | 'user'
    | 'key'
    | 'token'
    | 'code'
    | 'family'
    | 'signing_key'
    | 'admin_key'
    | 'tenant'
    | 'policy'
    | 'api'
    | 'route'
    | 'assertion_issuer'
    | 'upstream_credential'
    | 'plan'
    | 'threat_feed'
    | 'limit'
    | 'revocation'
    | 'leak'
    | 'installation'
    | 'session'
    | 'consent'
    | 'authentication_request'
    | 'detail_type'
    | 'notice'
    | 'role'
    | 'group'
    | 'pat_policy'
    | 'rotation'
    | 'user'
    | 'gateway';
  readonly id: string;
}

export interface AuditEvent {
  readonly tenant: TenantId;
  readonly action: AuditAction;
  readonly at: UnixMs;
  readonly actor: AuditActor;
  readonly object: AuditObject;
  /** A second object whose history this belongs to: a rotated key's successor, a token's family. */
  readonly related?: AuditObject;
  /** `done`, or the refusal's reason. */
  readonly result: string;
  readonly why?: string;
  /**
   * Facts without personal data or secrets: scopes, audience, format, expiry. Strings, numbers,
   * lists.
   */
  readonly detail?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /**
   * Personal data: address, user agent, e-mail, owner. Kept beside the leaf, which holds its
   * commitment.
   */
  readonly personal?: {
    readonly address?: string;
    readonly userAgent?: string;
    readonly note?: string;
    /** Whose it is: a free name, which may be a person's. */
    readonly owner?: string;
  };
  readonly requestId?: string;
}
