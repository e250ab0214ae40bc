/**
 * Places in status lists, for tokens that are to be in one. Each process fills lists of its own, so
 * that no two ever take the same place and nobody is asked; a full list is left for a new one. The
 * places of a list are taken in an order that nobody can guess: a token's number does not tell when
 * it was issued, nor how many were (RFC-ietf-oauth-status-list §12.1, §13.3).
 */
import { type Entropy, freshId, limits, type TenantId } from '@mintmark/core';

export interface StatusPlace {
  readonly list: string;
  readonly index: number;
}

export interface StatusPlaces {
  /** A place that no other token has or ever gets. */
  take(tenant: TenantId): StatusPlace;
}

/** The part of a list's path before its id. */
export const statusListsPath = '/oauth2/status-lists/';

/** Where a list stands. */
export function statusListUri(issuer: string, list: string): string {
  return `${issuer}${statusListsPath}${list}`;
}

interface OpenList {
  readonly id: string;
  /** What is left of it, shuffled as it is taken. */
  readonly left: Uint16Array;
  taken: number;
}

export function createStatusPlaces(entropy: Entropy): StatusPlaces {
  const open = new Map<TenantId, OpenList>();

  function listOf(tenant: TenantId): OpenList {
    const known = open.get(tenant);
    if (known !== undefined && known.taken < known.left.length) return known;
    open.delete(tenant);
    const oldest = open.keys().next();
    // Whose list is let go of begins another one: places are left empty, and none is taken twice.
    if (open.size >= limits.statusListsOpenMax && !oldest.done) open.delete(oldest.value);
    const left = Uint16Array.from({ length: limits.statusListEntries }, (_, index) => index);
    const list = { id: freshId(entropy), left, taken: 0 };
    open.set(tenant, list);
    return list;
  }

  return {
    take(tenant) {
      const list = listOf(tenant);
      const { left, taken } = list;
      const at = taken + below(entropy, left.length - taken);
      const index = left[at]!;
      left[at] = left[taken]!;
      list.taken++;
      return { list: list.id, index };
    },
  };
}

/** A number below the bound; of 2^32 so many more than of the bound that none is preferred. */
function below(entropy: Entropy, bound: number): number {
  return Buffer.from(entropy.bytes(4)).readUInt32BE() % bound;
}
