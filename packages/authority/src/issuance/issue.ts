/**
 * Issuance: the one place where tokens come into being, whatever the grant. In order: read the feed
 * position, build and sign, then one act {require the client as it was judged, check that nothing
 * was revoked since the position, spend what the grant spends, insert the rows of opaque and
 * refresh tokens, record}. A crash before the commit leaves nothing; after it, a recorded token
 * that nobody has seen. What must never happen: a token that leaves before its record is durable.
 */
import { strict as assert } from 'node:assert';
import {
  type AuditEvent,
  type ClientId,
  type Clock,
  defaultTenant,
  type Entropy,
  err,
  type FamilyId,
  type FeedPosition,
  holderId,
  type JsonObject,
  type JwsAlgorithm,
  nowSeconds,
  ok,
  type Result,
  type RevocationTargetKind,
  renderConfirmation,
  type SubjectId,
  type TenantId,
  type TokenBinding,
  type TokenId,
  type UnixSeconds,
} from '@mintmark/core';
import {
  accessTokenSigningInput,
  assembleJws,
  buildSecretToken,
  encryptAccessToken,
  freshTokenId,
  hashSecret,
  type JweRecipient,
  partitionOfTokenId,
} from '@mintmark/tokens';
import type { Recorder } from '../audit/record.ts';
import type { Peppers } from '../custody/peppers.ts';
import type { Keyring } from '../keyring/keyring.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { bindingText } from './binding.ts';
import { type IdTokenDraft, signIdToken } from './id-token.ts';
import { buildRefresh, type RefreshDue } from './refresh-token.ts';
import { type StatusPlace, type StatusPlaces, statusListUri } from './status-places.ts';
import type { SignInTerms } from './terms.ts';

export interface IssueDeps {
  readonly store: Pick<Store, 'acts'>;
  readonly keyring: Pick<Keyring, 'signer'>;
  readonly recorder: Recorder;
  readonly peppers: Peppers;
  /** Newest position of the tenant's feed, as far as this process knows. */
  readonly feedHead: (tenant: TenantId) => FeedPosition;
  readonly issuerOf: (tenant: TenantId) => string;
  readonly statusPlaces: StatusPlaces;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly prefix: string;
}

/** `none`: the answer is an ID token and nothing else (OpenID Connect Core §3.2.2.5). */
export type AccessTokenFormat = 'jwt' | 'opaque' | 'none';

export interface IssueInput {
  readonly tenant: TenantId;
  /** The client that was judged, and the version of it that was. */
  readonly clientId: ClientId;
  readonly clientVersion: number;
  readonly format: AccessTokenFormat;
  readonly ttlSeconds: number;
  /** Signature of a JWT; unused for opaque tokens. */
  readonly algorithm: JwsAlgorithm;
  readonly subject: SubjectId;
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  /**
   * First steps of the act, of `clients/single-use.ts`: they refuse it where what authenticated the
   * request was used before.
   */
  readonly once: readonly Step[];
  /** What the tokens rest on: it was good at this position of the feed, and must be still. */
  readonly basis?: Basis | undefined;
  /** What the grant spends and requires; each step refused as `overtaken`. */
  readonly steps?: readonly Step[] | undefined;
  readonly refresh?: RefreshDue | undefined;
  /** The key that the access token is bound to; undefined: it is for its bearer. */
  readonly binding?: TokenBinding | undefined;
  /** Whether a JWT gets a place in a status list. */
  readonly isStatusListed?: boolean | undefined;
  /** Whom a JWT is encrypted to; undefined where everybody may read it. */
  readonly recipient?: JweRecipient | undefined;
  readonly idToken?: IdTokenDraft | undefined;
  /** Who acts for the subject. */
  readonly actor?: JsonObject | undefined;
  /** How and when the subject signed in; undefined where nobody did. */
  readonly signIn?: SignInTerms | undefined;
  /** Claims that the operator's hook adds to the access token; those of ours take precedence. */
  readonly claims?: JsonObject | undefined;
  /** What came of asking the hook, for the record; undefined where there is none. */
  readonly hook?: string | undefined;
  /** Names what policies decided, where any was asked. */
  readonly decision?: string | undefined;
  /** Name of the outside issuer whose word it rests on, for the record. */
  readonly vouchedBy?: string | undefined;
  /** `authorization_details` (RFC 9396); never empty. */
  readonly details?: readonly JsonObject[] | undefined;
  /** The grant that judged, for the record. */
  readonly grant: string;
  readonly address?: string | undefined;
  readonly requestId?: string | undefined;
}

