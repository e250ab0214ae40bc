/** The authenticated caller of the management API. Only `authenticate` makes one. */
import { type AuditActor, clientSubject, type TenantId } from '@mintmark/core';

export interface Caller {
  readonly tenant: TenantId;
  readonly actor: AuditActor;
  /** Admin key scopes, or the scopes of an access token. */
  readonly permissions: readonly string[];
  /** Of an admin key: where it ends. Left out for access tokens, whose client can get another. */
  readonly bounds?: KeyBounds;
}

/** Until when and from where a key works; null: without bound. */
export interface KeyBounds {
  /** Unix milliseconds. */
  readonly expiresAt: number | null;
  readonly allowedAddresses: readonly string[] | null;
}

/** Whether there is any bound, which a credential without any would go beyond. */
export function areTight(bounds: KeyBounds | undefined): boolean {
  return bounds !== undefined && (bounds.expiresAt !== null || bounds.allowedAddresses !== null);
}

/** The caller as the owner of what it makes, apart from people of the same name. */
export function subjectOf(actor: AuditActor): string {
  return actor.kind === 'client' ? clientSubject(actor.id) : actor.id;
}
