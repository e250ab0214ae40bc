/**
 * Introspection (RFC 7662): is this access token good now, for this caller? Signature or row,
 * expiry, and the revocations that this node knows of, judged in that order. A caller that is
 * neither the token's owner nor its audience learns `inactive` and no more (§2.2, §4).
 */
import {
  type ClientId,
  type Clock,
  equalConstantTime,
  type FamilyId,
  type FeedPosition,
  type JsonObject,
  nowSeconds,
  parseConfirmation,
  type SubjectId,
  type TenantId,
  type TokenBinding,
  type TokenId,
  type TokenTargets,
  type UnixSeconds,
} from '@mintmark/core';
import {
  furtherClaims,
  hashSecret,
  type KeySet,
  looksEncrypted,
  parseSecretToken,
  partitionOfTokenId,
  readEncryptedTokenNames,
  type VerifiedAccessToken,
  type VerifiedCache,
  verifyAccessToken,
} from '@mintmark/tokens';
import type { Peppers } from '../custody/peppers.ts';
import { bindingOf } from '../issuance/binding.ts';
import { findRefreshToken } from '../issuance/presented-refresh.ts';
import type { Store } from '../store/store.ts';

export interface IntrospectDeps {
  readonly store: Pick<Store, 'tokens' | 'refreshFamilies' | 'refreshSuccessors'>;
  readonly peppers: Peppers;
  readonly verificationKeys: (tenant: TenantId) => Promise<KeySet>;
  readonly cache: VerifiedCache<VerifiedAccessToken>;
  /** Whether a revocation that this node knows of ends the token. */
  readonly refuses: (tenant: TenantId, token: TokenTargets) => Promise<boolean>;
  readonly issuerOf: (tenant: TenantId) => string;
  readonly clock: Clock;
  readonly prefix: string;
}

/** Who asks: for itself, for the audiences of a gateway's routes, or for whoever runs all this. */
export type IntrospectionCaller =
  | { readonly kind: 'operator' }
  | { readonly kind: 'gateway'; readonly audiences: ReadonlySet<string> }
  | {
      readonly kind: 'client';
      readonly clientId: ClientId;
      readonly resources: readonly string[];
    };

/** A token that is good now. */
export interface ActiveToken {
  readonly active: true;
  /** A refresh token is shown to its own client only, and is good for no resource. */
  readonly format: 'jwt' | 'opaque' | 'refresh';
  readonly tokenId: TokenId;
  readonly clientId: ClientId;
  readonly subject: SubjectId;
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  readonly issuedAt: UnixSeconds;
  readonly expiresAt: UnixSeconds;
  readonly position: FeedPosition;
  readonly family: FamilyId | undefined;
  /** Signed it, or the JWT inside; undefined where nothing was signed. */
  readonly signingKey: string | undefined;
  /** Key that its bearer must prove; whoever asks has to see to that. */
  readonly binding: TokenBinding | undefined;
  /** How and when its subject signed in. */
  readonly acr: string | undefined;
  readonly authTime: UnixSeconds | undefined;
  /** Claims that have no member here, by their wire names. */
  readonly claims: JsonObject;
}

/** `reason` is for the record; outside it is `{"active":false}` and no more. */
export interface InactiveToken {
  readonly active: false;
  readonly reason:
    | 'malformed'
    | 'not_found'
    | 'expired'
    | 'not_verified'
    | 'revoked'
    | 'not_for_caller';
}

export type Introspection = ActiveToken | InactiveToken;

/**
 * Judges an access token, JWT or opaque.
 *
 * @throws StoreFault where the answer cannot be known; a caller must then refuse
 */
export async function introspect(
  deps: IntrospectDeps,
  input: {
    readonly tenant: TenantId;
    readonly token: string;
    readonly caller: IntrospectionCaller;
  },
): Promise<Introspection> {
  const { tenant, token, caller } = input;
  const active = await readAny(deps, { tenant, token, caller });
  if (!active.active) return active;
  const targets: TokenTargets = {
    position: active.position,
    issuedAt: active.issuedAt,
    family: active.family,
    tokenId: active.tokenId,
    clientId: active.clientId,
    subject: active.subject,
    tenant,
    signingKey: active.signingKey,
  };
  if (await deps.refuses(tenant, targets)) return { active: false, reason: 'revoked' };
  return mayKnow(caller, active) ? active : { active: false, reason: 'not_for_caller' };
}

function readAny(
  deps: IntrospectDeps,
  input: {
    readonly tenant: TenantId;
    readonly token: string;
    readonly caller: IntrospectionCaller;
  },
): Promise<Introspection> {
  const { tenant, token } = input;
  if (token.startsWith(`${deps.prefix}_`)) return readOwn(deps, input);
  return looksEncrypted(token) ? readEncrypted(deps, tenant, token) : readJwt(deps, tenant, token);
}

function mayKnow(caller: IntrospectionCaller, token: ActiveToken): boolean {
  if (caller.kind === 'operator') return true;
  if (caller.kind === 'gateway') return token.audience.some((one) => caller.audiences.has(one));
  if (caller.clientId === token.clientId) return true;
  return token.audience.some(
    (audience) => audience === caller.clientId || caller.resources.includes(audience),
  );
}

