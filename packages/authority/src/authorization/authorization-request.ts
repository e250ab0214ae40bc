/**
 * An authorization request as the authority judges it: parsed once out of its parameters (RFC 6749
 * §4.1.1, RFC 7636 §4.3, RFC 8707 §2, OpenID Connect Core §3.1.2.1) against what its client may do.
 * Neighbours: `response-target.ts` has already found where the answer goes; whoever is to be sent
 * an error about the parameters here is a client that registered that place. What must never
 * happen: a parameter that two readers of the request could take differently.
 */
import { err, isScope, type JsonObject, limits, ok, type Result } from '@mintmark/core';
import { allowedResponseTypes, type ResponseType, responseType } from '../clients/client-rules.ts';
import { type ClaimsRequest, claimNames, parseClaimsParameter } from './claims-parameter.ts';
import type { RequestingClient } from './requesting-client.ts';
import { parseResponseMode, type ResponseTarget } from './response-target.ts';

/** Parameters of a form, of a query or of a signed request, wherever they came from. */
export interface Parameters {
  /** The first value; undefined where absent or empty. */
  get(name: string): string | undefined;
  all(name: string): readonly string[];
  /** Names that stood more than once, but for those that may (RFC 8707 §2: `resource`). */
  readonly duplicates: readonly string[];
}

export type Prompt = (typeof prompts)[number];

/** Answered with the tokens themselves, which a browser carries and no query (§3.2 of OpenID). */
export type FrontChannelType = Exclude<ResponseType, 'code'>;

/** Plain JSON: it waits in a sign-in transaction while the person signs in. */
export interface AuthorizationRequest extends ResponseTarget {
  /** Missing in one that asks for a code. */
  readonly responseType?: FrontChannelType;
  readonly scopes: readonly string[];
  /** Resources that the tokens will be for; never empty. */
  readonly audience: readonly string[];
  /** S256 (RFC 7636 §4.2). */
  readonly codeChallenge: string | null;
  readonly nonce: string | null;
  readonly prompt: readonly Prompt[];
  readonly maxAgeSeconds: number | null;
  /** In order of preference; nothing known of them here. */
  readonly acrValues: readonly string[];
  readonly claims: ClaimsRequest | null;
  readonly loginHint: string | null;
  readonly uiLocales: readonly string[];
  /** Thumbprint of the DPoP key that the code is bound to (RFC 9449 §10). */
  readonly dpopJkt: string | null;
  /** `authorization_details` (RFC 9396 §2), at least one where there are any. */
  readonly details?: readonly JsonObject[];
  /** The person is asked for these details whatever was agreed to before. */
  readonly alwaysAsks?: true;
}

/** Each is sent to the client, which registered the redirect URI that it is sent to. */
export type ParameterRefusal =
  | { readonly reason: 'duplicate_parameter'; readonly name: string }
  | { readonly reason: 'malformed_parameter'; readonly name: string }
  | { readonly reason: 'missing_parameter'; readonly name: string }
  | { readonly reason: 'parameter_not_supported'; readonly name: UnsupportedParameter }
  | { readonly reason: 'pushed_request_required' }
  | { readonly reason: 'signed_request_required' }
  | { readonly reason: 'invalid_request_object' }
  | { readonly reason: 'invalid_request_uri' }
  | { readonly reason: 'unsupported_response_type' }
  | { readonly reason: 'unsupported_response_mode' }
  | { readonly reason: 'grant_not_allowed' }
  | { readonly reason: 'unsupported_prompt' }
  | { readonly reason: 'challenge_method_not_allowed' }
  | { readonly reason: 'invalid_authorization_details' }
  | ScopeRefusal;

/** The client asks for more than it may have. */
export type ScopeRefusal =
  | { readonly reason: 'malformed_scope' }
  | { readonly reason: 'scope_not_allowed' }
  /** An administrator has not yet decided about it. */
  | { readonly reason: 'awaiting_approval' }
  | { readonly reason: 'target_not_allowed' };

