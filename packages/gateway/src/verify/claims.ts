/**
 * What a verified credential says under the name of a claim, whatever its form: a JWT all that its
 * issuer signed, every other kind what is known of it here.
 */
import type { JsonValue } from '@mintmark/core';
import type { Identity } from './identity.ts';

/** @returns undefined where it says nothing under that name */
export function claimOf(identity: Identity, name: string): JsonValue | undefined {
  const { claims } = identity;
  if (claims !== undefined) return Object.hasOwn(claims, name) ? claims[name] : undefined;
  switch (name) {
    case 'sub':
      return identity.subject;
    case 'client_id':
      return identity.clientId;
    case 'scope':
      return identity.scopes.join(' ');
    case 'acr':
      return identity.acr;
    case 'auth_time':
      return identity.authTime;
    case 'amr':
      return identity.amr && [...identity.amr];
    case 'roles':
      return identity.roles && [...identity.roles];
    case 'groups':
      return identity.groups && [...identity.groups];
    case 'environment':
      return identity.environment;
    case 'plan':
      return identity.plan;
    default:
      return undefined;
  }
}
