/** The rules of a client that is registered: what was given, and a default for all that was not. */
import { type JwsAlgorithm, limits } from '@mintmark/core';
import { type ClientRules, clientRules, publicKeyAlgorithms } from './client-rules.ts';

/** What stands where nothing was given. */
export interface RegistrationDefaults {
  /** Names the client to people where it has no name (RFC 7591 §2). */
  readonly clientId: string;
  readonly owner: string;
  /** Signs the access tokens. */
  readonly algorithm: JwsAlgorithm;
}

/** Members of the rules; those that are undefined count as not given. */
export type GivenRules = { readonly [M in keyof ClientRules]?: unknown };

/** @throws ZodError where the caller has not parsed what was given */
export function freshRules(given: GivenRules, defaults: RegistrationDefaults): ClientRules {
  const { clientId, owner } = defaults;
  const grantTypes = given.grantTypes ?? grantTypesFor(given.redirectUris);
  const members = {
    name: clientId,
    owner,
    authMethod: 'client_secret_basic',
    scopes: [],
    audiences: [],
    resources: [],
    accessTokenFormat: 'jwt',
    accessTokenTtlSeconds: limits.accessTokenTtlSecondsDefault,
    accessTokenAlgorithm: publicKeyAlgorithms.find((one) => one === defaults.algorithm) ?? 'ES256',
    metadata: {},
    responseTypes: responseTypesFor(grantTypes),
    ...(given.securityProfile === 'fapi2' ? fapi2 : {}),
    ...(given.securityProfile === 'fapi-ciba' ? fapiCiba : {}),
    ...defined(given),
    grantTypes,
  };
  const rules = clientRules.parse(withoutNull(members));
  return given.rotateRefreshTokens === undefined
    ? { ...rules, rotateRefreshTokens: !isHeldFast(rules) }
    : rules;
}

/** The rules after an edit: members left out stay, null takes an optional one away. */
export function editedRules(before: ClientRules, given: GivenRules): ClientRules {
  const edit = defined(given);
  const grantTypes = given.grantTypes ?? before.grantTypes;
  const merged = { ...before, responseTypes: responseTypesFor(grantTypes), ...edit };
  return clientRules.parse(withoutNull(merged));
}

/** RFC 7591 §2 lets the code grant be the default; without a place to answer to there is none. */
function grantTypesFor(redirectUris: unknown): readonly string[] {
  const hasUri = Array.isArray(redirectUris) && redirectUris.length > 0;
  return hasUri ? ['authorization_code'] : ['client_credentials'];
}

/** Nobody is given a front channel for its tokens who did not ask for it by name. */
function responseTypesFor(grantTypes: unknown): readonly string[] {
  const code = Array.isArray(grantTypes) && grantTypes.includes('authorization_code');
  return code ? ['code'] : [];
}

const fapiCiba = { idTokenAlgorithm: 'ES256' } as const;
const fapi2 = { requirePushedAuthorizationRequests: true, idTokenAlgorithm: 'ES256' } as const;

/**
 * Where the client proves itself by a key of its own and its tokens are bound to a key, rotation
 * guards against nothing and loses tokens to broken connections (FAPI 2.0 §5.3.2.1).
 */
export function isHeldFast(
  rules: Pick<
    ClientRules,
    'authMethod' | 'dpopBoundAccessTokens' | 'tlsClientCertificateBoundAccessTokens'
  >,
): boolean {
  const byKey = ['private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'];
  const bound = rules.dpopBoundAccessTokens || rules.tlsClientCertificateBoundAccessTokens;
  return byKey.includes(rules.authMethod) && bound;
}

function withoutNull(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
}

function defined(given: GivenRules): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
