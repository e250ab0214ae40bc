/**
 * What a person has agreed to and nobody has redeemed yet: authorization codes, approved device
 * codes, approved requests by the back channel. None of them has a token or a family's row; each
 * ends with the family that it was to begin. They live for minutes, so that few rows are looked at.
 */
import { limits, type TenantId, type UnixMs, type UnixSeconds } from '@mintmark/core';
import { tokenIdsFrom } from '@mintmark/tokens';
import type { Store } from '../store/store.ts';
import { textsOf } from './issued-token.ts';

/** A grant that waits for its client. */
export interface Unredeemed {
  readonly id: string;
  readonly grant: string;
  readonly clientId: string;
  readonly subject: string;
  readonly family: string;
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  readonly position: number;
  readonly issuedAt: UnixSeconds;
}

export const unredeemedParts = ['codes', 'devices', 'requests'] as const;

export type UnredeemedPart = (typeof unredeemedParts)[number];

type Place = readonly (string | number)[];

interface Page {
  readonly found: readonly Unredeemed[];
  /** Where to go on; undefined at the end. */
  readonly after: Place | undefined;
}

type Stores = Pick<Store, 'authorizationCodes' | 'deviceGrants' | 'backchannelRequests'>;

/** @throws StoreFault */
export function unredeemedPage(
  store: Stores,
  part: UnredeemedPart,
  of: { readonly tenant: TenantId; readonly now: UnixMs; readonly after: Place | undefined },
): Promise<Page> {
  switch (part) {
    case 'codes':
      return codes(store, of);
    case 'devices':
      return devices(store, of);
    case 'requests':
      return requests(store, of);
  }
}

type Of = Parameters<typeof unredeemedPage>[2];

/** By their ids, which say the day of their end and the second of their making. */
async function codes(store: Stores, { tenant, now, after }: Of): Promise<Page> {
  const seconds = Math.floor(now / 1000);
  const made = (seconds - limits.authorizationCodeSeconds) as UnixSeconds;
  const days = [seconds, seconds + limits.authorizationCodeSeconds].map((end) =>
    Math.floor(end / 86_400),
  );
  const partition = Number(after?.[0] ?? days[0]);
  const begin = [partition, tenant, tokenIdsFrom({ partition, made })];
  const rows = await store.authorizationCodes.list({
    where: { partition, tenant },
    after: after?.length === 3 ? after : begin,
    limit: limits.longReadRows,
  });
  const found = rows
    .filter((row) => row.consumedAt === null && row.expiresAtSeconds > seconds)
    .map(({ id, clientId, subject, family, position, terms, expiresAtSeconds }) => ({
      ...{ id, grant: 'authorization_code', clientId, subject, family, position },
      ...{ scopes: textsOf(terms['scopes']), audience: textsOf(terms['audience']) },
      issuedAt: (expiresAtSeconds - limits.authorizationCodeSeconds) as UnixSeconds,
    }));
  const last = rows.length < limits.longReadRows ? undefined : rows.at(-1);
  if (last !== undefined) return { found, after: [last.partition, last.tenant, last.id] };
  // Around midnight some end today and some tomorrow.
  const next = days.find((day) => day > partition);
  return { found, after: next === undefined ? undefined : [next] };
}

async function devices(store: Stores, { tenant, now, after }: Of): Promise<Page> {
  const rows = await store.deviceGrants.list({
    where: { tenant, status: 'approved' },
    ...(after === undefined ? {} : { after }),
    limit: limits.longReadRows,
  });
  const found = rows.flatMap(({ id, clientId, approval, expiresAtSeconds }) => {
    if (approval === null || expiresAtSeconds * 1000 <= now) return [];
    const terms = approval['terms'] as Record<string, unknown>;
    return {
      ...{ id, grant: 'urn:ietf:params:oauth:grant-type:device_code', clientId },
      ...{ subject: String(approval['subject']), family: String(approval['family']) },
      ...{ scopes: textsOf(terms['scopes']), audience: textsOf(terms['audience']) },
      position: Number(approval['position']),
      issuedAt: Number(approval['approvedAt']) as UnixSeconds,
    };
  });
  const last = rows.length < limits.longReadRows ? undefined : rows.at(-1);
  return { found, after: last && [last.tenant, last.id] };
}

async function requests(store: Stores, { tenant, now, after }: Of): Promise<Page> {
  const rows = await store.backchannelRequests.list({
    where: { tenant, status: 'approved' },
    ...(after === undefined ? {} : { after }),
    limit: limits.longReadRows,
  });
  const found = rows.flatMap((row) => {
    const { id, clientId, subject, family, terms, position, createdAt } = row;
    if (family === null || terms === null || row.expiresAtSeconds * 1000 <= now) return [];
    return {
      ...{ id, grant: 'urn:openid:params:grant-type:ciba', clientId, subject, family, position },
      ...{ scopes: textsOf(terms['scopes']), audience: textsOf(terms['audience']) },
      // When it was asked: the approval has no moment of its own.
      issuedAt: Math.floor(createdAt / 1000) as UnixSeconds,
    };
  });
  const last = rows.length < limits.longReadRows ? undefined : rows.at(-1);
  return { found, after: last && [last.tenant, last.id] };
}
