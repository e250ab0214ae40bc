/**
 * The claims `roles` and `groups` (RFC 9068 §2.2.3.1) of a person, for clients that were given the
 * scopes of these names. Who has none has no such claim.
 */
import type { JsonObject, TenantId } from '@mintmark/core';
import { type RightsStore, rightsOf } from './rights.ts';

export type RightsClaims = (of: {
  readonly tenant: TenantId;
  readonly subject: string;
  readonly scopes: readonly string[];
  /** No claim has more names than this: a token has to fit into a header. */
  readonly namesMax: number;
}) => Promise<JsonObject>;

export function createRightsClaims(store: RightsStore): RightsClaims {
  return async ({ tenant, subject, scopes, namesMax }) => {
    if (!scopes.includes('roles') && !scopes.includes('groups')) return {};
    const { roles, groups } = await rightsOf(store, tenant, subject);
    const claims: Record<string, readonly string[]> = {};
    for (const [name, values] of [
      ['roles', [...roles]],
      ['groups', groups],
    ] as const) {
      const fits = values.length > 0 && values.length <= namesMax;
      if (scopes.includes(name) && fits) claims[name] = values.toSorted();
    }
    return claims as JsonObject;
  };
}
