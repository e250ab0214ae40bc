/**
 * What people allowed clients, remembered until they take it back (OpenID Connect Core §3.1.2.4).
 */
import type { ClientId, SubjectId, TenantId } from '@mintmark/core';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { type Granted, joined } from './granted.ts';

export interface Consent {
  readonly tenant: TenantId;
  readonly subject: SubjectId;
  readonly clientId: ClientId;
  readonly granted: Granted;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly version: number;
}

export async function findConsent(
  store: Pick<Store, 'consents'>,
  of: Pick<Consent, 'tenant' | 'subject' | 'clientId'>,
): Promise<Consent | undefined> {
  const row = await store.consents.get(of.tenant, of.subject, of.clientId);
  return row && consentOf(row);
}

export function consentOf(row: Row<'consents'>): Consent {
  return {
    tenant: row.tenant as TenantId,
    subject: row.subject as SubjectId,
    clientId: row.clientId as ClientId,
    // Written by `grantConsent` alone.
    granted: row.granted as unknown as Granted,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    version: row.version,
  };
}

/** The consent is still what it was when it was judged. */
export function requireConsent({ tenant, subject, clientId, version }: Consent): Step {
  const where = { tenant, subject, clientId, version };
  return { do: 'require', table: 'consents', where, refused: 'consent_changed' };
}

/** Adds to what was allowed before; refused where that was changed, or taken back, meanwhile. */
export function grantConsent(input: {
  readonly of: Pick<Consent, 'tenant' | 'subject' | 'clientId'>;
  readonly known: Consent | undefined;
  readonly wanted: Granted;
  readonly now: number;
}): Step {
  const { known, wanted, now } = input;
  const { tenant, subject, clientId } = input.of;
  const granted = { ...joined(known?.granted, wanted) };
  const refused = 'consent_changed';
  if (known === undefined) {
    const row = { tenant, subject, clientId, granted, createdAt: now, updatedAt: now, version: 1 };
    return { do: 'insert', table: 'consents', row, refused };
  }
  const { version } = known;
  return {
    do: 'update',
    table: 'consents',
    where: { tenant, subject, clientId, version },
    set: { granted, updatedAt: now, version: version + 1 },
    refused,
  };
}
