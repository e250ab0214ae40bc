/**
 * What is sent to a client's redirect URI: code or error, with `state` and, always, `iss` (RFC
 * 9207), by which the client knows which authorization server answered it.
 */
import type { ResponseTarget } from './response-target.ts';

/** RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6, RFC 8707 §2, RFC 9396 §5, RFC 9470. */
export type AuthorizationErrorCode =
  | 'invalid_request'
  | 'unauthorized_client'
  | 'access_denied'
  | 'unsupported_response_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'server_error'
  | 'temporarily_unavailable'
  | 'login_required'
  | 'consent_required'
  | 'request_not_supported'
  | 'request_uri_not_supported'
  | 'registration_not_supported'
  | 'invalid_authorization_details'
  | 'unmet_authentication_requirements';

export type AuthorizationAnswer =
  | { readonly code: string }
  | { readonly error: AuthorizationErrorCode; readonly description?: string };

/** How the answer travels: by a redirect of the browser, or by a form that it sends itself. */
export type AuthorizationResponse =
  | { readonly by: 'redirect'; readonly location: string }
  | {
      readonly by: 'form';
      readonly action: string;
      readonly fields: readonly (readonly [name: string, value: string])[];
    };

/** @param input.issuer out of the configuration, never out of the request's Host */
export function buildAuthorizationResponse(
  target: ResponseTarget,
  input: { readonly issuer: string; readonly answer: AuthorizationAnswer },
): AuthorizationResponse {
  const { redirectUri, responseMode, state } = target;
  const { issuer, answer } = input;
  const fields: (readonly [string, string])[] = [
    ...answerFields(answer),
    ...(state === null ? [] : [['state', state] as const]),
    ['iss', issuer],
  ];
  switch (responseMode) {
    case 'form_post':
      return { by: 'form', action: redirectUri, fields };
    case 'query':
      return { by: 'redirect', location: withQuery(redirectUri, fields) };
  }
}

function answerFields(answer: AuthorizationAnswer): readonly (readonly [string, string])[] {
  if ('code' in answer) return [['code', answer.code]];
  const { error, description } = answer;
  return [
    ['error', error],
    ...(description === undefined ? [] : [['error_description', description] as const]),
  ];
}

/** The registered URI stays as it is, its own query included (RFC 6749 §3.1.2). */
function withQuery(uri: string, fields: readonly (readonly [string, string])[]): string {
  const text = fields.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
  if (!uri.includes('?')) return `${uri}?${text}`;
  return /[?&]$/.test(uri) ? `${uri}${text}` : `${uri}&${text}`;
}
