/**
 * What is sent to a client's redirect URI: code or error, with `state` and, always, `iss` (RFC
 * 9207), by which the client knows which authorization server answered it.
 */
import { type JsonObject, type JwsAlgorithm, limits } from '@mintmark/core';
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
  | 'invalid_request_object'
  | 'invalid_request_uri'
  | 'request_uri_not_supported'
  | 'registration_not_supported'
  | 'invalid_authorization_details'
  | 'unmet_authentication_requirements';

/** OpenID Connect Core §3.2.2.5: at least an ID token. */
export interface FrontChannelTokens {
  readonly idToken: string;
  readonly accessToken: string | undefined;
  readonly expiresInSeconds: number;
  readonly scopes: readonly string[];
}

export type AuthorizationAnswer =
  | { readonly code: string }
  | { readonly tokens: FrontChannelTokens }
  | { readonly error: AuthorizationErrorCode; readonly description?: string };

/** How the answer travels: by a redirect of the browser, or by a form that it sends itself. */
export type AuthorizationResponse =
  | { readonly by: 'redirect'; readonly location: string }
  | {
      readonly by: 'form';
      readonly action: string;
      readonly fields: readonly (readonly [name: string, value: string])[];
    };

export interface ResponseInput {
  /** Out of the configuration, never out of the request's Host. */
  readonly issuer: string;
  readonly answer: AuthorizationAnswer;
  /** Unix seconds. */
  readonly now: number;
  /**
   * Makes a JWT of a response (JARM §2.1), encrypted where the client asked for that.
   *
   * @returns undefined where the client has no key to encrypt to
   */
  readonly seal: (algorithm: JwsAlgorithm, claims: JsonObject) => Promise<string | undefined>;
}

/**
 * @returns undefined where the answer was to be encrypted and cannot be: then it goes nowhere
 * @throws CustodyFault, StoreFault where the response cannot be signed
 */
export async function buildAuthorizationResponse(
  target: ResponseTarget,
  input: ResponseInput,
): Promise<AuthorizationResponse | undefined> {
  const { redirectUri, responseMode } = target;
  const fields = await responseFields(target, input);
  if (fields === undefined) return undefined;
  switch (responseMode) {
    case 'form_post':
    case 'form_post.jwt':
      return { by: 'form', action: redirectUri, fields };
    case 'query':
    case 'query.jwt':
      return { by: 'redirect', location: withQuery(redirectUri, fields) };
  }
}

async function responseFields(
  { clientId, state, signedBy }: ResponseTarget,
  { issuer, answer, now, seal }: ResponseInput,
): Promise<readonly (readonly [string, string])[] | undefined> {
  const said: readonly (readonly [string, string])[] = [
    ...answerFields(answer),
    ...(state === null ? [] : [['state', state] as const]),
  ];
  if (signedBy === null) return [...said, ['iss', issuer]];
  // RFC 9207 §2.4: the issuer stands inside the JWT, and nowhere else.
  const exp = now + limits.signedResponseSeconds;
  const claims = { iss: issuer, aud: clientId, exp, ...Object.fromEntries(said) };
  const response = await seal(signedBy, claims);
  return response === undefined ? undefined : [['response', response]];
}

function answerFields(answer: AuthorizationAnswer): readonly (readonly [string, string])[] {
  if ('code' in answer) return [['code', answer.code]];
  if ('tokens' in answer) return tokenFields(answer.tokens);
  const { error, description } = answer;
  return [
    ['error', error],
    ...(description === undefined ? [] : [['error_description', description] as const]),
  ];
}

function tokenFields(tokens: FrontChannelTokens): readonly (readonly [string, string])[] {
  const { idToken, accessToken, expiresInSeconds, scopes } = tokens;
  if (accessToken === undefined) return [['id_token', idToken]];
  return [
    ['access_token', accessToken],
    ['token_type', 'Bearer'],
    ['expires_in', String(expiresInSeconds)],
    ['scope', scopes.join(' ')],
    ['id_token', idToken],
  ];
}

/** The registered URI stays as it is, its own query included (RFC 6749 §3.1.2). */
function withQuery(uri: string, fields: readonly (readonly [string, string])[]): string {
  const text = fields.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
  if (!uri.includes('?')) return `${uri}?${text}`;
  return /[?&]$/.test(uri) ? `${uri}${text}` : `${uri}&${text}`;
}
