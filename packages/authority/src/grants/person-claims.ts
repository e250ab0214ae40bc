/** Which claims of a person a client gets: those of its scopes, and those it asked for by name. */
import type { JsonObject, JsonValue } from '@mintmark/core';
import type { Claims } from '../users/user.ts';

/** OpenID Connect Core §5.4 */
const byScope: Readonly<Record<string, readonly (keyof Claims)[]>> = {
  profile: [
    'name',
    'family_name',
    'given_name',
    'middle_name',
    'nickname',
    'preferred_username',
    'profile',
    'picture',
    'website',
    'gender',
    'birthdate',
    'zoneinfo',
    'locale',
    'updated_at',
  ],
  email: ['email', 'email_verified'],
  address: ['address'],
  phone: ['phone_number', 'phone_number_verified'],
};

/** Scopes that give claims, and the names that they give: what metadata tells. */
export const claimScopes: readonly string[] = Object.keys(byScope);
export const claimNames: readonly string[] = Object.values(byScope).flat();

/**
 * @param asked.names of the `claims` parameter (§5.5); those that we do not know give nothing
 * @returns what there is of it: a claim without a value is left out (§5.3.2)
 */
export function personClaims(
  claims: Claims,
  asked: { readonly scopes: readonly string[]; readonly names: readonly string[] },
): JsonObject {
  const names = new Set(asked.scopes.flatMap((scope) => ofScope(scope)));
  for (const name of asked.names) if (claimNames.includes(name)) names.add(name);
  const given: Record<string, JsonValue> = {};
  for (const name of names) {
    const value = claims[name as keyof Claims];
    if (value !== undefined) given[name] = value as JsonValue;
  }
  return given;
}

function ofScope(scope: string): readonly string[] {
  return Object.hasOwn(byScope, scope) ? (byScope[scope] ?? []) : [];
}
