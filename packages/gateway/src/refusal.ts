/**
 * The one map from a reason to what the client is told. Inside reasons are exact; outside, what is
 * wrong with a credential is one answer (RFC 6750 §3.1), so that nobody learns from it which keys
 * exist. Bodies are problem documents (RFC 9457).
 */
import { assertNever, type HttpResponse, type RouteStepUp } from '@mintmark/core';
import type { RequestMisfit } from '@mintmark/policy';
import {
  type AccessTokenRefusal,
  type CredentialRefusal,
  type DpopRefusal,
  dpopAlgorithms,
  type SubKeyRefusal,
  type SubKeyRestricted,
} from '@mintmark/tokens';
import type { Suspicion } from './inspect/injection/look.ts';
import type { PathRefusalReason } from './routes/path.ts';

/** What can be wrong with a credential that was presented in good form. */
export type InvalidCredential =
  | AccessTokenRefusal['reason']
  | 'wrong_tenant'
  | 'bound_token'
  | 'wrong_kind'
  | 'unknown_credential'
  | 'wrong_secret'
  | SubKeyRefusal['reason']
  | 'disabled'
  | 'quarantined'
  | 'awaiting_approval'
  | 'revoked';

/** What can be wrong with how a bound token was presented. */
export type InvalidProof =
  | DpopRefusal['reason']
  | 'not_bound'
  | 'presented_as_bearer'
  | 'wrong_key'
  | 'proof_used';

export type Refusal =
  | { readonly reason: 'status_absent' | 'status_stale' }
  /** Too much is under way in this process, and others matter more. */
  | { readonly reason: 'overloaded' }
  | { readonly reason: 'bad_path'; readonly detail: PathRefusalReason }
  | { readonly reason: 'no_route' }
  | { readonly reason: 'method_not_allowed'; readonly allow: readonly string[] }
  /** By a header routes are chosen that says two things. */
  | { readonly reason: 'ambiguous_header' }
  /** All routes of the place ask something of a credential that this one does not have. */
  | { readonly reason: 'no_route_for_credential' }
  /** The request does not fit the description of the API. */
  | { readonly reason: 'request_invalid'; readonly misfits: readonly RequestMisfit[] }
  /** It looks like injected code. */
  | { readonly reason: 'injection_suspected'; readonly misfits: readonly Suspicion[] }
  /** Its body stopped before it could be judged. */
  | { readonly reason: 'request_timeout' }
  /** Too many bodies are held to be judged. */
  | { readonly reason: 'bodies_full' }
  /** What a WebSocket brings cannot be masked. */
  | { readonly reason: 'upgrade_refused' }
  /** The route masks answers, and somebody else will pass them on. */
  | { readonly reason: 'answers_unseen' }
  | { readonly reason: 'token_in_query' }
  | { readonly reason: 'no_credential' }
  | { readonly reason: 'malformed_credential'; readonly detail: CredentialRefusal }
  | { readonly reason: 'invalid_credential'; readonly detail: InvalidCredential }
  | { readonly reason: 'invalid_proof'; readonly detail: InvalidProof }
  /** RFC 9449 §9: the proof carries no nonce of this node, or an old one. */
  | { readonly reason: 'nonce_needed'; readonly nonce: string }
  | { readonly reason: 'proofs_full' }
  | { readonly reason: 'address_not_allowed' }
  /** A list names it that counts there. Which one, only the explanation says. */
  | { readonly reason: 'address_listed' }
  /** The route takes only clients with a certificate of a trusted authority. */
  | { readonly reason: 'client_certificate_required' }
  | { readonly reason: 'country_not_allowed' }
  /** Nothing is left of what the key may spend; there will be more, if ever, so much later. */
  | {
      readonly reason: 'budget_spent';
      readonly detail: 'uses_spent' | 'credits_spent';
      readonly retryAfterSeconds: number | undefined;
    }
  | { readonly reason: 'spending_unavailable' }
  /** The route demands a record of each request, and this one could not be made in time. */
  | { readonly reason: 'audit_unavailable' }
  /** Nobody could verify what this node would sign for the upstream: its key is not published. */
  | { readonly reason: 'internal_token_unavailable' }
  /** The route sends a credential of the upstream's own, and this node knows none of the name. */
  | { readonly reason: 'upstream_credential_unavailable' }
  /** A sub-key was made for other uses. */
  | { readonly reason: 'restricted'; readonly detail: SubKeyRestricted }
  | { readonly reason: 'insufficient_scope'; readonly scopes: readonly string[] }
  | ({ readonly reason: 'insufficient_authentication' } & RouteStepUp)
  /** No policy permits it, or one forbids it. Which one, only the explanation says. */
  | { readonly reason: 'policy_denied' }
  /** The API behind the route has no such operation. */
  | { readonly reason: 'no_operation' }
  /** The route names an API of which nothing is known here. */
  | { readonly reason: 'api_unknown' }
  | { readonly reason: 'too_many_failures'; readonly retryAfterSeconds: number }
  | { readonly reason: 'origin_not_allowed' }
  | {
      readonly reason: 'quota_exceeded';
      /** Names of the limits that deny it. */
      readonly policies: readonly string[];
      /** Undefined: never, as one request costs more than there ever is. */
      readonly retryAfterSeconds: number | undefined;
    }
  /** Limits are counted in common, that count cannot be asked, and the route refuses then. */
  | { readonly reason: 'limits_unavailable' }
  | { readonly reason: 'too_many_concurrent' }
  | { readonly reason: 'introspection_unavailable' }
  | { readonly reason: 'body_too_large' };

