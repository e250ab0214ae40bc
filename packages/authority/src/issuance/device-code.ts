/**
 * Device codes (RFC 8628 §3.2): made where a device asks for access, read back where it comes for
 * its tokens. A device code is a secret token whose id leads to its row; the row holds keyed hashes
 * of it and of the user code, what was asked, and in the end who approved it. What must never
 * happen: a code readable at rest, or one that gives anything before a person has approved it.
 */
import {
  type ClientId,
  equalConstantTime,
  type FamilyId,
  type FeedPosition,
  type JsonObject,
  limits,
  nowSeconds,
  type SubjectId,
  type TenantId,
  type UnixSeconds,
} from '@mintmark/core';
import { buildSecretToken, freshTokenId, hashSecret, parseSecretToken } from '@mintmark/tokens';
import type { Peppers } from '../custody/peppers.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { IssueDeps } from './issue.ts';
import type { GrantTerms } from './terms.ts';
import { freshUserCode, hashUserCode } from './user-code.ts';

/** What a device asked for, and from where. */
export interface DeviceRequest {
  readonly scopes: readonly string[];
  /** Resources that the tokens will be for; never empty. */
  readonly audience: readonly string[];
  /** `authorization_details` (RFC 9396 §2), at least one where there are any. */
  readonly details?: readonly JsonObject[];
  /** Thumbprint of the DPoP key that the request has shown, and that must be shown again. */
  readonly dpopJkt: string | null;
  /** For the person who is asked to approve it. */
  readonly address: string;
  readonly device: string;
}

/** What a person approved, and what it will give. */
export interface DeviceApproval {
  readonly subject: SubjectId;
  readonly family: FamilyId;
  readonly terms: GrantTerms;
  /** Of the feed, at the approval. */
  readonly position: FeedPosition;
  readonly approvedAt: UnixSeconds;
}

export interface DeviceGrant {
  readonly tenant: TenantId;
  readonly id: string;
  readonly clientId: ClientId;
  readonly request: DeviceRequest;
  readonly status: Row<'deviceGrants'>['status'] & string;
  readonly intervalSeconds: number;
  /** Unix milliseconds; null: never. */
  readonly polledAt: number | null;
  readonly approval: DeviceApproval | null;
  readonly createdAt: UnixSeconds;
  readonly expiresAt: UnixSeconds;
}

type BuildDeps = Pick<IssueDeps, 'peppers' | 'clock' | 'entropy' | 'prefix'> & {
  /** Of `hashUserCode`. */
  readonly userCodeKey: Uint8Array;
};

/**
 * Makes a device code and its user code. They exist once the step has been committed.
 *
 * @returns both, for the answer to the device alone; and the step that inserts their row, refused
 *   with `user_code_taken`
 */
export function buildDeviceCode(
  deps: BuildDeps,
  draft: {
    readonly tenant: TenantId;
    readonly clientId: ClientId;
    readonly request: DeviceRequest;
  },
): { readonly text: string; readonly id: string; readonly userCode: string; readonly step: Step } {
  const { prefix, entropy, peppers, clock, userCodeKey } = deps;
  const { tenant, clientId, request } = draft;
  const now = nowSeconds(clock);
  const expiresAt = (now + limits.deviceCodeSeconds) as UnixSeconds;
  const id = freshTokenId({ now, expiresAt, entropy });
  const { text, secret } = buildSecretToken({ prefix, kind: 'dc', id, entropy });
  const userCode = freshUserCode(entropy);
  const pepper = peppers.current();
  const row: Row<'deviceGrants'> = {
    tenant,
    id,
    hash: hashSecret({ pepper: pepper.key, tenant, id, secret }),
    pepperVersion: pepper.version,
    userCode: hashUserCode(userCodeKey, tenant, userCode),
    clientId,
    request: { ...request },
    status: 'pending',
    intervalSeconds: limits.devicePollSeconds,
    polledAt: null,
    approval: null,
    expiresAtSeconds: expiresAt,
  };
  const step: Step = { do: 'insert', table: 'deviceGrants', row, refused: 'user_code_taken' };
  return { text, id, userCode, step };
}

/**
 * Finds the grant whose code a device presents, in whatever state it is.
 *
 * @returns undefined where there is none such, or the secret in it is wrong
 * @throws StoreFault
 */
export async function findDeviceCode(
  deps: {
    readonly store: Pick<Store, 'deviceGrants'>;
    readonly peppers: Pick<Peppers, 'find'>;
    readonly prefix: string;
  },
  tenant: TenantId,
  text: string,
): Promise<DeviceGrant | undefined> {
  const parsed = parseSecretToken(text, deps.prefix);
  if (!parsed.ok || parsed.value.kind !== 'dc') return undefined;
  const { id, secret } = parsed.value;
  const row = await deps.store.deviceGrants.get(tenant, id);
  const pepper = row === undefined ? undefined : await deps.peppers.find(row.pepperVersion);
  if (row === undefined || pepper === undefined) return undefined;
  if (!equalConstantTime(hashSecret({ pepper, tenant, id, secret }), row.hash)) return undefined;
  return deviceGrantOf(row);
}

/** Finds the grant that a person's typing leads to. */
export async function findByUserCode(
  deps: { readonly store: Pick<Store, 'deviceGrants'>; readonly userCodeKey: Uint8Array },
  tenant: TenantId,
  userCode: string,
): Promise<DeviceGrant | undefined> {
  const hashed = hashUserCode(deps.userCodeKey, tenant, userCode);
  const [row] = await deps.store.deviceGrants.list({
    where: { tenant, userCode: hashed },
    orderBy: ['userCode'],
    limit: 1,
  });
  return row && deviceGrantOf(row);
}

export function deviceGrantOf(row: Row<'deviceGrants'>): DeviceGrant {
  return {
    tenant: row.tenant as TenantId,
    id: row.id,
    clientId: row.clientId as ClientId,
    // Written by `buildDeviceCode` and by the approval alone.
    request: row.request as unknown as DeviceRequest,
    status: row.status as DeviceGrant['status'],
    intervalSeconds: row.intervalSeconds,
    polledAt: row.polledAt,
    approval: row.approval as unknown as DeviceApproval | null,
    createdAt: (row.expiresAtSeconds - limits.deviceCodeSeconds) as UnixSeconds,
    expiresAt: row.expiresAtSeconds as UnixSeconds,
  };
}
