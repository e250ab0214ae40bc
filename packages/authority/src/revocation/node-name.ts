/**
 * A node is named by itself, but only within the credential that it asks with. So no other holder
 * of a feed credential can acknowledge in its name, and nobody can take the name from it.
 */
import type { AuditActor } from '@mintmark/core';

/** @param actor who asked; left out for the gateway in this process, which asks by no credential */
export function nodeName(node: string, actor?: AuditActor): string {
  return actor === undefined ? `/${node}` : `${actor.kind}:${encodeURIComponent(actor.id)}/${node}`;
}

/** The two parts; a credential's part holds no slash. */
export function readNodeName(stored: string): {
  readonly node: string;
  /** `admin_key:‹id›` or `client:‹id›`; null for the gateway in this process. */
  readonly credential: string | null;
} {
  const slash = stored.indexOf('/');
  const [kind, id = ''] = stored.slice(0, Math.max(slash, 0)).split(':');
  const node = stored.slice(slash + 1);
  return { node, credential: slash > 0 ? `${kind}:${decodeURIComponent(id)}` : null };
}
