/**
 * What an administrative credential may do. Permissions are the scopes of admin keys, and of access
 * tokens whose audience is the management API. `*` is all of them, `keys:*` all of one group.
 */
export const permissions = [
  'keys:read',
  'keys:write',
  /** Name another owner than oneself on a key. */
  'keys:assign',
  'keys:verify',
  /** See recoverable keys again: as good as holding them. */
  'keys:reveal',
  /** Let a key be that breaks the tenant's policy. */
  'keys:accept',
  'admin_keys:read',
  'admin_keys:write',
  'clients:read',
  'clients:write',
  /** Register clients at /oauth2/register, within what every such client may have. */
  'clients:register',
  /** See users and their claims. */
  'users:read',
  /** Make, change and delete users, their passwords included: as good as being any of them. */
  'users:write',
  /** See what clients ask people by the back channel. */
  'authentication_requests:read',
  /** Answer it: as good as being any user, towards every client that asks that way. */
  'authentication_requests:write',
  /** See people's personal access tokens. */
  'pats:read',
  /** Make and revoke them in the name of any user, within what that user may. */
  'pats:write',
  /** Approve them, and say what they may be. */
  'pats:approve',
  'roles:read',
  /** Write roles and groups. Who has them is `users:write`. */
  'roles:write',
  /** See what owners of credentials were told. */
  'notices:read',
  'routes:read',
  'routes:write',
  'policies:read',
  /** Write policies and APIs, and say which of them decide: as good as any right that they give. */
  'policies:write',
  /** See why decisions were as they were, with who asked for what. */
  'decisions:read',
  /** Ask for decisions about anybody (AuthZEN). */
  'access:evaluate',
  'plans:read',
  /** Write plans: how much whoever has one may ask for. */
  'plans:write',
  /** See what is left of somebody's limits. */
  'limits:read',
  /** Give plans, raise limits for one, and let a count begin anew. */
  'limits:write',
  /** See how limits that adapt changed, with whose they are. */
  'limit_changes:read',
  /** Take such changes back. */
  'limit_changes:write',
  'upstream_credentials:read',
  /** Keep what upstreams know gateways by. */
  'upstream_credentials:write',
  'threat_feeds:read',
  /** Say which lists of addresses are believed: as good as shutting anybody out. */
  'threat_feeds:write',
  'assertion_issuers:read',
  /** Say who outside may vouch for whom: as good as being any of those. */
  'assertion_issuers:write',
  'rotations:read',
  /** Say when keys and secrets rotate, and to which of the configured places they are brought. */
  'rotations:write',
  'signing_keys:read',
  'signing_keys:write',
  'custody:read',
  'custody:write',
  'revocations:read',
  'revocations:write',
  'leaks:read',
  /** Report leaked credentials, let them go, and say what is done about them. */
  'leaks:write',
  /** See what keys and clients may, and what of it they used. */
  'privileges:read',
  /** Take away from any of them what it did not use, and give that back. */
  'privileges:write',
  'tokens:inspect',
  'audit:read',
  /** See the personal data beside audit records: addresses, user agents. */
  'audit:personal',
  'nodes:read',
  'metrics:read',
  'tenants:read',
  /** Make, change, disable and delete tenants, and make administrators of them. */
  'tenants:write',
  /** Read the status feed, verifiers of keys included: for enforcement points. */
  'feed:read',
  /** Hand in the decisions of a gateway, to be counted. */
  'decisions:write',
  /** Publish the key by which a gateway tells upstreams who calls: for enforcement points. */
  'gateway_keys:write',
] as const;

export type Permission = (typeof permissions)[number];

const grantable: ReadonlySet<string> = new Set([
  '*',
  ...permissions,
  ...permissions.map((permission) => `${permission.split(':')[0]}:*`),
]);

/** Whether the text can stand among an admin key's scopes. */
export function isGrantable(text: string): boolean {
  return grantable.has(text);
}

/** Every spelling that `isGrantable` accepts, for descriptions. */
export const grantablePermissions: readonly string[] = [...grantable];

/**
 * Whether the holder of `held` has all that `wanted` stands for. Used both for a request and for
 * making a further credential: nobody gives away more than he has.
 */
export function covers(held: readonly string[], wanted: string): boolean {
  if (held.includes('*') || held.includes(wanted)) return true;
  return wanted !== '*' && held.includes(`${wanted.split(':')[0]}:*`);
}

/** The first of `wanted` that the holder of `held` has not; undefined where he has all of it. */
export function firstNotHeld(
  held: readonly string[],
  wanted: readonly string[],
): string | undefined {
  return wanted.find((permission) => !covers(held, permission));
}
