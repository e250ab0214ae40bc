/**
 * Where the answer to an authorization request goes. Found before anything else is judged: a
 * request whose client or redirect URI is bad is answered to the person and never redirected
 * (RFC 6749 §4.1.2.1), every other error goes to the redirect URI that was found here.
 */
import { type ClientId, err, type JwsAlgorithm, limits, ok, type Result } from '@mintmark/core';
import type { Parameters } from './authorization-request.ts';
import { isRegisteredRedirectUri } from './redirect-uri.ts';
import type { RequestingClient } from './requesting-client.ts';

/** No fragment: what stands there is open to every script of the page that it leads to. */
export const responseModes = ['query', 'form_post', 'jwt', 'query.jwt', 'form_post.jwt'] as const;
/** `jwt` is what it stands for: `query.jwt` (JARM §2.3.4). */
export type ResponseMode = Exclude<(typeof responseModes)[number], 'jwt'>;

export interface ResponseTarget {
  readonly clientId: ClientId;
  readonly redirectUri: string;
  /** Whether the request named it; then the token request must too (RFC 6749 §4.1.3). */
  readonly redirectUriGiven: boolean;
  readonly responseMode: ResponseMode;
  readonly state: string | null;
  /** Algorithm of a signed answer (JARM); null where it is plain. */
  readonly signedBy: JwsAlgorithm | null;
}

/** Each is answered by a page, to the person who followed the link. */
export type TargetRefusal =
  | { readonly reason: 'client_not_named' }
  | { readonly reason: 'unknown_client' }
  | { readonly reason: 'redirect_uri_not_named' }
  | { readonly reason: 'redirect_uri_not_registered' };

/** @returns undefined for what is no mode of ours */
export function parseResponseMode(text: string): ResponseMode | undefined {
  const mode = responseModes.find((one) => one === text);
  return mode === 'jwt' ? 'query.jwt' : mode;
}

/**
 * A `response_mode` that we do not know is refused by what follows, in a query; a `state` that
 * stands twice is left out, because nobody could say which of them the client waits for.
 *
 * @param client the active client that `client_id` names, undefined where there is none
 */
export function findResponseTarget(
  parameters: Parameters,
  client: RequestingClient | undefined,
): Result<ResponseTarget, TargetRefusal> {
  const isOnce = (name: string): boolean => !parameters.duplicates.includes(name);
  const clientId = parameters.get('client_id');
  if (clientId === undefined || !isOnce('client_id')) return err({ reason: 'client_not_named' });
  if (client?.status !== 'active' || client.clientId !== clientId) {
    return err({ reason: 'unknown_client' });
  }
  const given = parameters.get('redirect_uri');
  if (given !== undefined && (!isOnce('redirect_uri') || !isRegisteredRedirectUri(client, given))) {
    return err({ reason: 'redirect_uri_not_registered' });
  }
  const redirectUri = given ?? onlyRedirectUri(client, parameters);
  if (redirectUri === undefined) return err({ reason: 'redirect_uri_not_named' });
  const named = parseResponseMode(parameters.get('response_mode') ?? '');
  const responseMode = (isOnce('response_mode') ? named : undefined) ?? 'query';
  const state = parameters.get('state');
  const isStateSent = state !== undefined && isOnce('state') && state.length <= stateCharsMax;
  return ok({
    clientId: client.clientId,
    redirectUri,
    redirectUriGiven: given !== undefined,
    responseMode,
    state: isStateSent ? state : null,
    signedBy: responseMode.endsWith('jwt') ? responseAlgorithm(client) : null,
  });
}

/** JARM §3: RS256 where the client says nothing; FAPI 2.0 §5.4.1 allows none of that. */
function responseAlgorithm(client: RequestingClient): JwsAlgorithm {
  const { authorizationResponseAlgorithm: chosen, securityProfile } = client;
  return chosen ?? (securityProfile === 'fapi2' ? 'ES256' : 'RS256');
}

const stateCharsMax = limits.headerBytesMax / 2;

/** RFC 6749 §3.1.2.3; OpenID Connect Core §3.1.2.1 has no such default. */
function onlyRedirectUri(client: RequestingClient, parameters: Parameters): string | undefined {
  const isOpenId = parameters.get('scope')?.split(' ').includes('openid') === true;
  return client.redirectUris.length === 1 && !isOpenId ? client.redirectUris[0] : undefined;
}
