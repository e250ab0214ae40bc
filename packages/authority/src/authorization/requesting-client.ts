/** What the authorization endpoint reads of a client. */
import type { ClientId, TenantId } from '@mintmark/core';

export interface RequestingClient {
  readonly tenant: TenantId;
  readonly clientId: ClientId;
  readonly version: number;
  readonly status: 'active' | 'disabled';
  readonly name: string;
  readonly applicationType: 'web' | 'native';
  readonly grantTypes: readonly string[];
  readonly authMethod: string;
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  readonly redirectUris: readonly string[];
  readonly requirePkce: boolean;
  readonly requirePushedAuthorizationRequests: boolean;
  readonly consent: 'required' | 'implicit';
  readonly defaultAcrValues: readonly string[];
  readonly defaultMaxAgeSeconds?: number | undefined;
}
