/**
 * What a sub-key may do: each link takes something away, and a use must pass every one of them and
 * the key itself. Nothing here looks anything up; the key's own rights are judged by whoever holds
 * its row or its entry in the view.
 */
import { limits, type UnixSeconds } from '@mintmark/core';
import type { SubKeyLink } from './sub-key-link.ts';

export type SubKeyDenial = 'not_yet_valid' | 'expired' | 'address_not_allowed' | SubKeyRestricted;

/** It is good, and not for this use. */
export type SubKeyRestricted =
  | 'resource_restricted'
  | 'route_restricted'
  | 'method_restricted'
  | 'path_restricted';

/** A use, as far as its judge knows it. What is restricted and not known is refused. */
export interface SubKeyUse {
  readonly audience?: string | undefined;
  readonly route?: string | undefined;
  readonly method?: string | undefined;
  /** As the path that is forwarded: decoded and without dot segments. */
  readonly path?: string | undefined;
}

/** When and from where: what holds of a sub-key whatever it is used for. */
export function judgeSubKeyNow(
  links: readonly SubKeyLink[],
  at: { readonly now: UnixSeconds; readonly address: string | undefined },
): Exclude<SubKeyDenial, SubKeyRestricted> | undefined {
  const { now, address } = at;
  for (const link of links) {
    // Made in the future: a revocation of now would be forgotten before its end.
    if (link.issuedAt > now + limits.clockSkewSeconds) return 'not_yet_valid';
    if (now >= link.expiresAt) return 'expired';
    if (link.notBefore !== undefined && now < link.notBefore) return 'not_yet_valid';
    const { addressSet } = link;
    if (addressSet !== undefined && !(address !== undefined && addressSet.contains(address))) {
      return 'address_not_allowed';
    }
  }
  return undefined;
}

/** For what it is used. Scopes are judged by `narrowScopes`. */
export function judgeSubKeyUse(
  links: readonly SubKeyLink[],
  use: SubKeyUse,
): SubKeyRestricted | undefined {
  for (const { audiences, routes, methods, pathPrefix } of links) {
    if (!isAmong(audiences, use.audience)) return 'resource_restricted';
    if (!isAmong(routes, use.route)) return 'route_restricted';
    // HEAD is GET without the body (RFC 9110 §9.3.2).
    const isHead = use.method === 'HEAD' && methods?.includes('GET') === true;
    if (!isHead && !isAmong(methods, use.method)) return 'method_restricted';
    if (pathPrefix !== undefined && !isUnder(pathPrefix, use.path)) return 'path_restricted';
  }
  return undefined;
}

/** Whether `judgeSubKeyUse` depends on the use at all. */
export function isBoundToUse(links: readonly SubKeyLink[]): boolean {
  return judgeSubKeyUse(links, {}) !== undefined;
}

function isAmong(allowed: readonly string[] | undefined, one: string | undefined): boolean {
  return allowed === undefined || (one !== undefined && allowed.includes(one));
}

/** Whole segments: `/a` holds `/a` and `/a/b`, not `/ab`. */
function isUnder(prefix: string, path: string | undefined): boolean {
  if (path === undefined || !path.startsWith(prefix) || climbs(path)) return false;
  return prefix.endsWith('/') || path.length === prefix.length || path[prefix.length] === '/';
}

/** A server behind may take dot segments away, after it has unescaped them, and be elsewhere. */
function climbs(path: string): boolean {
  if (!path.includes('.') && !path.includes('%') && !path.includes('\\')) return false;
  const segments = path.replaceAll(/%2e/gi, '.').split(/\/|\\|%2f|%5c/i);
  return segments.some((segment) => segment === '.' || segment === '..');
}

/** What is left of the key's scopes. */
export function narrowScopes(
  scopes: readonly string[],
  links: readonly SubKeyLink[],
): readonly string[] {
  let left = scopes;
  for (const { scopes: own } of links) {
    if (own !== undefined) left = left.filter((scope) => own.includes(scope));
  }
  return left;
}

/** The first moment at which it is refused, whatever its key's own end. */
export function subKeyEnd(links: readonly SubKeyLink[]): UnixSeconds {
  return Math.min(...links.map(({ expiresAt }) => expiresAt)) as UnixSeconds;
}

/** How it is named in records: by its own link, the last one. */
export function subKeyName(links: readonly SubKeyLink[]): {
  readonly id: string;
  readonly label: string | undefined;
} {
  const { id, label } = links[links.length - 1]!;
  return { id, label };
}
