/**
 * Authentication requests by the back channel (OpenID CIBA Core §7.3): made where a client asks for
 * a person, read back where it redeems the answer. `auth_req_id` is a secret token whose id leads
 * to the row; the row holds a keyed hash. What must never happen: one that is readable at rest.
 */
import {
  type ClientId,
  type Clock,
  type Entropy,
  equalConstantTime,
  type FamilyId,
  type FeedPosition,
  freshId,
  type JsonObject,
  type SubjectId,
  type TenantId,
  type UnixSeconds,
} from '@mintmark/core';
import { buildSecretToken, hashSecret, parseSecretToken } from '@mintmark/tokens';
import type { Peppers } from '../custody/peppers.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { GrantTerms } from './terms.ts';

/** What a client asks a person for. */
export interface AskedByBackchannel {
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  /** `authorization_details` (RFC 9396 §2), at least one where there are any. */
  readonly details?: readonly JsonObject[];
  /** In order of preference; any of them will do. */
  readonly acrValues: readonly string[];
  /** What the person compares with what the client shows. */
  readonly bindingMessage: string | null;
}

export interface AuthenticationRequest {
  readonly tenant: TenantId;
  readonly id: string;
  readonly clientId: ClientId;
  readonly subject: SubjectId;
  readonly status: 'pending' | 'approved' | 'denied' | 'redeemed';
  readonly asked: AskedByBackchannel;
  /** Once it is approved, with its family. */
  readonly terms: GrantTerms | undefined;
  readonly family: FamilyId | undefined;
  readonly position: FeedPosition;
  readonly pollSeconds: number;
  /** Unix milliseconds. */
  readonly nextPollAt: number;
  readonly createdAt: number;
  readonly expiresAt: UnixSeconds;
}

/** The text for the client, and what of it stands in the row. */
export function buildAuthReqId(
  deps: {
    readonly peppers: Pick<Peppers, 'current'>;
    readonly clock: Clock;
    readonly entropy: Entropy;
    readonly prefix: string;
  },
  tenant: TenantId,
): {
  readonly text: string;
  readonly row: Pick<Row<'backchannelRequests'>, 'id' | 'hash' | 'pepperVersion'>;
} {
  const { prefix, entropy, peppers } = deps;
  const id = freshId(entropy);
  const { text, secret } = buildSecretToken({ prefix, kind: 'br', id, entropy });
  const pepper = peppers.current();
  const hash = hashSecret({ pepper: pepper.key, tenant, id, secret });
  return { text, row: { id, hash, pepperVersion: pepper.version } };
}

/**
 * Finds the request that a client presents, answered and expired ones among them.
 *
 * @returns undefined where there is none such, or the secret in it is wrong
 * @throws StoreFault
 */
export async function findAuthReqId(
  deps: {
    readonly store: Pick<Store, 'backchannelRequests'>;
    readonly peppers: Pick<Peppers, 'find'>;
    readonly prefix: string;
  },
  tenant: TenantId,
  text: string,
): Promise<AuthenticationRequest | undefined> {
  const parsed = parseSecretToken(text, deps.prefix);
  if (!parsed.ok || parsed.value.kind !== 'br') return undefined;
  const { id, secret } = parsed.value;
  const row = await deps.store.backchannelRequests.get(tenant, id);
  const pepper = row === undefined ? undefined : await deps.peppers.find(row.pepperVersion);
  if (row === undefined || pepper === undefined) return undefined;
  const isRight = equalConstantTime(hashSecret({ pepper, tenant, id, secret }), row.hash);
  return isRight ? authenticationRequestOf(row) : undefined;
}

export function authenticationRequestOf(row: Row<'backchannelRequests'>): AuthenticationRequest {
  return {
    tenant: row.tenant as TenantId,
    id: row.id,
    clientId: row.clientId as ClientId,
    subject: row.subject as SubjectId,
    status: row.status,
    // Both are written by `authorization/` alone, out of these very types.
    asked: row.asked as unknown as AskedByBackchannel,
    terms: (row.terms ?? undefined) as unknown as GrantTerms | undefined,
    family: (row.family ?? undefined) as FamilyId | undefined,
    position: row.position,
    pollSeconds: row.pollSeconds,
    nextPollAt: row.nextPollAt,
    createdAt: row.createdAt,
    expiresAt: row.expiresAtSeconds as UnixSeconds,
  };
}