/** Parameters that change what is asked for: to overlook one would grant something else. */
const unsupported = ['request_uri', 'registration'] as const;
export type UnsupportedParameter = (typeof unsupported)[number];

export const prompts = ['none', 'login', 'consent', 'select_account'] as const;
const challengePattern = /^[A-Za-z0-9_-]{43}$/;
const agePattern = /^(?:0|[1-9][0-9]{0,8})$/;

/**
 * Judges everything but client and redirect URI.
 *
 * @param input.issuer the audience where neither request nor client names one
 * @returns the request; every refusal goes to the client
 */
export function parseAuthorizationRequest(
  parameters: Parameters,
  input: {
    readonly client: RequestingClient;
    readonly target: ResponseTarget;
    readonly issuer: string;
  },
): Result<AuthorizationRequest, ParameterRefusal> {
  const { client, target, issuer } = input;
  const [twice] = parameters.duplicates;
  if (twice !== undefined) return err({ reason: 'duplicate_parameter', name: twice });
  const foreign = unsupported.find((name) => parameters.get(name) !== undefined);
  if (foreign !== undefined) return err({ reason: 'parameter_not_supported', name: foreign });
  const response = readResponse(parameters, client);
  if (!response.ok) return response;
  const scopes = settleScopes(parameters.get('scope'), client);
  if (!scopes.ok) return scopes;
  const audience = settleAudience(parameters.all('resource'), client.audiences, issuer);
  if (!audience.ok) return audience;
  const isCode = response.value.responseType === undefined;
  const challenge = isCode ? parseChallenge(parameters, client) : ok(null);
  if (!challenge.ok) return challenge;
  const prompt = parsePrompt(parameters.get('prompt'));
  if (!prompt.ok) return prompt;
  const claims = parseClaims(parameters.get('claims'));
  if (!claims.ok) return claims;
  const age = parameters.get('max_age');
  if (age !== undefined && !agePattern.test(age)) return malformed('max_age');
  const nonce = parameters.get('nonce') ?? null;
  if (nonce !== null && nonce.length > limits.claimCharsMax) return malformed('nonce');
  if (!isCode && nonce === null) return err({ reason: 'missing_parameter', name: 'nonce' });
  if (!isCode && !scopes.value.includes('openid')) return err({ reason: 'malformed_scope' });
  const acrValues = listOf(parameters.get('acr_values')) ?? client.defaultAcrValues;
  if (acrValues.length > limits.acrValuesMax) return malformed('acr_values');
  const dpopJkt = parameters.get('dpop_jkt') ?? null;
  if (dpopJkt !== null && !challengePattern.test(dpopJkt)) return malformed('dpop_jkt');
  return ok({
    ...target,
    ...response.value,
    scopes: scopes.value,
    audience: audience.value,
    codeChallenge: challenge.value,
    nonce,
    prompt: prompt.value,
    maxAgeSeconds: age === undefined ? (client.defaultMaxAgeSeconds ?? null) : Number(age),
    acrValues,
    claims: claims.value,
    loginHint: parameters.get('login_hint')?.slice(0, limits.loginHintCharsMax) ?? null,
    uiLocales: (listOf(parameters.get('ui_locales')) ?? []).slice(0, 10),
    dpopJkt,
  });
}

function readResponse(
  parameters: Parameters,
  client: RequestingClient,
): Result<{ readonly responseType?: FrontChannelType }, ParameterRefusal> {
  const text = parameters.get('response_type');
  if (text === undefined) return err({ reason: 'missing_parameter', name: 'response_type' });
  const type = responseType(text);
  if (type === undefined) return err({ reason: 'unsupported_response_type' });
  if (!allowedResponseTypes(client.responseTypes, client.grantTypes).includes(type))
    return err({ reason: 'grant_not_allowed' });
  const named = parameters.get('response_mode');
  const mode = named === undefined ? undefined : parseResponseMode(named);
  if (named !== undefined && mode === undefined)
    return err({ reason: 'unsupported_response_mode' });
  if (type === 'code') return ok({});
  // Tokens never stand in a URL, so the mode has to be named: its default would be the fragment.
  const isPosted = mode === 'form_post' || mode === 'form_post.jwt';
  return isPosted ? ok({ responseType: type }) : err({ reason: 'unsupported_response_mode' });
}

