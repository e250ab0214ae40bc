/**
 * Problem documents (RFC 9457) of the management API: every way in which it says no, in one literal
 * table. From this table come the answers themselves, the responses in the OpenAPI description and
 * the list on /docs. A code is stable for ever; title and status belong to it.
 */
import type { HttpResponse } from '@mintmark/core';

export const problems = {
  invalid_request: { status: 400, title: 'The request cannot be understood' },
  invalid_json: { status: 400, title: 'The body is not acceptable JSON' },
  invalid_cursor: { status: 400, title: 'The cursor is not one that this list gave out' },
  unauthenticated: { status: 401, title: 'A valid administrative credential is needed' },
  insufficient_permission: { status: 403, title: 'The credential lacks the permission' },
  not_found: { status: 404, title: 'There is no such thing' },
  decision_not_kept: { status: 404, title: 'No decision is kept under this name' },
  method_not_allowed: { status: 405, title: 'This path does not have that method' },
  not_acceptable: { status: 406, title: 'The answer is JSON, which the request does not accept' },
  already_exists: { status: 409, title: 'The name is taken' },
  wrong_state: { status: 409, title: 'The thing is not in a state that allows this' },
  preview_outdated: { status: 409, title: 'More would end than the preview showed' },
  conflict: { status: 409, title: 'Somebody else changed the same thing at the same moment' },
  feed_resync: { status: 410, title: 'The feed cannot go on from there: take a new snapshot' },
  version_mismatch: { status: 412, title: 'The thing has changed since it was read' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body must be application/json' },
  invalid_body: { status: 422, title: 'The body does not fit the description' },
  policy_violated: { status: 422, title: 'The tenant’s policy for keys does not allow it' },
  tests_failed: { status: 422, title: 'Tests beside the policy fail, so it may not decide' },
  idempotency_key_reused: {
    status: 422,
    title: 'The Idempotency-Key was used before with another request',
  },
  if_match_required: { status: 428, title: 'An edit needs If-Match with the ETag last seen' },
  too_many_failures: { status: 429, title: 'Too many failed credentials from this address' },
  internal_error: { status: 500, title: 'The request failed for a reason of our own' },
  overloaded: { status: 503, title: 'Too much is under way, and other requests matter more' },
  unavailable: { status: 503, title: 'Storage or key custody cannot take the request now' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

export type ProblemCode = keyof typeof problems;

/** One thing wrong with the input, at an RFC 6901 pointer into the body or a parameter's name. */
export interface InputError {
  readonly pointer: string;
  readonly message: string;
}

export interface Problem {
  readonly code: ProblemCode;
  /** What is wrong with this very request, in words. No secret and no token. */
  readonly detail?: string | undefined;
  readonly errors?: readonly InputError[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly requestId?: string | undefined;
}

/** The problem as an answer. `type` points to its paragraph on /docs (RFC 9457 §3.1.1). */
export function renderProblem(problem: Problem): HttpResponse {
  const { status, title } = problems[problem.code];
  const body = {
    type: `/docs#${problem.code}`,
    title,
    status,
    code: problem.code,
    detail: problem.detail,
    errors: problem.errors,
    request_id: problem.requestId,
  };
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...problem.headers,
    },
    body: JSON.stringify(body),
  };
}
