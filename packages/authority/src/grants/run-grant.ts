/**
 * The token endpoint's phases, the same for every grant: authenticate the client, judge the key
 * that its tokens are to be bound to, see that it may use the grant, let the grant judge, settle
 * scope and audience within what it found, issue. A grant fills in its own judgement and cannot
 * forget a shared phase. Adding one touches its own file and the list below.
 */
import {
  type ClientId,
  err,
  isScope,
  type JsonObject,
  limits,
  nowSeconds,
  ok,
  type Result,
  type TenantId,
  type TokenBinding,
} from '@mintmark/core';
import type { ClientAuthRefusal, PresentedClient } from '../clients/authenticate.ts';
import { judgeBinding } from '../clients/binding.ts';
import type { Client } from '../clients/client.ts';
import { type GrantType, isConfidential, type ResponseType } from '../clients/client-rules.ts';
import { recipientOf } from '../clients/recipient.ts';
import { readDetails } from '../details/read-details.ts';
import { settleDetails } from '../details/settle-details.ts';
import {
  type AccessTokenFormat,
  type IssuedTokens,
  type IssueInput,
  issueTokens,
  refusalOf,
} from '../issuance/issue.ts';
import type { RefreshDue } from '../issuance/refresh-token.ts';
import { termsOf } from '../issuance/terms.ts';
import type { Step } from '../store/act.ts';
import { askPolicies } from './ask-policies.ts';
import { authorizationCode } from './authorization-code.ts';
import { ciba } from './ciba.ts';
import { clientCredentials } from './client-credentials.ts';
import { type Additions, consultHook } from './consult-hook.ts';
import { deviceCode } from './device-code.ts';
import type {
  Effect,
  Grant,
  GrantDeps,
  Judgement,
  Targets,
  TokenRefusal,
  TokenRequest,
} from './grant.ts';
import { idTokenDue, userinfoWishes } from './identity.ts';
import { implicit } from './implicit.ts';
import { jwtBearer } from './jwt-bearer.ts';
import { refreshToken } from './refresh-token.ts';
import { tokenExchange } from './token-exchange.ts';

/** Every grant that the token endpoint knows. */
export const grants: readonly Grant[] = [
  authorizationCode,
  refreshToken,
  clientCredentials,
  jwtBearer,
  tokenExchange,
  deviceCode,
  ciba,
];

/** Every grant that a client may be registered for: one of them needs no token endpoint. */
export const grantTypesKnown: readonly GrantType[] = [...grants, implicit].map(({ type }) => type);

/** What was issued, and what its grant adds to the answer. */
export interface TokenAnswer extends IssuedTokens {
  readonly more: Readonly<Record<string, string>>;
}

/** How often to judge where the client changed, or was revoked, between judgement and act. */
const attemptsMax = 4;

/**
 * Runs a token request to its end.
 *
 * @returns the tokens, or why not; refusals say what an operator needs and are rendered by
 *   `http/render-error.ts`
 * @throws StoreFault, CustodyFault: nothing was issued
 */
export async function runGrant(
  deps: GrantDeps,
  request: TokenRequest,
): Promise<Result<TokenAnswer, TokenRefusal>> {
  const { presented, tenant } = request;
  if (presented === undefined) return err({ reason: 'client_unauthenticated', why: undefined });
  const authenticated = await deps.authenticator.authenticate(tenant, presented);
  if (!authenticated.ok) return unauthenticated(presented, authenticated.refusal);
  const grant = grants.find((candidate) => candidate.type === request.grantType);
  if (grant === undefined) return err({ reason: 'unsupported_grant_type' });

  const { client } = authenticated.value;
  const bound = judgeBinding(deps.proofs, client, request.keys);
  if (!bound.ok) return bound;
  const { binding } = bound.value;
  const once = [...authenticated.value.once, ...bound.value.once];
  const asked = { ...request, dpopJkt: binding?.by === 'jkt' ? binding.thumbprint : undefined };
  const issued = await issueAtLast(deps, { request: asked, client, binding, once, grant });
  return issued ?? unauthenticated(presented, { reason: 'client_disabled' });
}

/**
 * Redeems a code that was made a moment ago for a client whose answer is the tokens themselves.
 *
 * @returns the tokens, or why there are none
 * @throws StoreFault, CustodyFault: nothing was issued
 */
