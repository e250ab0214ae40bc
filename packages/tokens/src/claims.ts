/**
 * The claims of an access token (RFC 9068 §2.2), written and read. Wire names stand in this file
 * only. Beside the standard's claims ours carry the tenant and the position of the status feed at
 * their minting, by which a gateway knows whether a revocation came after them. Types are strict:
 * `exp` as text or 1e99, or a list in place of a scope string, is refused and never coerced.
 */
import {
  type ClientId,
  err,
  type FamilyId,
  type FeedPosition,
  isJsonObject,
  isScope,
  type JsonObject,
  type JsonValue,
  limits,
  ok,
  parseClientId,
  parseJson,
  parseTenantId,
  type Result,
  type SubjectId,
  type TenantId,
  type TokenId,
  type UnixSeconds,
  utf8Decode,
} from '@mintmark/core';

export interface AccessTokenClaims {
  readonly issuer: string;
  readonly subject: SubjectId;
  /** Never empty. */
  readonly audience: readonly string[];
  readonly clientId: ClientId;
  readonly scopes: readonly string[];
  readonly issuedAt: UnixSeconds;
  readonly expiresAt: UnixSeconds;
  readonly notBefore?: UnixSeconds;
  readonly tokenId: TokenId;
  /** `mm_pos`: the tenant's feed position at minting. */
  readonly position: FeedPosition;
  /** `mm_tenant` */
  readonly tenant: TenantId;
  /** `mm_family` */
  readonly family?: FamilyId;
  /** `cnf` (RFC 7800). A token that has it must not be accepted as a plain bearer token. */
  readonly confirmation?: JsonObject;
  /** `act` (RFC 8693 §4.1): who acts for the subject, and within it who did before. */
  readonly actor?: JsonObject;
  /** `acr` and `auth_time` (RFC 9068 §2.2.1): how and when the subject signed in. */
  readonly acr?: string;
  readonly authTime?: UnixSeconds;
}

export type ClaimsRefusal = {
  readonly reason: 'malformed_claims';
  /** Wire name of the first claim that is missing or malformed; undefined: there is no object. */
  readonly claim: string | undefined;
};

/** @param further claims that only their readers know; ours take precedence */
export function renderAccessTokenClaims(
  claims: AccessTokenClaims,
  further: JsonObject = {},
): JsonObject {
  const { audience, scopes, notBefore, family, confirmation, actor, acr, authTime } = claims;
  return {
    ...further,
    iss: claims.issuer,
    sub: claims.subject,
    aud: audience.length === 1 ? audience[0]! : audience,
    client_id: claims.clientId,
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    iat: claims.issuedAt,
    exp: claims.expiresAt,
    ...(notBefore !== undefined && { nbf: notBefore }),
    jti: claims.tokenId,
    mm_tenant: claims.tenant,
    mm_pos: claims.position,
    ...(family !== undefined && { mm_family: family }),
    ...(confirmation !== undefined && { cnf: confirmation }),
    ...(actor !== undefined && { act: actor }),
    ...(acr !== undefined && { acr }),
    ...(authTime !== undefined && { auth_time: authTime }),
  };
}

/** Claims that every token has a place for. */
const placed = new Set(
  'iss sub aud client_id scope iat exp nbf jti mm_tenant mm_pos mm_family cnf'.split(' '),
);

/** What else stands in the payload of an access token: who acts, the sign-in, what a hook said. */
export function furtherClaims(payload: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(payload).filter(([name]) => !placed.has(name)));
}

/** @returns the claims; refusals: malformed_claims, with the wire name of the first such claim */
export function parseAccessTokenClaims(
  payload: JsonObject,
): Result<AccessTokenClaims, ClaimsRefusal> {
  const issuer = claimText(payload['iss']);
  if (issuer === undefined) return malformed('iss');
  const subject = claimText(payload['sub']);
  if (subject === undefined) return malformed('sub');
  const audience = audienceList(payload['aud']);
  if (audience === undefined) return malformed('aud');
  const clientId = parseClientId(claimText(payload['client_id']) ?? '');
  if (!clientId.ok) return malformed('client_id');
  const scopes = scopeList(payload['scope']);
  if (scopes === undefined) return malformed('scope');
  const issuedAt = numericDate(payload['iat'], Math.floor);
  if (issuedAt === undefined) return malformed('iat');
  const expiresAt = numericDate(payload['exp'], Math.floor);
  if (expiresAt === undefined) return malformed('exp');
  const tokenId = claimText(payload['jti']);
  if (tokenId === undefined) return malformed('jti');
  const tenant = parseTenantId(claimText(payload['mm_tenant']) ?? '');
  if (!tenant.ok) return malformed('mm_tenant');
  const position = payload['mm_pos'];
  if (!isPosition(position)) return malformed('mm_pos');
  const optional = parseOptionalClaims(payload);
  if (!optional.ok) return optional;
  return ok({
    issuer,
    subject: subject as SubjectId,
    audience,
    clientId: clientId.value,
    scopes,
    issuedAt,
    expiresAt,
    tokenId: tokenId as TokenId,
    tenant: tenant.value,
    position,
    ...optional.value,
  });
}

