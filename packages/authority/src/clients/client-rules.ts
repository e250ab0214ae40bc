/**
 * What is decided about a client: RFC 7591 metadata and Mintmark's own rules, read out of its row.
 * The schema is the type: what an older version wrote is completed with the strictest default. What
 * may be registered is judged by `check-rules.ts`; what stands in a row was, at its time.
 */
import type { JsonValue, JwsAlgorithm } from '@mintmark/core';
import { jweAlgorithms, jweEncryptions } from '@mintmark/tokens';
import { z } from 'zod';

/** Every grant that a client may be registered for; those that are built are in `grants/`. */
export const grantTypes = [
  'authorization_code',
  'implicit',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:token-exchange',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
  'urn:openid:params:grant-type:ciba',
] as const;

export type GrantType = (typeof grantTypes)[number];

/** What an authorization request may ask for (OpenID Connect Core §3), words in order. */
export const responseTypes = ['code', 'id_token', 'id_token token'] as const;

export type ResponseType = (typeof responseTypes)[number];

/** @param text its words in any order (OAuth 2.0 Multiple Response Types §3) */
export function responseType(text: string): ResponseType | undefined {
  const ordered = text.split(' ').sort().join(' ');
  return responseTypes.find((one) => one === ordered);
}

/** RFC 7591 §2.1: each of them belongs to a grant. */
export function allowedResponseTypes(
  types: readonly ResponseType[],
  grants: readonly GrantType[],
): readonly ResponseType[] {
  const grantOf = (type: ResponseType) => (type === 'code' ? 'authorization_code' : 'implicit');
  return types.filter((type) => grants.includes(grantOf(type)));
}

/** RFC 7591 §2, OpenID Connect Core §9, RFC 8705 §2. */
export const clientAuthMethods = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'none',
] as const;

export type ClientAuthMethod = (typeof clientAuthMethods)[number];

/** Algorithms with a public key, weakest name first. */
export const publicKeyAlgorithms = [
  'RS256',
  'PS256',
  'ES256',
  'EdDSA',
  'ML-DSA-44',
  'ML-DSA-65',
  'ML-DSA-87',
] as const satisfies readonly JwsAlgorithm[];

/** FAPI 2.0 Security Profile §5.4.1 leaves out the oldest. */
export function acceptedAlgorithms({
  securityProfile,
}: Pick<ClientRules, 'securityProfile'>): readonly (typeof publicKeyAlgorithms)[number][] {
  return publicKeyAlgorithms.filter((one) => securityProfile === 'none' || one !== 'RS256');
}

/** CIBA §5, without push, which FAPI-CIBA §5.2.2 forbids: tokens go where the client asks. */
export const tokenDeliveryModes = ['poll', 'ping'] as const;

/** FAPI 2.0 Security Profile, and FAPI-CIBA for clients that ask by the back channel. */
export const securityProfiles = ['none', 'fapi2', 'fapi-ciba'] as const;

const algorithm = z.enum(publicKeyAlgorithms);
/** How what is sent to us may be encrypted: our key is of a curve. */
export const requestKeyEncryptions = ['ECDH-ES', 'ECDH-ES+A256KW'] as const;

/** How an answer is encrypted to the client (RFC 7518 §4.1, §5.1). */
const keyEncryption = z.enum(jweAlgorithms).optional();
const contentEncryption = z.enum(jweEncryptions).optional();
const text = z.string();
const texts = z.array(text).readonly().default([]);
const no = z.boolean().default(false);
const days = 86_400;