export async function redeemAtOnce(
  deps: GrantDeps,
  input: {
    readonly tenant: TenantId;
    readonly clientId: ClientId;
    readonly code: string;
    readonly redirectUri: string;
    readonly responseType: ResponseType;
    readonly address: string;
  },
): Promise<Result<TokenAnswer, TokenRefusal>> {
  const { tenant, clientId, code, redirectUri, responseType, address } = input;
  const client = await deps.authenticator.reload(tenant, clientId);
  if (client?.status !== 'active') return err({ reason: 'grant_not_allowed' });
  const parameters = new Map([
    ['code', code],
    ['redirect_uri', redirectUri],
    ['response_type', responseType],
  ]);
  const request: TokenRequest = {
    ...{ tenant, address, presented: undefined, scopes: undefined, resources: [], audiences: [] },
    grantType: implicit.type,
    parameter: (name) => parameters.get(name),
    keys: noKeys,
  };
  const attempt = { request, client, binding: undefined, once: [], grant: implicit };
  return (await issueAtLast(deps, attempt)) ?? err({ reason: 'grant_not_allowed' });
}

const noKeys = { proof: undefined, method: 'GET', path: '', certificate: undefined } as const;

/** @returns undefined where the client was disabled meanwhile */
async function issueAtLast(
  deps: GrantDeps,
  first: Attempt,
): Promise<Result<TokenAnswer, TokenRefusal> | undefined> {
  const { tenant } = first.request;
  let { client } = first;
  for (let attempt = 1; ; attempt++) {
    const issued = await judgeAndIssue(deps, { ...first, client });
    if (issued.ok || !isRetryable(issued.refusal) || attempt === attemptsMax) return issued;
    // Where another process made the change, the same view would be refused again.
    await deps.refresh(tenant);
    // Who authenticated stays authenticated; what it may do is read afresh.
    const fresh = await deps.authenticator.reload(tenant, client.clientId);
    if (fresh === undefined || fresh.status !== 'active') return undefined;
    client = fresh;
  }
}

function unauthenticated(
  { method }: PresentedClient,
  why: ClientAuthRefusal,
): Result<never, TokenRefusal> {
  return err({ reason: 'client_unauthenticated', why, method });
}

interface Attempt {
  readonly request: TokenRequest;
  readonly client: Client;
  readonly binding: TokenBinding | undefined;
  readonly once: readonly Step[];
  readonly grant: Grant;
}

async function judgeAndIssue(
  deps: GrantDeps,
  attempt: Attempt,
): Promise<Result<TokenAnswer, TokenRefusal>> {
  const { request, client, binding, once, grant } = attempt;
  if (!mayUse(deps, client, grant)) return err({ reason: 'grant_not_allowed' });
  const judged = await grant.judge(deps, request, client);
  if (!judged.ok) {
    const { refusal, effect } = judged;
    return err(
      effect === undefined ? refusal : await takeEffect(deps, attempt, { effect, refusal }),
    );
  }
  const judgement = judged.value;
  const scopes = await scopesOf(deps, attempt, judgement);
  if (!scopes.ok) return scopes;
  const wanted = grant.takesAudience
    ? [...request.resources, ...request.audiences]
    : request.resources;
  const audience = settleAudience(wanted, judgement.audience);
  if (!audience.ok) return audience;
  const format = judgement.isIdTokenAlone === true ? 'none' : formatOf(client);
  const ttlSeconds = ttlOf(deps, client, judgement);
  const asked = { scopes: scopes.value, audience: audience.value, format, ttlSeconds };
  const due = { ...asked, grant: grant.type, client, judgement, requestId: request.requestId };
  const permitted = await askPolicies(deps, { ...due, binding }, request);
  if (!permitted.ok) return err(await refusedOnRecord(deps, attempt, permitted.refusal));
  const consulted = await consultHook(deps, due);
  if (!consulted.ok) return err(await refusedOnRecord(deps, attempt, consulted.refusal));
  const additions = consulted.value;
  const wishes = await wishesOf(deps, client, { audience: audience.value, format });
  if (!wishes.ok) return wishes;
  const idToken = await idTokenDue(deps, client, { judgement, additions });
  if (!idToken.ok) return idToken;
  const details = await detailsDue(deps, attempt, { judgement, audience: audience.value });
  if (!details.ok) return details;
  const issued = await issueTokens(deps, {
    tenant: client.tenant,
    clientId: client.clientId as ClientId,
    clientVersion: client.version,
    format,
    ttlSeconds,
    actor: judgement.actor,
    vouchedBy: judgement.vouchedBy,
    signIn: judgement.signIn ?? judgement.terms,
    details: details.value,
    algorithm: client.accessTokenAlgorithm,
    subject: judgement.subject,
    scopes: additions.scopes,
    claims: await claimsOf(deps, client, { judgement, additions }),
    hook: additions.hook,
    decision: permitted.value,
    audience: audience.value,
    basis: judgement.basis,
    steps: [
      ...(judgement.steps ?? []),
      ...deps.clientUses.note(client),
      ...userinfoWishes(client, judgement, nowSeconds(deps.clock)),
    ],
    refresh: judgement.refresh ?? firstRefresh(attempt, judgement),
    ...wishes.value,
    idToken: idToken.value,
    grant: grant.type,
    binding: binding ?? judgement.binding,
    once,
    address: request.address,
    requestId: request.requestId,
  });
  return issued.ok ? ok({ ...issued.value, more: judgement.answer ?? {} }) : issued;
}