/** What was agreed to before, and may have been revoked since. */
export interface Basis {
  readonly position: FeedPosition;
  readonly family: FamilyId | undefined;
}

export interface IssuedTokens {
  /** The access token itself; it leaves in one answer and is kept nowhere. Of none: undefined. */
  readonly text: string | undefined;
  readonly refreshToken: string | undefined;
  readonly idToken: string | undefined;
  readonly tokenId: TokenId;
  readonly issuedAt: UnixSeconds;
  readonly expiresAt: UnixSeconds;
  readonly scopes: readonly string[];
  readonly details: readonly JsonObject[] | undefined;
  readonly binding: TokenBinding | undefined;
}

/**
 * `client_changed`, `revoked_meanwhile`, `overtaken`: what was judged is no longer so, and the
 * caller judges again with a fresh view. The others are those of the steps in `once`.
 */
export type IssueRefusal =
  | { readonly reason: 'client_changed' }
  | { readonly reason: 'revoked_meanwhile' }
  /** What the grant spends was spent, or what it requires has changed. */
  | { readonly reason: 'overtaken' }
  /** The person is disabled or gone. */
  | { readonly reason: 'subject_ended' }
  | { readonly reason: 'assertion_used' }
  | { readonly reason: 'proof_used' }
  /** An assertion that is the grant was used before. */
  | { readonly reason: 'grant_used' };

interface Draft extends IssueInput {
  readonly tokenId: TokenId;
  readonly issuedAt: UnixSeconds;
  readonly expiresAt: UnixSeconds;
  readonly position: FeedPosition;
}

/** By which a client gets a token of its own: by its secret or key, or out of one that it has. */
const ownGrants = [
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
  'urn:ietf:params:oauth:grant-type:token-exchange',
];

/**
 * Mints one access token, and what goes with it.
 *
 * @throws StoreFault, CustodyFault: nothing was issued
 */
export async function issueTokens(
  deps: IssueDeps,
  input: IssueInput,
): Promise<Result<IssuedTokens, IssueRefusal>> {
  // A token whose subject is its client is the client's own (RFC 9068 §2.2). Revocation and
  // upstreams go by that, so nobody else may have one.
  const isOwn = (input.subject as string) === input.clientId;
  assert(!isOwn || ownGrants.includes(input.grant));
  const issuedAt = nowSeconds(deps.clock);
  const expiresAt = (issuedAt + input.ttlSeconds) as UnixSeconds;
  const draft: Draft = {
    ...input,
    tokenId: freshTokenId({ now: issuedAt, expiresAt, entropy: deps.entropy }) as TokenId,
    issuedAt,
    expiresAt,
    // Another process may have been told of more than this one.
    position: Math.max(deps.feedHead(input.tenant), input.basis?.position ?? 0),
  };
  const built = await build(deps, draft);
  const refresh = input.refresh && buildRefresh(deps, draft, input.refresh);
  const idToken = input.idToken && (await signIdToken(deps, input.idToken, built.text));
  const { outcome } = await deps.store.acts.run({
    steps: [
      ...draft.once,
      ...conditions(draft, built.kid),
      ...(input.steps ?? []),
      ...built.steps,
      ...(refresh?.steps ?? []),
    ],
    audit: await deps.recorder.record(eventOf(deps, draft, built.kid)),
  });
  if (outcome !== 'done') return err(refusalOf(outcome));
  const { tokenId, scopes, details, binding } = draft;
  const given = { text: built.text, refreshToken: refresh?.text, idToken };
  return ok({ ...given, tokenId, issuedAt, expiresAt, scopes, details, binding });
}

/** @throws where the outcome is none of an issuing act: a bug */
export function refusalOf(outcome: string): IssueRefusal {
  switch (outcome) {
    case 'client_changed':
    case 'revoked_meanwhile':
    case 'overtaken':
    case 'subject_ended':
    case 'assertion_used':
    case 'proof_used':
    case 'grant_used':
      return { reason: outcome };
    default:
      throw new Error(`issuance: unexpected outcome ${outcome}`);
  }
}

