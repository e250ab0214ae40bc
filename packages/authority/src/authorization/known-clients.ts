/** Clients as the authorization endpoint finds them. */
import type { TenantId } from '@mintmark/core';
import { type Client, clientOf } from '../clients/client.ts';
import type { Store } from '../store/store.ts';

/** @returns undefined where there is none */
export async function findClient(
  store: Pick<Store, 'clients'>,
  tenant: TenantId,
  clientId: string,
): Promise<Client | undefined> {
  const row = await store.clients.get(tenant, clientId);
  return row && clientOf(row);
}