type OptionalClaims = Pick<
  AccessTokenClaims,
  'notBefore' | 'family' | 'confirmation' | 'actor' | 'acr' | 'authTime'
>;

/** Absent is well; present and malformed is not, null among it. */
function parseOptionalClaims(payload: JsonObject): Result<OptionalClaims, ClaimsRefusal> {
  const { nbf, mm_family, cnf, act, acr, auth_time } = payload;
  // The beginning is rounded up and the end down: never a longer life than was signed.
  const notBefore = numericDate(nbf, Math.ceil);
  if (nbf !== undefined && notBefore === undefined) return malformed('nbf');
  const family = claimText(mm_family);
  if (mm_family !== undefined && family === undefined) return malformed('mm_family');
  // An empty `cnf` would bind to nothing and still look bound (RFC 7800 §3.1).
  const bound = isJsonObject(cnf) && Object.keys(cnf).length > 0;
  if (cnf !== undefined && !bound) return malformed('cnf');
  if (act !== undefined && !isJsonObject(act)) return malformed('act');
  const signInClass = claimText(acr);
  if (acr !== undefined && signInClass === undefined) return malformed('acr');
  // Rounded down: a sign-in never counts as younger than it was.
  const authTime = numericDate(auth_time, Math.floor);
  if (auth_time !== undefined && authTime === undefined) return malformed('auth_time');
  return ok({
    ...(notBefore !== undefined && { notBefore }),
    ...(family !== undefined && { family: family as FamilyId }),
    ...(bound && { confirmation: cnf }),
    ...(act !== undefined && { actor: act }),
    ...(signInClass !== undefined && { acr: signInClass }),
    ...(authTime !== undefined && { authTime }),
  });
}

function malformed(claim: string): Result<never, ClaimsRefusal> {
  return err({ reason: 'malformed_claims', claim });
}

/** @returns the claims of a JWT, or undefined where its payload is no JSON object */
export function readClaims(payload: Uint8Array): JsonObject | undefined {
  const text = utf8Decode(payload);
  const claims = text === undefined ? undefined : parseJson(text);
  return claims?.ok && isJsonObject(claims.value) ? claims.value : undefined;
}

/** Text of a claim: bounded, not empty. */
export function claimText(value: JsonValue | undefined): string | undefined {
  if (typeof value !== 'string') return undefined;
  return value.length > 0 && value.length <= limits.claimCharsMax ? value : undefined;
}

/** RFC 7519 §4.1.3: one string, or a list of them. */
function audienceList(value: JsonValue | undefined): readonly string[] | undefined {
  const list: readonly JsonValue[] = Array.isArray(value) ? value : [value ?? null];
  if (list.length === 0 || list.length > limits.audiencesMax) return undefined;
  return list.every((each): each is string => claimText(each) !== undefined) ? list : undefined;
}

/** RFC 8693 §4.2: values separated by single spaces. Absent means none. */
function scopeList(value: JsonValue | undefined): readonly string[] | undefined {
  if (value === undefined) return [];
  if (typeof value !== 'string') return undefined;
  const scopes = value.split(' ', limits.scopesMax + 1);
  if (scopes.length > limits.scopesMax) return undefined;
  const fits = (scope: string) => scope.length <= limits.scopeCharsMax && isScope(scope);
  return scopes.every(fits) ? scopes : undefined;
}

/** 9999-12-31T23:59:59Z: where RFC 3339 ends. */
const secondsMax = 253_402_300_799;

/** RFC 7519 §2, NumericDate: a number, fractions allowed; here made whole. */
export function numericDate(
  value: JsonValue | undefined,
  round: (seconds: number) => number,
): UnixSeconds | undefined {
  if (typeof value !== 'number' || !(value >= 0 && value <= secondsMax)) return undefined;
  return round(value) as UnixSeconds;
}

function isPosition(value: JsonValue | undefined): value is FeedPosition {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