/** Who the token is for and what it may: the whole of what its history will show. */
function eventOf(deps: IssueDeps, draft: Draft, kid: string | undefined): AuditEvent {
  const { basis, refresh, address, requestId } = draft;
  return {
    tenant: draft.tenant,
    action: 'token.issue',
    at: deps.clock.nowMs(),
    actor: { kind: 'client', id: draft.clientId },
    object: { kind: 'token', id: draft.tokenId },
    ...(basis?.family === undefined ? {} : { related: { kind: 'family', id: basis.family } }),
    result: 'done',
    detail: {
      client: draft.clientId,
      subject: draft.subject,
      grant: draft.grant,
      scopes: draft.scopes,
      audience: draft.audience,
      format: draft.format,
      expires_at: draft.expiresAt,
      position: draft.position,
      ...(kid === undefined ? {} : { kid }),
      ...(draft.binding && { bound_by: draft.binding.by, bound_to: draft.binding.thumbprint }),
      ...(refresh === undefined ? {} : { refresh: refresh.do }),
      ...(draft.hook === undefined ? {} : { hook: draft.hook }),
      ...(draft.decision === undefined ? {} : { decision: draft.decision }),
      ...claimsAdded(draft),
      ...(draft.vouchedBy === undefined ? {} : { assertion_issuer: draft.vouchedBy }),
      ...(draft.actor === undefined ? {} : { actor: String(draft.actor['sub']) }),
      // What they hold may be about a person.
      ...(draft.details && { details: draft.details.map(({ type }) => String(type)) }),
    },
    ...(address === undefined ? {} : { personal: { address } }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}

/** Names alone: the values may be personal data. */
function claimsAdded({ claims = {} }: Draft): { readonly claims?: readonly string[] } {
  const names = Object.keys(claims);
  return names.length === 0 ? {} : { claims: names };
}

/**
 * The client is as it was judged, and no revocation of what the token belongs to came in since its
 * position. Positions alone would keep the token refused; the check spares its owner a dead token.
 * A signing key is ended for ever, whatever the position: this process may know of the end from the
 * feed and still hold the signer, and what that signs is trusted nowhere.
 */
function conditions(draft: Draft, kid: string | undefined): readonly Step[] {
  const { tenant, clientId, basis } = draft;
  return [
    {
      do: 'require',
      table: 'clients',
      where: { tenant, clientId, version: draft.clientVersion, status: 'active' },
      refused: 'client_changed',
    },
    ...tenantActive(tenant),
    ...(basis === undefined ? [] : restsOn(draft, basis)),
    notRevoked(draft, { kind: 'client', id: clientId, since: basis?.position ?? draft.position }),
    ...(kid === undefined ? [] : [notEnded(tenant, kid)]),
  ];
}

/** A tenant that another process disabled a moment ago mints nothing. The first one cannot be. */
function tenantActive(tenant: TenantId): readonly Step[] {
  if (tenant === defaultTenant) return [];
  const where = { tenant, status: 'active' } as const;
  return [{ do: 'require', table: 'tenants', where, refused: 'revoked_meanwhile' }];
}

function restsOn(draft: Draft, { position: since, family }: Basis): readonly Step[] {
  return [
    notRevoked(draft, { kind: 'user', id: draft.subject, since }),
    notRevoked(draft, { kind: 'holder', id: holderId(draft.clientId, draft.subject), since }),
    ...(family === undefined ? [] : [notRevoked(draft, { kind: 'family', id: family, since })]),
    notRevoked(draft, { kind: 'tenant', id: draft.tenant, since }),
  ];
}

function notRevoked(
  { tenant }: Draft,
  target: {
    readonly kind: RevocationTargetKind;
    readonly id: string;
    readonly since: FeedPosition;
  },
): Step {
  const { kind, id, since } = target;
  const position = { is: '>', value: since } as const;
  return {
    do: 'absent',
    table: 'feed',
    where: { tenant, targetKind: kind, targetId: id, position },
    refused: 'revoked_meanwhile',
  };
}

function notEnded(tenant: TenantId, kid: string): Step {
  return {
    do: 'absent',
    table: 'feed',
    where: { tenant, targetKind: 'signing_key', targetId: kid },
    refused: 'revoked_meanwhile',
  };
}

interface Built {
  readonly text: string | undefined;
  readonly kid?: string;
  readonly steps: readonly Step[];
}

function build(deps: IssueDeps, draft: Draft): Built | Promise<Built> {
  switch (draft.format) {
    case 'opaque':
      return buildOpaque(deps, draft);
    case 'jwt':
      return buildJwt(deps, draft);
    case 'none':
      return { text: undefined, steps: [] };
  }
}

async function buildJwt(deps: IssueDeps, draft: Draft): Promise<Built> {
  const signer = await deps.keyring.signer(draft.tenant, draft.algorithm);
  const place = draft.isStatusListed === true ? deps.statusPlaces.take(draft.tenant) : undefined;
  const signingInput = accessTokenSigningInput(
    {
      issuer: deps.issuerOf(draft.tenant),
      subject: draft.subject,
      audience: draft.audience,
      clientId: draft.clientId,
      scopes: draft.scopes,
      issuedAt: draft.issuedAt,
      expiresAt: draft.expiresAt,
      tokenId: draft.tokenId,
      position: draft.position,
      tenant: draft.tenant,
      ...(draft.basis?.family && { family: draft.basis.family }),
      ...(draft.binding && { confirmation: renderConfirmation(draft.binding) }),
    },
    signer,
    { ...furtherOf(draft), ...(place && statusClaim(deps, draft, place)) },
  );
  const signature = await signer.sign(Buffer.from(signingInput, 'latin1'));
  const jwt = assembleJws(signingInput, signature);
  const { kid } = signer;
  const steps = place === undefined ? [] : [statusEntry(draft, place, kid)];
  const { recipient, tokenId } = draft;
  if (recipient === undefined) return { text: jwt, kid, steps };
  const names = { tokenId, signingKey: kid };
  const text = encryptAccessToken(deps.entropy, recipient, { jwt, ...names });
  // Only its resource can read it: by the row it is known to everybody else.
  return { text, kid, steps: [...steps, tokenRow(deps, draft, text)] };
}

/** RFC-ietf-oauth-status-list §6.2 */
function statusClaim(deps: IssueDeps, { tenant }: Draft, place: StatusPlace): JsonObject {
  const uri = statusListUri(deps.issuerOf(tenant), place.list);
  return { status: { status_list: { idx: place.index, uri } } };
}

/** By this row the list says whether the token is still good: see `revocation/status-lists.ts`. */
function statusEntry(draft: Draft, { list, index: idx }: StatusPlace, signingKey: string): Step {
  const { tenant, tokenId, clientId, subject, position } = draft;
  const row = {
    ...{ tenant, list, idx, tokenId, clientId, subject, signingKey, position },
    family: draft.basis?.family ?? null,
    issuedAtSeconds: draft.issuedAt,
    expiresAtSeconds: draft.expiresAt,
  };
  return { do: 'insert', table: 'statusEntries', row, refused: 'overtaken' };
}

/** Claims that not every token has, by wire name (RFC 8693 §4.1, 9068 §2.2.1, 9396 §9.1). */
function furtherOf({ actor, signIn, claims, details }: Draft): JsonObject {
  return {
    ...claims,
    ...(actor && { act: actor }),
    ...(signIn && { auth_time: signIn.authTimeSeconds }),
    ...(signIn?.acr && { acr: signIn.acr }),
    ...(details && { authorization_details: details }),
  };
}

function buildOpaque(deps: IssueDeps, draft: Draft): Built {
  const { prefix, entropy } = deps;
  const { tokenId: id } = draft;
  const { text, secret } = buildSecretToken({ prefix, kind: 'at', id, entropy });
  return { text, steps: [tokenRow(deps, draft, secret)] };
}

/** @param secret what whoever presents the token must have, beside its id */
function tokenRow(deps: IssueDeps, draft: Draft, secret: string): Step {
  const { tenant, tokenId } = draft;
  const pepper = deps.peppers.current();
  const row = {
    partition: partitionOfTokenId(tokenId) as number,
    tenant,
    id: tokenId,
    hash: hashSecret({ pepper: pepper.key, tenant, id: tokenId, secret }),
    pepperVersion: pepper.version,
    clientId: draft.clientId,
    subject: draft.subject,
    family: draft.basis?.family ?? null,
    scopes: draft.scopes,
    audience: draft.audience,
    position: draft.position,
    issuedAtSeconds: draft.issuedAt,
    expiresAtSeconds: draft.expiresAt,
    binding: bindingText(draft.binding),
    claims: furtherOf(draft),
  };
  return { do: 'insert', table: 'tokens', row, refused: 'revoked_meanwhile' };
}
