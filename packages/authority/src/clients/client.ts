/**
 * A client as the authority judges it: RFC 7591 metadata and Mintmark's own rules, parsed once from
 * its row. What a client may do is decided from this value alone.
 */
import type { ClientId, JwsAlgorithm, TenantId } from '@mintmark/core';
import type { AccessTokenFormat } from '../issuance/issue.ts';
import type { Row } from '../store/tables.ts';

export type GrantType = 'client_credentials';

export type ClientAuthMethod = 'client_secret_basic' | 'client_secret_post';

export type ClientStatus = 'active' | 'disabled';

/** What an administrator decides about a client. */
export interface ClientRules {
  readonly name: string;
  readonly owner: string;
  readonly grantTypes: readonly GrantType[];
  readonly authMethod: ClientAuthMethod;
  /** Scopes that it may ask for; it gets all of them where it asks for none. */
  readonly scopes: readonly string[];
  /** Resources it may ask for (RFC 8707); the first is the default. Empty: the issuer itself. */
  readonly audiences: readonly string[];
  /** Resources that this client serves: it may introspect the tokens that are meant for them. */
  readonly resources: readonly string[];
  readonly accessTokenFormat: AccessTokenFormat;
  readonly accessTokenTtlSeconds: number;
  readonly accessTokenAlgorithm: JwsAlgorithm;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Client extends ClientRules {
  readonly tenant: TenantId;
  readonly clientId: ClientId;
  readonly status: ClientStatus;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Goes up with every change, secrets included; the ETag, and what a minting act requires. */
  readonly version: number;
}

export function clientOf(row: Row<'clients'>): Client {
  return {
    // The rules were validated by the management API's schema before they were stored.
    ...(row.metadata as unknown as ClientRules),
    tenant: row.tenant as TenantId,
    clientId: row.clientId as ClientId,
    status: row.status as ClientStatus,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    version: row.version,
  };
}