/** The stable code of a refusal, for records and counters. */
export function reasonOf(refusal: Refusal): string {
  return 'detail' in refusal ? refusal.detail : refusal.reason;
}

export interface ChallengeParts {
  /** URL that a challenge names, where there is one (RFC 9728 §5.1). */
  readonly metadata?: string | undefined;
  /** By which a credential that was proven is used (RFC 9449 §7.1); default: Bearer. */
  readonly scheme?: 'Bearer' | 'DPoP';
  /** Of the route: what whoever comes back should have asked for. */
  readonly scopes?: readonly string[] | undefined;
  /** By which an operator finds out why. */
  readonly decision?: string | undefined;
}

/** A name for the decision, where it was kept: it says nothing by itself. */
const decisionHeader = 'mintmark-decision';

export function refusalResponse(refusal: Refusal, parts: ChallengeParts = {}): HttpResponse {
  const response = responseOf(refusal, parts);
  if (parts.decision === undefined) return response;
  return { ...response, headers: { ...response.headers, [decisionHeader]: parts.decision } };
}

/** Said by status and code alone; of what passes by itself, when to come again. */
const plain = {
  ambiguous_header: 400,
  no_route_for_credential: 403,
  origin_not_allowed: 403,
  upgrade_refused: 403,
  answers_unseen: 403,
  policy_denied: 403,
  address_not_allowed: 403,
  address_listed: 403,
  client_certificate_required: 403,
  country_not_allowed: 403,
  restricted: 403,
  no_route: 404,
  no_operation: 404,
  request_timeout: 408,
  body_too_large: 413,
  too_many_concurrent: 429,
  status_absent: 503,
  status_stale: 503,
  overloaded: 503,
  introspection_unavailable: 503,
  spending_unavailable: 503,
  bodies_full: 503,
  audit_unavailable: 503,
  internal_token_unavailable: 503,
  upstream_credential_unavailable: 503,
  proofs_full: 503,
  api_unknown: 503,
} as const satisfies Partial<Record<Refusal['reason'], number>>;

type Plain = Extract<Refusal, { readonly reason: keyof typeof plain }>;

function isPlain(refusal: Refusal): refusal is Plain {
  return Object.hasOwn(plain, refusal.reason);
}

