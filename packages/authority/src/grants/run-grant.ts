/**
 * The token endpoint's phases, the same for every grant: authenticate the client, see that it may
 * use the grant, settle scope and audience, let the grant judge, issue. A grant fills in its own
 * judgement and cannot forget a shared phase. Adding one touches its own file and the list below.
 */
import {
  type ClientId,
  err,
  isScope,
  limits,
  type Result,
  type SubjectId,
  type TenantId,
} from '@mintmark/core';
import type {
  ClientAuthenticator,
  ClientAuthRefusal,
  PresentedClient,
} from '../clients/authenticate.ts';
import type { Client } from '../clients/client.ts';
import type { ClientAuthMethod, GrantType } from '../clients/client-rules.ts';
import {
  type IssueDeps,
  type IssuedToken,
  type IssueRefusal,
  issueAccessToken,
} from '../issuance/issue.ts';
import type { Step } from '../store/act.ts';
import { clientCredentials } from './client-credentials.ts';

/** A token request, parsed out of its form once; no grant reaches into the raw form. */
export interface TokenRequest {
  readonly tenant: TenantId;
  readonly grantType: string;
  readonly presented: PresentedClient | undefined;
  readonly scopes: readonly string[] | undefined;
  /** Resource indicators (RFC 8707), possibly none. */
  readonly resources: readonly string[];
  readonly address: string;
  readonly requestId?: string | undefined;
}

export type TokenRefusal =
  | {
      readonly reason: 'client_unauthenticated';
      readonly why: ClientAuthRefusal | undefined;
      /** How it tried to. */
      readonly method?: ClientAuthMethod;
    }
  | { readonly reason: 'unsupported_grant_type' }
  | { readonly reason: 'grant_not_allowed' }
  | { readonly reason: 'malformed_scope' }
  | { readonly reason: 'scope_not_allowed'; readonly scopes: readonly string[] }
  | { readonly reason: 'target_not_allowed'; readonly resources: readonly string[] }
  | IssueRefusal;

/** What a grant found: on whose behalf, and what it may not exceed. */
export interface Judgement {
  readonly subject: SubjectId;
}

/** A grant judges; it never writes. */
export interface Grant {
  readonly type: GrantType;
  judge(request: TokenRequest, client: Client): Promise<Result<Judgement, TokenRefusal>>;
}

/** Every grant that the token endpoint knows. */
export const grants: readonly Grant[] = [clientCredentials];

export interface GrantDeps extends IssueDeps {
  readonly authenticator: ClientAuthenticator;
  /**
   * Brings this process's view of the tenant's feed and signing keys up to the store's: what
   * another process revoked or replaced before the call is known after it.
   */
  readonly refresh: (tenant: TenantId) => Promise<void>;
}

/** How often to judge where the client changed, or was revoked, between judgement and act. */
const attemptsMax = 4;

/**
 * Runs a token request to its end.
 *
 * @returns the token, or why not; refusals say what an operator needs and are rendered by
 *   `http/render-error.ts`
 * @throws StoreFault, CustodyFault: nothing was issued
 */
export async function runGrant(
  deps: GrantDeps,
  request: TokenRequest,
): Promise<Result<IssuedToken, TokenRefusal>> {
  const { presented, tenant } = request;
  if (presented === undefined) return err({ reason: 'client_unauthenticated', why: undefined });
  const authenticated = await deps.authenticator.authenticate(tenant, presented);
  if (!authenticated.ok) return unauthenticated(presented, authenticated.refusal);
  const grant = grants.find((candidate) => candidate.type === request.grantType);
  if (grant === undefined) return err({ reason: 'unsupported_grant_type' });

  let { client } = authenticated.value;
  const { once } = authenticated.value;
  for (let attempt = 1; ; attempt++) {
    const issued = await judgeAndIssue(deps, { request, client, once, grant });
    if (issued.ok || !isRetryable(issued.refusal) || attempt === attemptsMax) return issued;
    // Where another process made the change, the same view would be refused again.
    await deps.refresh(tenant);
    // Who authenticated stays authenticated; what it may do is read afresh.
    const fresh = await deps.authenticator.reload(tenant, client.clientId);
    if (fresh === undefined || fresh.status !== 'active') {
      return unauthenticated(presented, { reason: 'client_disabled' });
    }
    client = fresh;
  }
}

function unauthenticated(
  { method }: PresentedClient,
  why: ClientAuthRefusal,
): Result<never, TokenRefusal> {
  return err({ reason: 'client_unauthenticated', why, method });
}

async function judgeAndIssue(
  deps: GrantDeps,
  input: {
    readonly request: TokenRequest;
    readonly client: Client;
    readonly once: readonly Step[];
    readonly grant: Grant;
  },
): Promise<Result<IssuedToken, TokenRefusal>> {
  const { request, client, once, grant } = input;
  if (!client.grantTypes.includes(grant.type)) return err({ reason: 'grant_not_allowed' });
  const scopes = settleScopes(request.scopes, client.scopes);
  if (!scopes.ok) return scopes;
  const audience = settleAudience(
    request.resources,
    client.audiences,
    deps.issuerOf(client.tenant),
  );
  if (!audience.ok) return audience;
  const judged = await grant.judge(request, client);
  if (!judged.ok) return judged;
  return issueAccessToken(deps, {
    tenant: client.tenant,
    clientId: client.clientId as ClientId,
    clientVersion: client.version,
    format: client.accessTokenFormat,
    ttlSeconds: client.accessTokenTtlSeconds,
    algorithm: client.accessTokenAlgorithm,
    subject: judged.value.subject,
    scopes: scopes.value,
    audience: audience.value,
    grant: grant.type,
    once,
    address: request.address,
    requestId: request.requestId,
  });
}

function isRetryable(refusal: TokenRefusal): boolean {
  return refusal.reason === 'client_changed' || refusal.reason === 'revoked_meanwhile';
}

/** Asked for none: all that it may have (RFC 6749 §3.3 lets the server choose a default). */
function settleScopes(
  asked: readonly string[] | undefined,
  allowed: readonly string[],
): Result<readonly string[], TokenRefusal> {
  if (asked === undefined) return { ok: true, value: allowed };
  const wellFormed = (scope: string): boolean =>
    scope.length <= limits.scopeCharsMax && isScope(scope);
  if (asked.length > limits.scopesMax || !asked.every(wellFormed)) {
    return err({ reason: 'malformed_scope' });
  }
  const refused = asked.filter((scope) => !allowed.includes(scope));
  if (refused.length > 0) return err({ reason: 'scope_not_allowed', scopes: refused });
  return { ok: true, value: [...new Set(asked)] };
}

/** RFC 8707 §2: a resource that is not allowed is `invalid_target`, never silently another. */
function settleAudience(
  asked: readonly string[],
  allowed: readonly string[],
  issuer: string,
): Result<readonly string[], TokenRefusal> {
  if (asked.length === 0) return { ok: true, value: [allowed[0] ?? issuer] };
  const refused = asked.filter((resource) => !allowed.includes(resource));
  if (refused.length > 0) return err({ reason: 'target_not_allowed', resources: refused });
  return { ok: true, value: [...new Set(asked)] };
}