/**
 * Asked for none: what the client may have (RFC 6749 §3.3), but for what a person must be asked
 * for by name: who they are, and access while they are away.
 */
export function settleScopes(
  text: string | undefined,
  client: RequestingClient,
): Result<readonly string[], ScopeRefusal> {
  if (text === undefined) {
    const named = new Set(['openid', 'offline_access']);
    return ok(client.scopes.filter((scope) => !named.has(scope)));
  }
  const asked = [...new Set(text.split(' '))];
  const isWellFormed = (scope: string): boolean =>
    scope.length <= limits.scopeCharsMax && isScope(scope);
  if (asked.length > limits.scopesMax || !asked.every(isWellFormed)) {
    return err({ reason: 'malformed_scope' });
  }
  if (asked.some((scope) => client.pendingScopes.includes(scope))) {
    return err({ reason: 'awaiting_approval' });
  }
  const isAllowed = asked.every((scope) => client.scopes.includes(scope));
  return isAllowed ? ok(asked) : err({ reason: 'scope_not_allowed' });
}

/** RFC 8707 §2: a resource that is not allowed is `invalid_target`, never silently another. */
export function settleAudience(
  asked: readonly string[],
  allowed: readonly string[],
  issuer: string,
): Result<readonly string[], ScopeRefusal> {
  if (asked.length === 0) return ok([allowed[0] ?? issuer]);
  const isAllowed = asked.every((resource) => allowed.includes(resource));
  return isAllowed ? ok([...new Set(asked)]) : err({ reason: 'target_not_allowed' });
}

/** RFC 7636 §4.3: no method means `plain`, which protects from nobody who can read the request. */
function parseChallenge(
  parameters: Parameters,
  client: RequestingClient,
): Result<string | null, ParameterRefusal> {
  const challenge = parameters.get('code_challenge');
  const method = parameters.get('code_challenge_method');
  if (challenge === undefined) {
    if (method !== undefined) return err({ reason: 'missing_parameter', name: 'code_challenge' });
    // A client without a secret has nothing else that ties the code to it (RFC 9700 §2.1.1).
    return client.requirePkce || client.authMethod === 'none'
      ? err({ reason: 'missing_parameter', name: 'code_challenge' })
      : ok(null);
  }
  if (method !== 'S256') return err({ reason: 'challenge_method_not_allowed' });
  return challengePattern.test(challenge) ? ok(challenge) : malformed('code_challenge');
}

/** OpenID Connect Core §3.1.2.1: `none` stands alone. `create` would need self-registration. */
function parsePrompt(text: string | undefined): Result<readonly Prompt[], ParameterRefusal> {
  const values = [...new Set(listOf(text) ?? [])];
  const isKnown = (value: string): value is Prompt => prompts.some((one) => one === value);
  if (!values.every(isKnown)) return err({ reason: 'unsupported_prompt' });
  return values.length > 1 && values.includes('none') ? malformed('prompt') : ok(values);
}

function parseClaims(text: string | undefined): Result<ClaimsRequest | null, ParameterRefusal> {
  if (text === undefined) return ok(null);
  const parsed = parseClaimsParameter(text);
  if (!parsed.ok) return malformed('claims');
  return claimNames(parsed.value).length > limits.scopesMax ? malformed('claims') : parsed;
}

function listOf(text: string | undefined): readonly string[] | undefined {
  return text?.split(' ').filter((value) => value !== '');
}

function malformed(name: string): Result<never, ParameterRefusal> {
  return err({ reason: 'malformed_parameter', name });
}
