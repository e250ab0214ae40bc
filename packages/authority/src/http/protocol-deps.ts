/** What the protocol endpoints are given; each takes the part that it uses. */
import {
  err,
  type FailureBudget,
  type HttpRequest,
  ok,
  type Result,
  type TenantId,
  type UnixMs,
} from '@mintmark/core';
import type { RefusalTally } from '../admin/refusal-tally.ts';
import type { BeginDeviceDeps } from '../authorization/device-grants.ts';
import type { ClientAuthenticator, PresentedClient } from '../clients/authenticate.ts';
import type { Client } from '../clients/client.ts';
import type { ClientAuthMethod } from '../clients/client-rules.ts';
import type { GrantDeps } from '../grants/grant.ts';
import type { UserinfoDeps } from '../grants/userinfo.ts';
import type { ActiveToken, IntrospectionCaller } from '../introspection/introspect.ts';
import type { RefreshReaders } from '../issuance/presented-refresh.ts';
import type { RevokeOwnDeps } from '../revocation/revoke-own.ts';
import type { StatusLists } from '../revocation/status-lists.ts';
import type { Step } from '../store/act.ts';
import type { BackchannelDeps } from './bc-authorize.ts';
import type { Form } from './form.ts';
import type { PageDeps } from './interaction.ts';
import type { LeakDeps } from './leaks.ts';
import { presentedClient } from './presented-client.ts';
import type { RegisterDeps } from './register.ts';
import type { ProtocolRefusal } from './render-error.ts';

/** An API key that is good now, as introspection shows it. */
export interface ActiveKey {
  readonly active: true;
  readonly kind: 'api_key';
  readonly id: string;
  readonly owner: string;
  readonly scopes: readonly string[];
  readonly createdAt: UnixMs;
  /** Resources that a personal access token is for; empty: any. */
  readonly audience: readonly string[];
  readonly expiresAtSeconds: number | undefined;
  /** Its uses are counted: each is spent before it is let through. */
  readonly metered?: true;
  /** What was presented, where that was derived from the key. */
  readonly subKey?: { readonly id: string; readonly label: string | undefined };
}

export interface ProtocolDeps {
  readonly grants: GrantDeps;
  readonly userinfo: UserinfoDeps;
  readonly revocation: RevokeOwnDeps & RefreshReaders;
  readonly authenticator: ClientAuthenticator;
  /** Judges access tokens and, for gateways, API keys. */
  readonly introspect: (input: {
    readonly tenant: TenantId;
    readonly token: string;
    readonly caller: IntrospectionCaller;
    readonly address: string | undefined;
    /** Whether the caller holds a sub-key's use against its restrictions; else one is refused. */
    readonly judgesUse?: boolean;
  }) => Promise<ActiveToken | ActiveKey | { readonly active: false; readonly reason: string }>;
  /** Whether the Authorization header holds a management credential that may act as a gateway. */
  readonly isGateway: (request: HttpRequest, tenant: TenantId) => Promise<boolean>;
  /** What tokens must be made for to be any business of a gateway. */
  readonly gatewayAudiences: (tenant: TenantId) => Promise<ReadonlySet<string>>;
  readonly pages: (tenant: TenantId) => PageDeps;
  readonly devices: BeginDeviceDeps;
  readonly backchannel: BackchannelDeps;
  /** The same for one that may register clients. */
  readonly isRegistrar: (request: HttpRequest, tenant: TenantId) => Promise<boolean>;
  readonly register: RegisterDeps;
  readonly statusLists: StatusLists;
  /** Reports of leaked tokens, from whoever shows them. */
  readonly leaks: LeakDeps;
  readonly failures: FailureBudget;
  /** Counts a caller that could not prove who it is, for the audit trail. */
  readonly refused: RefusalTally['note'];
  /** Counts what a client asked for and may not have: it may have lost it on trial. */
  readonly scopesRefused: (tenant: TenantId, clientId: string, scopes: readonly string[]) => void;
  readonly issuerOf: (tenant: TenantId) => string;
  /** Whether pages of the origin may read what the endpoints for applications answer. */
  readonly isKnownOrigin: (tenant: TenantId, origin: string) => Promise<boolean>;
  readonly jwks: (tenant: TenantId) => Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Keys by which gateways sign for upstreams. */
  readonly gatewayKeys: ProtocolDeps['jwks'];
  /** At most the time by which a key is published before it signs. */
  readonly jwksMaxAgeSeconds: number;
  readonly authMethods: readonly ClientAuthMethod[];
  /** Base URL of the tenant's endpoints for those who show certificates, where it has one. */
  readonly mtlsUrlOf: (tenant: TenantId) => string | undefined;
  /** Told of every fault and bug, for the log. */
  readonly onFault: (fault: unknown) => void;
}

/** What the budget of failures knows a client by; undefined where it proves nothing. */
export function nameOf(
  tenant: TenantId,
  presented: PresentedClient | undefined,
): string | undefined {
  if (presented === undefined || presented.method === 'none') return undefined;
  return `client ${tenant} ${presented.clientId}`;
}

/**
 * Authenticates the calling client of an endpoint other than the token endpoint. Failures spend
 * the address's budget; an address without any is refused before the look-up.
 */
export async function callingClient(
  deps: Pick<ProtocolDeps, 'authenticator' | 'failures' | 'refused'>,
  input: {
    readonly tenant: TenantId;
    /** What was asked, for the record. */
    readonly surface: string;
    readonly request: HttpRequest;
    readonly form: Form;
    /** Judged once the client is known, and spent with what proved it. */
    readonly also?: (client: Client) => Result<readonly Step[], ProtocolRefusal>;
  },
): Promise<Result<Client, ProtocolRefusal>> {
  const { tenant, surface, request, form, also } = input;
  const address = request.remoteAddress;
  const presented = presentedClient(request.header('authorization'), form, request.peerCertificate);
  if (!presented.ok) return presented;
  const who = nameOf(tenant, presented.value);
  const retryAfterSeconds = deps.failures.retryAfterSeconds(address, who);
  if (retryAfterSeconds > 0) {
    return { ok: false, refusal: { reason: 'too_many_failures', retryAfterSeconds } };
  }
  if (presented.value === undefined) {
    return { ok: false, refusal: { reason: 'caller_unauthenticated' } };
  }
  const known = await deps.authenticator.authenticate(tenant, presented.value);
  const failed = (refusal: ProtocolRefusal, reason: string): Result<Client, ProtocolRefusal> => {
    deps.failures.failed(address, who);
    deps.refused({ tenant, surface, reason, address });
    return err(refusal);
  };
  if (!known.ok) {
    const { method } = presented.value;
    const why = known.refusal;
    return failed({ reason: 'client_unauthenticated', why, method }, why.reason);
  }
  const { client, once } = known.value;
  const more = also?.(client) ?? ok([]);
  if (!more.ok) return more;
  const spent = await deps.authenticator.spend([...once, ...more.value]);
  if (spent !== 'spent') return failed({ reason: spent }, spent);
  if (who !== undefined) deps.failures.proven(address, who);
  return ok(client);
}
