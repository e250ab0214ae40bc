/** Requests and clients by hand, for the tests of this folder. */
import { type ClientId, defaultTenant } from '@mintmark/core';
import type { AuthorizationRequest, Parameters } from './authorization-request.ts';
import type { RequestingClient } from './requesting-client.ts';

export const bedClient: RequestingClient = {
  tenant: defaultTenant,
  clientId: 'app' as ClientId,
  version: 1,
  status: 'active',
  name: 'App',
  applicationType: 'web',
  source: 'administrator',
  grantTypes: ['authorization_code'],
  responseTypes: ['code'],
  authMethod: 'client_secret_basic',
  scopes: ['openid', 'profile', 'read', 'offline_access'],
  pendingScopes: [],
  authorizationDetailsTypes: [],
  audiences: ['https://api.example', 'https://other.example'],
  redirectUris: ['https://app.example/cb'],
  subjectType: 'public',
  requirePkce: true,
  requirePushedAuthorizationRequests: false,
  securityProfile: 'none',
  requestUris: [],
  requireSignedRequestObject: false,
  consent: 'required',
  requiredScopes: [],
  refreshTokenTtlSeconds: 86_400,
  defaultAcrValues: [],
};

/** S256 of the verifier in RFC 7636 appendix B. */
export const bedChallenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

const bedParameters: Readonly<Record<string, string>> = {
  client_id: 'app',
  redirect_uri: 'https://app.example/cb',
  response_type: 'code',
  scope: 'openid read',
  state: 's-1',
  code_challenge: bedChallenge,
  code_challenge_method: 'S256',
};

/** @param more `undefined` leaves a parameter out, a list gives it several times */
export function parametersOf(
  more: Readonly<Record<string, string | readonly string[] | undefined>> = {},
): Parameters {
  const values = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries({ ...bedParameters, ...more })) {
    if (value !== undefined) values.set(name, typeof value === 'string' ? [value] : value);
  }
  return {
    get: (name) => values.get(name)?.[0],
    all: (name) => values.get(name) ?? [],
    duplicates: [...values]
      .filter(([name, list]) => name !== 'resource' && list.length > 1)
      .map(([name]) => name),
  };
}

export const bedRequest: AuthorizationRequest = {
  clientId: bedClient.clientId,
  redirectUri: 'https://app.example/cb',
  redirectUriGiven: true,
  responseMode: 'query',
  state: 's-1',
  signedBy: null,
  scopes: ['openid', 'read'],
  audience: ['https://api.example'],
  codeChallenge: bedChallenge,
  nonce: null,
  prompt: [],
  maxAgeSeconds: null,
  acrValues: [],
  claims: null,
  loginHint: null,
  uiLocales: [],
  dpopJkt: null,
};