/** @returns not found for a refresh token that is not the caller's: it is nobody else's business */
async function readOwn(
  deps: IntrospectDeps,
  input: {
    readonly tenant: TenantId;
    readonly token: string;
    readonly caller: IntrospectionCaller;
  },
): Promise<Introspection> {
  const { tenant, token, caller } = input;
  if (!token.startsWith(`${deps.prefix}_rt_`)) return readOpaque(deps, tenant, token);
  const presented = await findRefreshToken(deps, tenant, token);
  const isOwner = caller.kind === 'client' && caller.clientId === presented?.clientId;
  if (presented === undefined || !isOwner) return { active: false, reason: 'not_found' };
  if (presented.expiresAt <= nowSeconds(deps.clock)) return { active: false, reason: 'expired' };
  if (presented.ended || presented.is === undefined) return { active: false, reason: 'revoked' };
  const { details } = presented.terms;
  return {
    active: true,
    format: 'refresh',
    tokenId: presented.id as TokenId,
    clientId: presented.clientId,
    subject: presented.subject,
    scopes: presented.terms.scopes,
    audience: [],
    issuedAt: Math.floor(presented.usedAt / 1000) as UnixSeconds,
    expiresAt: presented.expiresAt,
    position: presented.position,
    family: presented.family,
    binding: undefined,
    ...furtherOf(details === undefined ? {} : { authorization_details: details }),
    signingKey: undefined,
  };
}

async function readOpaque(
  deps: IntrospectDeps,
  tenant: TenantId,
  token: string,
): Promise<Introspection> {
  const parsed = parseSecretToken(token, deps.prefix);
  if (!parsed.ok || parsed.value.kind !== 'at') return { active: false, reason: 'malformed' };
  return readKept(deps, tenant, { ...parsed.value, signingKey: undefined });
}

/** Its resource alone can read it; to everybody else it is opaque, its whole text the secret. */
async function readEncrypted(
  deps: IntrospectDeps,
  tenant: TenantId,
  token: string,
): Promise<Introspection> {
  const names = readEncryptedTokenNames(token);
  if (names === undefined) return { active: false, reason: 'malformed' };
  // The header is part of the text that is compared, so what it says of the key is our own word.
  const { tokenId: id, signingKey } = names;
  return readKept(deps, tenant, { id, secret: token, signingKey });
}

async function readKept(
  deps: IntrospectDeps,
  tenant: TenantId,
  presented: {
    readonly id: string;
    readonly secret: string;
    readonly signingKey: string | undefined;
  },
): Promise<Introspection> {
  const { id, secret, signingKey } = presented;
  const partition = partitionOfTokenId(id);
  if (partition === undefined) return { active: false, reason: 'malformed' };
  const row = await deps.store.tokens.get(partition, tenant, id);
  const pepper = row === undefined ? undefined : await deps.peppers.find(row.pepperVersion);
  if (row === undefined || pepper === undefined) return { active: false, reason: 'not_found' };
  if (!equalConstantTime(hashSecret({ pepper, tenant, id, secret }), row.hash)) {
    return { active: false, reason: 'not_found' };
  }
  if (row.expiresAtSeconds <= nowSeconds(deps.clock)) return { active: false, reason: 'expired' };
  return {
    active: true,
    format: 'opaque',
    tokenId: row.id as TokenId,
    clientId: row.clientId as ClientId,
    subject: row.subject as SubjectId,
    scopes: row.scopes,
    audience: row.audience,
    issuedAt: row.issuedAtSeconds as UnixSeconds,
    expiresAt: row.expiresAtSeconds as UnixSeconds,
    position: row.position,
    family: (row.family ?? undefined) as FamilyId | undefined,
    binding: bindingOf(row.binding),
    ...furtherOf(row.claims),
    signingKey,
  };
}

async function readJwt(
  deps: IntrospectDeps,
  tenant: TenantId,
  token: string,
): Promise<Introspection> {
  const verified = verifyAccessToken(token, {
    issuer: deps.issuerOf(tenant),
    keys: await deps.verificationKeys(tenant),
    now: nowSeconds(deps.clock),
    cache: deps.cache,
  });
  if (!verified.ok) {
    const expired = verified.refusal.reason === 'expired';
    return { active: false, reason: expired ? 'expired' : 'not_verified' };
  }
  const claims = verified.value;
  const { confirmation } = claims;
  const binding = confirmation === undefined ? undefined : parseConfirmation(confirmation);
  if (claims.use === 'bound' && binding === undefined) {
    return { active: false, reason: 'not_verified' };
  }
  return {
    active: true,
    format: 'jwt',
    tokenId: claims.tokenId,
    clientId: claims.clientId,
    subject: claims.subject,
    scopes: claims.scopes,
    audience: claims.audience,
    issuedAt: claims.issuedAt,
    expiresAt: claims.expiresAt,
    position: claims.position,
    family: claims.family,
    binding,
    ...furtherOf(furtherClaims(claims.payload)),
    signingKey: claims.keyId,
  };
}

/** Claims that a JWT carries and an opaque token's row keeps: parsed, or written by us. */
function furtherOf(claims: JsonObject): Pick<ActiveToken, 'acr' | 'authTime' | 'claims'> {
  const { acr, auth_time: authTime } = claims;
  return {
    acr: typeof acr === 'string' ? acr : undefined,
    authTime: typeof authTime === 'number' ? (Math.floor(authTime) as UnixSeconds) : undefined,
    claims,
  };
}
