/** A client as the authority judges it. What it may do is decided from this value alone. */
import type { ClientId, TenantId } from '@mintmark/core';
import type { Row } from '../store/tables.ts';
import { type ClientRules, clientRules } from './client-rules.ts';

export type ClientStatus = 'active' | 'disabled';

export interface Client extends ClientRules {
  readonly tenant: TenantId;
  readonly clientId: ClientId;
  readonly status: ClientStatus;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Goes up with every change, secrets included; the ETag, and what a minting act requires. */
  readonly version: number;
}

/** @throws ZodError where the row holds no client: stored state is suspect, and nothing is done */
export function clientOf(row: Row<'clients'>): Client {
  return {
    ...clientRules.parse(row.metadata),
    tenant: row.tenant as TenantId,
    clientId: row.clientId as ClientId,
    status: row.status === 'active' ? 'active' : 'disabled',
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    version: row.version,
  };
}

/** Without what the registry keeps beside the rules. */
export function rulesOnly(client: Client): ClientRules {
  const { tenant, clientId, status, createdAt, updatedAt, version, ...rules } = client;
  return rules;
}
