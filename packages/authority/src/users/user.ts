/**
 * A user as the rest of the authority sees one: parsed from its row, its claims opened. The subject
 * is random and ours, so that it says nothing and never passes to a second person.
 */
import { type SubjectId, type TenantId, utf8, utf8Decode } from '@mintmark/core';
import { sealContext } from '../custody/contexts.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { Row } from '../store/tables.ts';

export type UserStatus = 'active' | 'disabled';

/** OpenID Connect Core 1.0 §5.1.1. */
export interface Address {
  readonly formatted?: string | undefined;
  readonly street_address?: string | undefined;
  readonly locality?: string | undefined;
  readonly region?: string | undefined;
  readonly postal_code?: string | undefined;
  readonly country?: string | undefined;
}

/** The standard claims of OpenID Connect Core 1.0 §5.1, spelled as they are there; not `sub`. */
export interface Claims {
  readonly name?: string | undefined;
  readonly given_name?: string | undefined;
  readonly family_name?: string | undefined;
  readonly middle_name?: string | undefined;
  readonly nickname?: string | undefined;
  readonly preferred_username?: string | undefined;
  readonly profile?: string | undefined;
  readonly picture?: string | undefined;
  readonly website?: string | undefined;
  readonly email?: string | undefined;
  readonly email_verified?: boolean | undefined;
  readonly gender?: string | undefined;
  readonly birthdate?: string | undefined;
  readonly zoneinfo?: string | undefined;
  readonly locale?: string | undefined;
  readonly phone_number?: string | undefined;
  readonly phone_number_verified?: boolean | undefined;
  readonly address?: Address | undefined;
  /** Unix seconds. */
  readonly updated_at?: number | undefined;
}

export interface User {
  readonly tenant: TenantId;
  readonly id: SubjectId;
  /** As it was written; compared only by `findByUsername`. */
  readonly username: string;
  readonly status: UserStatus;
  /** As relying parties get them: `updated_at` is always there. */
  readonly claims: Claims & { readonly updated_at: number };
  /** As an administrator set them. */
  readonly givenClaims: Claims;
  readonly hasPassword: boolean;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Goes up with every change; the ETag. */
  readonly version: number;
}

/**
 * @returns undefined for a tombstone
 * @throws CustodyFault where the claims do not open
 */
export async function userOf(
  sealer: Pick<Sealer, 'open'>,
  row: Row<'users'>,
): Promise<User | undefined> {
  if (row.status === 'deleted') return undefined;
  const givenClaims = await openClaims(sealer, row);
  return {
    tenant: row.tenant as TenantId,
    id: row.id as SubjectId,
    username: row.username,
    status: row.status,
    claims: {
      ...givenClaims,
      updated_at: givenClaims.updated_at ?? Math.floor(row.updatedAt / 1000),
    },
    givenClaims,
    hasPassword: row.passwordHash !== null,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    version: row.version,
  };
}

/** @throws CustodyFault, StoreFault */
export async function sealClaims(
  sealer: Pick<Sealer, 'seal'>,
  input: { readonly tenant: TenantId; readonly id: string; readonly claims: Claims },
): Promise<Uint8Array | null> {
  const { tenant, id, claims } = input;
  const text = JSON.stringify(claims);
  return text === '{}' ? null : sealer.seal(tenant, sealContext.userClaims(id), utf8(text));
}

async function openClaims(sealer: Pick<Sealer, 'open'>, row: Row<'users'>): Promise<Claims> {
  if (row.sealedClaims === null) return {};
  const context = sealContext.userClaims(row.id);
  const opened = await sealer.open(row.tenant as TenantId, context, row.sealedClaims);
  // It was parsed by the management API's schema before it was sealed.
  return JSON.parse(utf8Decode(opened) ?? '') as Claims;
}
