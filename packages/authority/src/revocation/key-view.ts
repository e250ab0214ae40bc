/** An API key as enforcement points see it: everything needed to judge it, and no secret. */
import {
  base64urlEncode,
  type KeyId,
  type KeyView,
  type TenantId,
  type UnixMs,
  type UnixSeconds,
} from '@mintmark/core';
import type { Row } from '../store/tables.ts';

/**
 * @param row a row of kind `key` or `admin`; its times are milliseconds, the view's whole seconds
 * @param verifier base64url SHA-256 of the secret, for nodes that check by themselves
 */
export function keyViewOf(row: Row<'keys'>, verifier?: string): KeyView {
  return {
    id: row.id as KeyId,
    tenant: row.tenant as TenantId,
    status: row.status,
    owner: row.owner,
    scopes: row.scopes,
    createdAt: row.createdAt as UnixMs,
    ...(verifier === undefined ? {} : { verifier }),
    ...derivationKeyOf(row),
    ...(row.environment === null ? {} : { environment: row.environment }),
    ...(row.plan === null ? {} : { plan: row.plan }),
    ...(row.allowedAddresses === null ? {} : { allowedAddresses: row.allowedAddresses }),
    ...(row.allowedCountries === null ? {} : { allowedCountries: row.allowedCountries }),
    ...(row.deniedCountries === null ? {} : { deniedCountries: row.deniedCountries }),
    ...(row.budget === null ? {} : { metered: true }),
    ...(row.notBefore === null ? {} : { notBefore: seconds(row.notBefore) }),
    ...(row.expiresAt === null ? {} : { expiresAt: seconds(row.expiresAt) }),
    ...(row.successor === null ? {} : { successor: row.successor as KeyId }),
    ...(row.pat === null ? {} : { pat: row.pat }),
  };
}

function derivationKeyOf({ derivationKey }: Row<'keys'>): Pick<KeyView, 'derivationKey'> {
  return derivationKey === null ? {} : { derivationKey: base64urlEncode(derivationKey) };
}

function seconds(ms: number): UnixSeconds {
  return Math.floor(ms / 1000) as UnixSeconds;
}