export const clientRules = z.object({
  name: text,
  /** Who answers for it. */
  owner: text,
  /** Who registered it: an administrator, it itself, or the document at its id. */
  source: z.enum(['administrator', 'registration', 'document']).default('administrator'),
  applicationType: z.enum(['web', 'native']).default('web'),
  grantTypes: z.array(z.enum(grantTypes)).readonly(),
  responseTypes: z.array(z.enum(responseTypes)).readonly().default([]),
  metadata: z.record(text, text).readonly(),

  // How it proves who it is.
  authMethod: z.enum(clientAuthMethods),
  /** Of its assertions and signed requests; any that its keys can do where it is not set. */
  authSigningAlgorithm: algorithm.optional(),
  /**
   * What `aud` of an assertion may name: this issuer and no more, or also one of its endpoints, as
   * OpenID Connect Core §9 and CIBA clients send it.
   */
  assertionAudience: z.enum(['issuer', 'issuer_or_endpoint']).default('issuer'),
  /** JWK Set (RFC 7517 §5) of public keys, or where to fetch it; never both. */
  jwks: z.custom<JsonValue>().optional(),
  jwksUri: text.optional(),
  tlsClientAuthSubjectDn: text.optional(),
  tlsClientAuthSanDns: text.optional(),
  tlsClientAuthSanUri: text.optional(),
  tlsClientAuthSanIp: text.optional(),
  tlsClientAuthSanEmail: text.optional(),

  // What it may ask for.
  /** Scopes that it may ask for; it gets all of them where it asks for none. */
  scopes: z.array(text).readonly(),
  /** Asked for by a client that nobody vouches for, until an administrator approves. */
  pendingScopes: texts,
  pendingGrantTypes: z.array(z.enum(grantTypes)).readonly().default([]),
  /** What administrators gave it beyond what every such client gets. */
  approvedScopes: texts,
  approvedGrantTypes: z.array(z.enum(grantTypes)).readonly().default([]),
  /** Resources it may ask for (RFC 8707); the first is the default. Empty: the issuer itself. */
  audiences: z.array(text).readonly(),
  /** Types of `authorization_details` that it may use (RFC 9396 §10). */
  authorizationDetailsTypes: texts,
  /** Resources that this client serves: it may introspect the tokens that are meant for them. */
  resources: z.array(text).readonly(),

  /** Whether what it gets by token exchange may leave out that it acts for somebody. */
  mayImpersonate: no,
  /** Whether its own signature is enough to get tokens for any user (RFC 7523 §2.1). */
  mayAssertSubjects: no,

  // How it asks a person.
  /** Compared as exact strings. */
  redirectUris: texts,
  /** Origins whose pages may read our answers; those of the redirect URIs where it is not set. */
  allowedOrigins: z.array(text).readonly().optional(),
  /** False only for a confidential client with redirect URIs. */
  requirePkce: z.boolean().default(true),
  requirePushedAuthorizationRequests: no,
  /** RFC 9101 §10.5 */
  requireSignedRequestObject: no,
  requestObjectAlgorithm: algorithm.optional(),
  /** Its request objects are encrypted so, and none that is not. */
  requestObjectKeyEncryption: z.enum(requestKeyEncryptions).optional(),
  requestObjectEncryption: contentEncryption,
  requestUris: texts,
  /** Signs its JARM responses. */
  authorizationResponseAlgorithm: algorithm.optional(),
  authorizationResponseKeyEncryption: keyEncryption,
  authorizationResponseEncryption: contentEncryption,
  consent: z.enum(['required', 'implicit']).default('required'),
  /** A person who agrees may leave out every scope but these, and `openid`. */
  requiredScopes: texts,
  defaultAcrValues: texts,
  defaultMaxAgeSeconds: z.number().optional(),
  requireAuthTime: no,
  initiateLoginUri: text.optional(),
  securityProfile: z.enum(securityProfiles).default('none'),

  // How it asks a person by the back channel (CIBA §4).
  backchannelTokenDeliveryMode: z.enum(tokenDeliveryModes).optional(),
  backchannelClientNotificationEndpoint: text.optional(),
  /** Where it is set, every such request is signed, by this algorithm. */
  backchannelRequestAlgorithm: algorithm.optional(),
  /** Always false: a request is shown to its person alone, and has no code that lets it through. */
  backchannelUserCode: no,

  // What it gets.
  accessTokenFormat: z.enum(['jwt', 'opaque']),
  accessTokenTtlSeconds: z.number(),
  accessTokenAlgorithm: algorithm,
  /** Whether its JWTs, and those for its `resources`, can be looked up in a status list. */
  accessTokenStatusList: no,
  /** How JWTs for its `resources` are encrypted to it, whoever gets them. */
  accessTokenKeyEncryption: keyEncryption,
  accessTokenEncryption: contentEncryption,
  dpopBoundAccessTokens: no,
  tlsClientCertificateBoundAccessTokens: no,
  /** OpenID Connect Core §3.1.3.7: what every relying party can verify. */
  idTokenAlgorithm: algorithm.default('RS256'),
  idTokenKeyEncryption: keyEncryption,
  idTokenEncryption: contentEncryption,
  idTokenTtlSeconds: z.number().default(3600),
  userinfoAlgorithm: algorithm.optional(),
  userinfoKeyEncryption: keyEncryption,
  userinfoEncryption: contentEncryption,
  /** RFC 9701 §6 */
  introspectionAlgorithm: algorithm.optional(),
  introspectionKeyEncryption: keyEncryption,
  introspectionEncryption: contentEncryption,
  /** Longest life of a family of refresh tokens, from the first. */
  refreshTokenTtlSeconds: z.number().default(30 * days),
  /** A refresh token that is not used for so long ends. */
  refreshTokenIdleSeconds: z.number().default(7 * days),
  rotateRefreshTokens: z.boolean().default(true),
  subjectType: z.enum(['public', 'pairwise']).default('public'),
  sectorIdentifierUri: text.optional(),

  // How it hears of the end of a session.
  postLogoutRedirectUris: texts,
  backchannelLogoutUri: text.optional(),
  backchannelLogoutSessionRequired: no,

  // What people are shown: data, never markup.
  clientUri: text.optional(),
  logoUri: text.optional(),
  policyUri: text.optional(),
  tosUri: text.optional(),
  contacts: texts,
  softwareId: text.optional(),
  softwareVersion: text.optional(),
});

export type ClientRules = Readonly<z.output<typeof clientRules>>;

/** Whether it proves who it is, by whatever means (RFC 6749 §2.1). */
export function isConfidential({ authMethod }: Pick<ClientRules, 'authMethod'>): boolean {
  return authMethod !== 'none';
}

/** Whether it proves that by a secret that the authority holds the hash of. */
export function usesSecret({ authMethod }: Pick<ClientRules, 'authMethod'>): boolean {
  return authMethod === 'client_secret_basic' || authMethod === 'client_secret_post';
}

/** What the authority signs for it: keys of these must be known before the first signature. */
export function signingAlgorithmsOf(rules: ClientRules): readonly JwsAlgorithm[] {
  const wanted = [
    rules.accessTokenFormat === 'jwt' ? rules.accessTokenAlgorithm : undefined,
    rules.scopes.includes('openid') ? rules.idTokenAlgorithm : undefined,
    rules.userinfoAlgorithm,
    rules.introspectionAlgorithm,
    rules.authorizationResponseAlgorithm,
  ];
  return [...new Set(wanted.filter((one) => one !== undefined))];
}