/** What the operator's program says, in place of what is known of the person's roles. */
async function claimsOf(
  deps: GrantDeps,
  { tenant }: Client,
  due: { readonly judgement: Judgement; readonly additions: Additions },
): Promise<JsonObject> {
  const { judgement, additions } = due;
  const of = { tenant, subject: judgement.subject, scopes: additions.scopes };
  const known = await deps.rightsClaims({ ...of, namesMax: limits.roleNamesInTokenMax });
  return { ...known, ...additions.accessToken };
}

/** Those of the request, as far as the grant gives them and the roles of its person. */
async function scopesOf(
  deps: GrantDeps,
  { client, grant, request }: Attempt,
  { subject, scopes }: Judgement,
): Promise<Result<readonly string[], TokenRefusal>> {
  const settled = settleScopes(grant.takesScope ? request.scopes : undefined, scopes);
  if (!settled.ok) return settled;
  const { tenant, clientId } = client;
  return ok(await deps.withinRights({ tenant, clientId, subject, scopes: settled.value }));
}

/** The tenant bounds all its clients, whatever they are registered for. */
function mayUse(deps: GrantDeps, client: Client, { type }: Grant): boolean {
  const { grantTypes } = deps.boundsOf(client.tenant);
  return client.grantTypes.includes(type) && (grantTypes?.has(type) ?? true);
}

/** What client and resource servers ask of a JWT. */
async function wishesOf(
  deps: GrantDeps,
  client: Client,
  token: { readonly audience: readonly string[]; readonly format: AccessTokenFormat },
): Promise<Result<Pick<IssueInput, 'isStatusListed' | 'recipient'>, TokenRefusal>> {
  const { audience, format } = token;
  if (format !== 'jwt') return ok({});
  const servers = await deps.protectedResources.asking(client.tenant, audience);
  const isStatusListed = [client, ...servers].some((one) => one.accessTokenStatusList);
  const reader = servers.find((one) => one.accessTokenKeyEncryption !== undefined);
  if (reader === undefined) return ok({ isStatusListed });
  // The others could not read it: whoever wants tokens for several asks for each.
  if (audience.length > 1) return err({ reason: 'target_not_allowed', resources: audience });
  const recipient = await recipientOf(deps.clientKeys, reader, 'accessToken');
  return recipient.ok ? ok({ isStatusListed, recipient: recipient.value }) : recipient;
}

function ttlOf(deps: GrantDeps, client: Client, { endsAt }: Judgement): number {
  const left = endsAt === undefined ? Number.POSITIVE_INFINITY : endsAt - nowSeconds(deps.clock);
  const { accessTokenSecondsMax } = deps.boundsOf(client.tenant);
  return Math.min(client.accessTokenTtlSeconds, accessTokenSecondsMax, left);
}

/** A JWT would show a pairwise client whom others know. */
function formatOf(client: Client): AccessTokenFormat {
  return client.subjectType === 'pairwise' ? 'opaque' : client.accessTokenFormat;
}

function isRetryable({ reason }: TokenRefusal): boolean {
  return reason === 'client_changed' || reason === 'revoked_meanwhile' || reason === 'overtaken';
}

