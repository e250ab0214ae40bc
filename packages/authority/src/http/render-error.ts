/**
 * From refusals to the wire: the one exhaustive map for the protocol endpoints. It says no more
 * than the standards ask; what an operator needs stands in the audit trail and the log.
 */
import { assertNever, type HttpResponse, type OauthErrorCode } from '@mintmark/core';
import type { ClientAuthMethod } from '../clients/client-rules.ts';
import type { TokenRefusal } from '../grants/grant.ts';
import type { FormRefusal } from './form.ts';
import type { PresentedRefusal } from './presented-client.ts';

export type ProtocolRefusal =
  | FormRefusal
  | PresentedRefusal
  | TokenRefusal
  | { readonly reason: 'too_many_failures'; readonly retryAfterSeconds: number }
  | { readonly reason: 'too_many_requests'; readonly retryAfterSeconds: number }
  | { readonly reason: 'caller_unauthenticated' };

export interface Rendered {
  readonly status: number;
  readonly error: OauthErrorCode;
  readonly description?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** RFC 6749 §5.1: nothing of these endpoints may be stored on the way. */
export const uncached = { 'cache-control': 'no-store', pragma: 'no-cache' } as const;

/** @returns the standard's own error document (RFC 6749 §5.2) */
export function renderError(refusal: ProtocolRefusal): HttpResponse {
  const { status, error, description, headers } = rendered(refusal);
  return {
    status,
    headers: { 'content-type': 'application/json', ...uncached, ...headers },
    body: JSON.stringify({
      error,
      ...(description === undefined ? {} : { error_description: description }),
    }),
  };
}

function rendered(refusal: ProtocolRefusal): Rendered {
  switch (refusal.reason) {
    case 'not_a_form':
    case 'body_too_large':
    case 'malformed_encoding':
    case 'too_many_parameters':
    case 'duplicate_parameter':
    case 'parameters_in_query':
      return badForm(refusal);
    case 'missing_parameter':
      return invalid(`${refusal.name} is missing`);
    case 'malformed_basic':
    case 'caller_unauthenticated':
      return invalidClient(undefined);
    case 'malformed_assertion':
    case 'assertion_used':
      return invalidClient('private_key_jwt');
    case 'client_unauthenticated':
      return invalidClient(refusal.method);
    case 'too_many_failures':
    case 'too_many_requests':
      return tooMany(refusal);
    case 'unsupported_grant_type':
    case 'authorization_pending':
    case 'slow_down':
    case 'access_denied':
    case 'expired_token':
    case 'invalid_authorization_details':
      return { status: 400, error: refusal.reason };
    case 'grant_unknown':
    case 'grant_used':
    case 'may_not_assert':
    case 'grant_expired':
    case 'grant_reused':
    case 'grant_revoked':
    case 'subject_ended':
    case 'redirect_mismatch':
    case 'verifier_mismatch':
    case 'key_mismatch':
    case 'repeated_otherwise':
      return invalidGrant;
    case 'several_methods':
    case 'not_exchangeable':
    case 'may_not_act':
    case 'subject_key_missing':
    case 'certificate_missing':
    case 'no_encryption_key':
      return invalid(unfit[refusal.reason]);
    case 'grant_not_allowed':
    case 'malformed_scope':
    case 'scope_not_allowed':
    case 'target_not_allowed':
      return { status: 400, error: codes[refusal.reason] };
    case 'hook_refused':
    case 'policy_denied':
      return denied(refusal);
    case 'proof_missing':
    case 'proof_refused':
    case 'nonce_needed':
    case 'proof_used':
      return invalidProof(refusal);
    case 'hook_failed':
    case 'client_changed':
    case 'revoked_meanwhile':
    case 'overtaken':
      return tryAgain;
    default:
      return assertNever(refusal);
  }
}

/** One answer for all: what is wrong with a stolen one is no business of who stole it. */
const invalidGrant: Rendered = { status: 400, error: 'invalid_grant' };

/** Nothing was spent, or it was overtaken each time: the client may simply try again. */
const tryAgain: Rendered = {
  ...{ status: 503, error: 'temporarily_unavailable', headers: { 'retry-after': '1' } },
};

/**
 * RFC 6749 §4.1.2.1 says `access_denied` where the server denies a request, and RFC 8628 §3.5 has
 * it for this endpoint. None of §5.2 fits: a client drops its refresh token for `invalid_grant`.
 * Why is no business of the client; the name of the decision is for whoever is asked.
 */
function denied(
  refusal: Extract<TokenRefusal, { reason: 'hook_refused' | 'policy_denied' }>,
): Rendered {
  const isNamed = refusal.reason === 'policy_denied';
  const headers = isNamed ? { 'mintmark-decision': refusal.decision } : {};
  return { status: 400, error: 'access_denied', headers };
}

const codes = {
  grant_not_allowed: 'unauthorized_client',
  malformed_scope: 'invalid_scope',
  scope_not_allowed: 'invalid_scope',
  target_not_allowed: 'invalid_target',
} as const;

const unfit = {
  several_methods: 'more than one client authentication method',
  not_exchangeable: 'the tokens cannot be exchanged by this client',
  may_not_act: 'the actor may not act for the subject',
  subject_key_missing: 'the subject token is bound to a key or certificate that was not shown',
  certificate_missing: 'a client certificate is needed',
  no_encryption_key: 'there is no key that can be encrypted to',
} as const;

function tooMany(refusal: {
  readonly reason: 'too_many_failures' | 'too_many_requests';
  readonly retryAfterSeconds: number;
}): Rendered {
  return {
    status: 429,
    error: 'temporarily_unavailable',
    description:
      refusal.reason === 'too_many_failures' ? 'too many failed attempts' : 'too many requests',
    headers: { 'retry-after': String(refusal.retryAfterSeconds) },
  };
}

function badForm({ reason }: FormRefusal): Rendered {
  switch (reason) {
    case 'not_a_form':
      return invalid('the body must be application/x-www-form-urlencoded');
    case 'body_too_large':
      return { ...invalid('the body is too large'), status: 413 };
    case 'malformed_encoding':
      return invalid('the body is not well-formed');
    case 'too_many_parameters':
      return invalid('too many parameters');
    case 'duplicate_parameter':
      return invalid('a parameter is repeated');
    case 'parameters_in_query':
      return invalid('parameters belong in the body');
    default:
      return assertNever(reason);
  }
}

/**
 * RFC 6749 §5.2: the challenge names the scheme that was used, Basic where none was. A method of
 * the form has no scheme of HTTP; it is named by itself, for `Basic` would make a browser ask a
 * person for the password of an application.
 */
function invalidClient(method: ClientAuthMethod | undefined): Rendered {
  const basic = 'Basic realm="mintmark", charset="UTF-8"';
  const isForm = method !== undefined && method !== 'client_secret_basic' && method !== 'none';
  const challenge = isForm ? `${method} realm="mintmark"` : basic;
  return { status: 401, error: 'invalid_client', headers: { 'www-authenticate': challenge } };
}

/** RFC 9449 §5 and §8. */
function invalidProof(refusal: ProofRefusal): Rendered {
  switch (refusal.reason) {
    case 'nonce_needed':
      return { status: 400, error: 'use_dpop_nonce' };
    case 'proof_missing':
      return badProof('a DPoP proof is needed');
    case 'proof_used':
      return badProof('the proof was used before');
    case 'proof_refused':
      return badProof(refusal.detail);
  }
}

type ProofRefusal = Extract<
  ProtocolRefusal,
  { reason: 'nonce_needed' | 'proof_missing' | 'proof_used' | 'proof_refused' }
>;

function badProof(description: string): Rendered {
  return { status: 400, error: 'invalid_dpop_proof', description };
}

function invalid(description: string): Rendered {
  return { status: 400, error: 'invalid_request', description };
}
