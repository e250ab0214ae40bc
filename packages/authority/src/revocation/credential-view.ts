/** What gateways send to an upstream: opened here, and in no other place. */
import { type CredentialField, credentialField, type TenantId, utf8Decode } from '@mintmark/core';
import { sealContext } from '../custody/contexts.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { Row } from '../store/tables.ts';

/**
 * @returns null where this version cannot send it: routes that name it refuse then
 * @throws CustodyFault
 */
export async function credentialViewOf(
  sealer: Pick<Sealer, 'open'>,
  row: Row<'upstreamCredentials'>,
): Promise<CredentialField | null> {
  const field = credentialField(row.form, await openCredential(sealer, row));
  return field.ok ? field.value : null;
}

/** The secret of a credential. @throws CustodyFault */
export async function openCredential(
  sealer: Pick<Sealer, 'open'>,
  { tenant, name, sealedSecret }: Row<'upstreamCredentials'>,
): Promise<string> {
  const context = sealContext.upstreamCredential(name);
  return utf8Decode(await sealer.open(tenant as TenantId, context, sealedSecret)) ?? '';
}