/** What policies and the operator's own program decide is on record, like what they let pass. */
async function refusedOnRecord(
  deps: GrantDeps,
  attempt: Attempt,
  refusal: TokenRefusal,
): Promise<TokenRefusal> {
  if (refusal.reason !== 'hook_refused' && refusal.reason !== 'policy_denied') return refusal;
  const object = { kind: 'client', id: attempt.client.clientId } as const;
  return takeEffect(deps, attempt, { effect: { steps: [], object }, refusal });
}

/** A refusal that changes something is an act with a record. */
async function takeEffect(
  deps: GrantDeps,
  { request, client, once, grant }: Attempt,
  { effect, refusal }: { readonly effect: Effect; readonly refusal: TokenRefusal },
): Promise<TokenRefusal> {
  const { steps, object, related } = effect;
  const { outcome } = await deps.store.acts.run({
    steps: [...once, ...steps],
    audit:
      object === undefined
        ? null
        : await deps.recorder.record({
            tenant: client.tenant,
            action: 'token.refuse',
            at: deps.clock.nowMs(),
            actor: { kind: 'client', id: client.clientId },
            object,
            ...(related === undefined ? {} : { related }),
            result: refusal.reason,
            ...('why' in refusal && typeof refusal.why === 'string' ? { why: refusal.why } : {}),
            detail: { grant: grant.type, ...decisionOf(refusal) },
            personal: { address: request.address },
            ...(request.requestId === undefined ? {} : { requestId: request.requestId }),
          }),
  });
  return outcome === 'done' ? refusal : refusalOf(outcome);
}

/** What an operator has explained. */
function decisionOf(refusal: TokenRefusal): { readonly decision?: string } {
  return refusal.reason === 'policy_denied' ? { decision: refusal.decision } : {};
}

/**
 * A client that is registered for the grant `refresh_token` gets one wherever a person has agreed
 * to something, whether or not `offline_access` was asked for: OpenID Connect Core §11 leaves that
 * to the server, and RFC 7591 §2 makes the registration the client's own statement. Without
 * `offline_access` the family ends with the session: see `authorization/end-session.ts`.
 */
function firstRefresh(
  { client, request, grant }: Attempt,
  { basis, terms }: Judgement,
): RefreshDue | undefined {
  if (terms === undefined || basis?.family === undefined) return undefined;
  if (grant === implicit || !client.grantTypes.includes('refresh_token')) return undefined;
  // RFC 9449 §5: nothing else holds a public client's refresh token to it.
  const dpopJkt = isConfidential(client) ? null : (request.dpopJkt ?? null);
  return {
    do: 'begin',
    family: basis.family,
    terms: { ...termsOf(terms), dpopJkt },
    ttlSeconds: client.refreshTokenTtlSeconds,
    idleSeconds: client.refreshTokenIdleSeconds,
  };
}

/**
 * The details of the access token. Of whatever grant they are: a request may ask for fewer or
 * narrower ones than were agreed to (RFC 9396 §6).
 */
async function detailsDue(
  deps: GrantDeps,
  { request, client }: Attempt,
  found: { readonly judgement: Judgement; readonly audience: readonly string[] },
): Promise<Result<readonly JsonObject[] | undefined, TokenRefusal>> {
  const { judgement, audience } = found;
  const agreed = judgement.details ?? judgement.terms?.details ?? [];
  const text = request.parameter('authorization_details');
  if (text === undefined && (agreed === 'own' || agreed.length === 0)) return ok(undefined);
  const types = await deps.detailTypes.of(client.tenant);
  const asked =
    text === undefined ? undefined : readDetails(types, { text, client, resources: audience });
  if (asked?.ok === false) return asked;
  const settled = settleDetails({
    asked: asked?.value,
    agreed: agreed === 'own' ? (asked?.value ?? []) : agreed,
    types: client.authorizationDetailsTypes,
    audience,
  });
  if (!settled.ok) return settled;
  return ok(settled.value.length === 0 ? undefined : settled.value);
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
  { allowed, byDefault }: Targets,
): Result<readonly string[], TokenRefusal> {
  if (asked.length === 0 && byDefault.length > 0) return { ok: true, value: byDefault };
  if (asked.length === 0) return err({ reason: 'target_not_allowed', resources: [] });
  const refused = asked.filter((resource) => !allowed.includes(resource));
  if (refused.length > 0) return err({ reason: 'target_not_allowed', resources: refused });
  return { ok: true, value: [...new Set(asked)] };
}
