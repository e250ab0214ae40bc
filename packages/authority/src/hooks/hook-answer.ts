/**
 * What a claims hook may answer, read as strictly as a stranger's message: a misspelled member, a
 * reserved claim or a scope too many is a failure of the hook and never half of an answer.
 */
import {
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  ok,
  parseJson,
  type Result,
} from '@mintmark/core';

export interface HookAnswer {
  /** For the access token; a name of ours or of a standard that we set is none of them. */
  readonly accessToken: JsonObject;
  /** For the ID token, in place of what is known of the person by the same names. */
  readonly idToken: JsonObject;
  /** The scopes that are left of those that the token would have had; undefined: all of them. */
  readonly scopes: readonly string[] | undefined;
  /** No token: why, for the record. */
  readonly refused: string | undefined;
}

export interface HookAnswerRefusal {
  readonly reason: 'malformed' | 'reserved_claim' | 'claims_too_large' | 'wider_scope';
}

/**
 * Names that say what a token is, whose it is, for whom, how long and how it may be used: of RFC
 * 7519, 7662, 7800, 8693, 9068, 9396, 9470, 9493, OpenID Connect Core and the token status list.
 */
const reserved: ReadonlySet<string> = new Set([
  ...['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'typ', 'client_id', 'azp', 'scope'],
  ...['cnf', 'act', 'may_act', 'acr', 'amr', 'auth_time', 'sid', 'nonce', 'at_hash', 'c_hash'],
  ...['s_hash', 'status', 'authorization_details', 'active', 'token_type', 'username', 'events'],
  ...['sub_id', 'sub_jwk', 'token_introspection', 'urn:openid:params:jwt:claim:rt_hash'],
  ...['urn:openid:params:jwt:claim:auth_req_id'],
  // No claim, but what a careless reader of any language stumbles over.
  ...['__proto__', 'constructor', 'prototype'],
]);

/** Claims that we made up ourselves begin so. */
const ours = /^mm_/i;

/** In any case: some readers, Go's JSON among them, do not tell `ACT` from `act`. */
function isReservedClaim(name: string): boolean {
  return reserved.has(name.toLowerCase()) || ours.test(name);
}

const members = ['access_token', 'id_token', 'scopes', 'refuse'];

/** @param offered scopes that the token would have */
export function parseHookAnswer(
  text: string,
  offered: readonly string[],
): Result<HookAnswer, HookAnswerRefusal> {
  const parsed = parseJson(text, { depthMax: limits.hookDepthMax });
  if (!parsed.ok || !isJsonObject(parsed.value)) return refuse('malformed');
  const answer = parsed.value;
  if (!Object.keys(answer).every((name) => members.includes(name))) return refuse('malformed');
  const refused = refusalIn(answer['refuse']);
  if (!refused.ok) return refused;
  const accessToken = claimsIn(answer['access_token']);
  if (!accessToken.ok) return accessToken;
  const idToken = claimsIn(answer['id_token']);
  if (!idToken.ok) return idToken;
  const scopes = scopesIn(answer['scopes'], offered);
  if (!scopes.ok) return scopes;
  return ok({
    accessToken: accessToken.value,
    idToken: idToken.value,
    scopes: scopes.value,
    refused: refused.value,
  });
}

type Read<T> = Result<T, HookAnswerRefusal>;

function refuse(reason: HookAnswerRefusal['reason']): Read<never> {
  return err({ reason });
}

/** `{"reason": "…"}`: one line, for people who read records. */
function refusalIn(value: JsonValue | undefined): Read<string | undefined> {
  if (value === undefined) return ok(undefined);
  if (!isJsonObject(value) || Object.keys(value).join() !== 'reason') return refuse('malformed');
  const { reason } = value;
  const isLine = typeof reason === 'string' && /^[^\p{Cc}\p{Zl}\p{Zp}]{1,200}$/u.test(reason);
  return isLine ? ok(reason) : refuse('malformed');
}

function claimsIn(value: JsonValue | undefined): Read<JsonObject> {
  if (value === undefined) return ok({});
  if (!isJsonObject(value)) return refuse('malformed');
  const names = Object.keys(value);
  if (names.some(isReservedClaim)) return refuse('reserved_claim');
  const isGood = (name: string): boolean => name.length >= 1 && name.length <= 128;
  // RFC 7519 knows no claim without a value, and readers differ in what they take null for.
  if (!names.every((name) => isGood(name) && value[name] !== null)) return refuse('malformed');
  const bytes = Buffer.byteLength(JSON.stringify(value));
  return bytes <= limits.hookClaimsBytesMax ? ok(value) : refuse('claims_too_large');
}

function scopesIn(
  value: JsonValue | undefined,
  offered: readonly string[],
): Read<readonly string[] | undefined> {
  if (value === undefined) return ok(undefined);
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string')) {
    return refuse('malformed');
  }
  const left: ReadonlySet<string> = new Set(value);
  if (![...left].every((scope) => offered.includes(scope))) return refuse('wider_scope');
  return ok(offered.filter((scope) => left.has(scope)));
}