function plainResponse({ reason }: Plain): HttpResponse {
  const status = plain[reason];
  return problem(status, reason, status < 429 ? {} : { 'retry-after': '1' });
}

function responseOf(refusal: Refusal, parts: ChallengeParts): HttpResponse {
  const { metadata } = parts;
  if (isPlain(refusal)) return plainResponse(refusal);
  switch (refusal.reason) {
    case 'bad_path':
      return problem(400, refusal.detail);
    case 'request_invalid':
    case 'injection_suspected':
      return requestInvalid(refusal);
    case 'method_not_allowed':
      return problem(405, 'method_not_allowed', { allow: refusal.allow.join(', ') });
    case 'token_in_query':
      // RFC 6750 §2.3 and RFC 9700 §2.2: it would stand in logs and histories.
      return challenge(400, 'invalid_request', parts);
    case 'no_credential':
      // RFC 6750 §3.1: whoever did not authenticate at all is told no error.
      return withoutCredential(parts);
    case 'malformed_credential':
      return malformedCredential(refusal.detail, parts);
    case 'invalid_credential':
      return challenge(401, 'invalid_token', parts);
    case 'invalid_proof':
      return invalidProof(refusal.detail, metadata);
    case 'nonce_needed':
      return withNonce(proofChallenge('use_dpop_nonce', metadata), refusal.nonce);
    case 'insufficient_scope':
      return challenge(403, 'insufficient_scope', {
        ...parts,
        more: { scope: refusal.scopes.join(' ') },
      });
    case 'insufficient_authentication':
      return signInChallenge(refusal, parts);
    case 'too_many_failures':
      return problem(429, 'too_many_failures', retryAfter(refusal));
    case 'budget_spent':
      return problem(429, refusal.detail, retryAfter(refusal));
    case 'quota_exceeded':
      return quotaExceeded(refusal);
    case 'limits_unavailable':
      return reducedCapacity();
    default:
      return assertNever(refusal);
  }
}

/** Undefined: nobody knows when, or never. */
function retryAfter({
  retryAfterSeconds: wait,
}: {
  readonly retryAfterSeconds: number | undefined;
}): Readonly<Record<string, string>> {
  return wait === undefined ? {} : { 'retry-after': String(wait) };
}

/** The problem type of draft-ietf-httpapi-ratelimit-headers-10 §6.1. */
function quotaExceeded(
  refusal: Extract<Refusal, { readonly reason: 'quota_exceeded' }>,
): HttpResponse {
  const { policies } = refusal;
  const answer = problem(429, 'quota_exceeded', retryAfter(refusal));
  const type = 'https://iana.org/assignments/http-problem-types#quota-exceeded';
  const said = { type, title: titles[429], status: 429, code: 'quota_exceeded' };
  return { ...answer, body: JSON.stringify({ ...said, 'violated-policies': policies }) };
}

/** The problem type of draft-ietf-httpapi-ratelimit-headers-10 §6.2. */
function reducedCapacity(): HttpResponse {
  const answer = problem(503, 'limits_unavailable', { 'retry-after': '1' });
  const type = 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity';
  const said = { type, title: titles[503], status: 503, code: 'limits_unavailable' };
  return { ...answer, body: JSON.stringify(said) };
}

/** Where and by which rule; what stood there is the client's own to know. */
function requestInvalid({
  reason: code,
  misfits,
}: Extract<Refusal, { readonly misfits: unknown }>): HttpResponse {
  const answer = problem(400, code);
  const said = { type: 'about:blank', title: titles[400], status: 400, code };
  return { ...answer, body: JSON.stringify({ ...said, errors: misfits }) };
}

function malformedCredential(detail: CredentialRefusal, parts: ChallengeParts): HttpResponse {
  switch (detail) {
    case 'more_than_one':
    case 'too_long':
      return challenge(400, 'invalid_request', parts);
    case 'unsupported_scheme':
      return withoutCredential(parts);
    case 'proof_missing':
      return proofChallenge('invalid_dpop_proof', parts.metadata);
    default:
      return challenge(401, 'invalid_token', parts);
  }
}

type ChallengeError =
  | 'invalid_request'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'insufficient_user_authentication';

/** RFC 9470 §3: what an authorization request is to ask for, so that its token will do. */
function signInChallenge(
  { acrValues, maxAgeSeconds }: RouteStepUp,
  parts: ChallengeParts,
): HttpResponse {
  const more = {
    ...(acrValues === undefined ? {} : { acr_values: acrValues.join(' ') }),
    ...(maxAgeSeconds === undefined ? {} : { max_age: String(maxAgeSeconds) }),
  };
  return challenge(401, 'insufficient_user_authentication', { ...parts, more });
}

/**
 * RFC 6750 §3. Whoever has to get another token is told which scopes to ask for, as agents do that
 * know nothing but this answer.
 *
 * @param said.more scope, acr_values, max_age: none of them holds `"` or `\` (RFC 6749 §3.3)
 */
function challenge(
  status: number,
  error: ChallengeError | undefined,
  said: ChallengeParts & { readonly more?: Readonly<Record<string, string>> },
): HttpResponse {
  const { metadata, scheme = 'Bearer', scopes = [], more = {} } = said;
  const wanted = status === 401 && scopes.length > 0 ? { scope: scopes.join(' ') } : {};
  const parts = ['realm="mintmark"'];
  if (error !== undefined) parts.push(`error="${error}"`);
  for (const [name, value] of Object.entries({ ...wanted, ...more }))
    parts.push(`${name}="${value}"`);
  if (scheme === 'DPoP') parts.push(`algs="${dpopAlgorithms.join(' ')}"`);
  // Host and path prefix hold no quotes: the listener and the route's parser refuse them.
  if (metadata !== undefined) parts.push(`resource_metadata="${metadata}"`);
  return problem(status, error ?? 'unauthenticated', {
    'www-authenticate': `${scheme} ${parts.join(', ')}`,
  });
}

/** RFC 9449 §7.2: whoever presented nothing is told of both ways. */
function withoutCredential(said: ChallengeParts): HttpResponse {
  const bearer = challenge(401, undefined, said);
  const schemes = [bearer.headers['www-authenticate'], proofScheme(undefined, undefined)].flat();
  const challenges = schemes.filter((one) => one !== undefined);
  return { ...bearer, headers: { ...bearer.headers, 'www-authenticate': challenges } };
}

/** §7.1: what is wrong with the proof is told apart from what is wrong with the token. */
function invalidProof(detail: InvalidProof, metadata: string | undefined): HttpResponse {
  const isToken = ['not_bound', 'presented_as_bearer', 'wrong_key'].includes(detail);
  return proofChallenge(isToken ? 'invalid_token' : 'invalid_dpop_proof', metadata);
}

type ProofError = 'invalid_token' | 'invalid_dpop_proof' | 'use_dpop_nonce';

function proofChallenge(error: ProofError, metadata: string | undefined): HttpResponse {
  return problem(401, error, { 'www-authenticate': proofScheme(error, metadata) });
}

function proofScheme(error: ProofError | undefined, metadata: string | undefined): string {
  const parts = ['realm="mintmark"'];
  if (error !== undefined) parts.push(`error="${error}"`);
  parts.push(`algs="${dpopAlgorithms.join(' ')}"`);
  if (metadata !== undefined) parts.push(`resource_metadata="${metadata}"`);
  return `DPoP ${parts.join(', ')}`;
}

function withNonce(response: HttpResponse, nonce: string): HttpResponse {
  return { ...response, headers: { ...response.headers, 'dpop-nonce': nonce } };
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  429: 'Too Many Requests',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** @param code stable; also in docs/errors.md */
export function problem(
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      vary: 'Authorization, X-Api-Key',
      ...headers,
    },
    body: JSON.stringify({ type: 'about:blank', title: titles[status], status, code }),
  };
}
