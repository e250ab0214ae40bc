/** OAuth clients on the wire: RFC 7591 metadata, and Mintmark's own members beside it. */
import { z } from 'zod';
import type { Client } from '../../clients/client.ts';
import { type ClientRules, clientRules } from '../../clients/client-rules.ts';
import type { GivenRules } from '../../clients/fresh-rules.ts';
import { clientId, clientMembers } from './client-members.ts';
import { momentOut, renderMoment } from './wire-schema.ts';

/**
 * How each rule is spelled: as RFC 7591 §2, OpenID Connect Dynamic Registration §2, RP-initiated
 * (§2.1) and back-channel logout (§2.2), JARM (§3), CIBA (§4), RFC 8705 §2.1.2, 9101 §10.5, 9126
 * §6, 9449 §5.2 and 9701 §6 have it; without a standard's name, ours.
 */
const spelling = {
  client_name: 'name',
  owner: 'owner',
  application_type: 'applicationType',
  grant_types: 'grantTypes',
  response_types: 'responseTypes',
  token_endpoint_auth_method: 'authMethod',
  token_endpoint_auth_signing_alg: 'authSigningAlgorithm',
  assertion_audience: 'assertionAudience',
  jwks: 'jwks',
  jwks_uri: 'jwksUri',
  tls_client_auth_subject_dn: 'tlsClientAuthSubjectDn',
  tls_client_auth_san_dns: 'tlsClientAuthSanDns',
  tls_client_auth_san_uri: 'tlsClientAuthSanUri',
  tls_client_auth_san_ip: 'tlsClientAuthSanIp',
  tls_client_auth_san_email: 'tlsClientAuthSanEmail',
  scope: 'scopes',
  audiences: 'audiences',
  authorization_details_types: 'authorizationDetailsTypes',
  resources: 'resources',
  redirect_uris: 'redirectUris',
  allowed_origins: 'allowedOrigins',
  require_pkce: 'requirePkce',
  require_pushed_authorization_requests: 'requirePushedAuthorizationRequests',
  require_signed_request_object: 'requireSignedRequestObject',
  request_object_signing_alg: 'requestObjectAlgorithm',
  request_object_encryption_alg: 'requestObjectKeyEncryption',
  request_object_encryption_enc: 'requestObjectEncryption',
  request_uris: 'requestUris',
  authorization_signed_response_alg: 'authorizationResponseAlgorithm',
  authorization_encrypted_response_alg: 'authorizationResponseKeyEncryption',
  authorization_encrypted_response_enc: 'authorizationResponseEncryption',
  consent: 'consent',
  required_scopes: 'requiredScopes',
  may_impersonate: 'mayImpersonate',
  may_assert_subjects: 'mayAssertSubjects',
  default_acr_values: 'defaultAcrValues',
  default_max_age: 'defaultMaxAgeSeconds',
  require_auth_time: 'requireAuthTime',
  initiate_login_uri: 'initiateLoginUri',
  security_profile: 'securityProfile',
  access_token_format: 'accessTokenFormat',
  access_token_ttl_seconds: 'accessTokenTtlSeconds',
  access_token_signing_alg: 'accessTokenAlgorithm',
  access_token_status_list: 'accessTokenStatusList',
  access_token_encryption_alg: 'accessTokenKeyEncryption',
  access_token_encryption_enc: 'accessTokenEncryption',
  dpop_bound_access_tokens: 'dpopBoundAccessTokens',
  tls_client_certificate_bound_access_tokens: 'tlsClientCertificateBoundAccessTokens',
  id_token_signed_response_alg: 'idTokenAlgorithm',
  id_token_encrypted_response_alg: 'idTokenKeyEncryption',
  id_token_encrypted_response_enc: 'idTokenEncryption',
  id_token_ttl_seconds: 'idTokenTtlSeconds',
  userinfo_signed_response_alg: 'userinfoAlgorithm',
  userinfo_encrypted_response_alg: 'userinfoKeyEncryption',
  userinfo_encrypted_response_enc: 'userinfoEncryption',
  introspection_signed_response_alg: 'introspectionAlgorithm',
  introspection_encrypted_response_alg: 'introspectionKeyEncryption',
  introspection_encrypted_response_enc: 'introspectionEncryption',
  refresh_token_ttl_seconds: 'refreshTokenTtlSeconds',
  refresh_token_idle_seconds: 'refreshTokenIdleSeconds',
  rotate_refresh_tokens: 'rotateRefreshTokens',
  subject_type: 'subjectType',
  sector_identifier_uri: 'sectorIdentifierUri',
  post_logout_redirect_uris: 'postLogoutRedirectUris',
  backchannel_token_delivery_mode: 'backchannelTokenDeliveryMode',
  backchannel_client_notification_endpoint: 'backchannelClientNotificationEndpoint',
  backchannel_authentication_request_signing_alg: 'backchannelRequestAlgorithm',
  backchannel_user_code_parameter: 'backchannelUserCode',
  backchannel_logout_uri: 'backchannelLogoutUri',
  backchannel_logout_session_required: 'backchannelLogoutSessionRequired',
  client_uri: 'clientUri',
  logo_uri: 'logoUri',
  policy_uri: 'policyUri',
  tos_uri: 'tosUri',
  contacts: 'contacts',
  software_id: 'softwareId',
  software_version: 'softwareVersion',
  metadata: 'metadata',
} as const satisfies Readonly<Record<keyof typeof clientMembers, keyof ClientRules>>;

/** Nobody writes these: what waits for an administrator, and what was approved. */
const ofApproval = {
  pending_scopes: 'pendingScopes',
  pending_grant_types: 'pendingGrantTypes',
  approved_scopes: 'approvedScopes',
  approved_grant_types: 'approvedGrantTypes',
} as const satisfies Readonly<Record<string, keyof ClientRules>>;

const wireNames = Object.entries(spelling);

/** How the wire spells a rule. */
export function wireNameOf(member: keyof ClientRules): string {
  return wireNames.find(([, rule]) => rule === member)?.[0] ?? member;
}

export const newClientBody = z
  .strictObject({
    ...clientMembers,
    client_id: clientId.optional().describe('Chosen by the caller; a fresh one if not given'),
    client_secret: z
      .string()
      .regex(/^[\x21-\x7e]{16,255}$/)
      .optional()
      .describe('Chosen by the caller, or fresh; only for methods that use one'),
    client_secret_hash: z
      .string()
      .max(512)
      .optional()
      .describe('In its place, of another system: bcrypt, PBKDF2 or argon2; ours at its first use'),
  })
  .meta({ id: 'CreateClient' });

export const editClientBody = z
  .strictObject({ ...clientMembers, status: z.enum(['active', 'disabled']).optional() })
  .meta({ id: 'EditClient' });

/** In an answer everything stands, so that no default is described. */
function shownAs(rule: keyof ClientRules): z.ZodType {
  const schema = clientRules.shape[rule];
  return schema instanceof z.ZodDefault ? schema.unwrap() : schema;
}

const shown = {
  ...Object.fromEntries(wireNames.map(([name, rule]) => [name, shownAs(rule)])),
  ...Object.fromEntries(Object.entries(ofApproval).map(([name, rule]) => [name, shownAs(rule)])),
  client_id: z.string(),
  status: z.enum(['active', 'disabled']),
  scope: z.string(),
  created_at: momentOut,
  updated_at: momentOut,
};

export const client = z.strictObject(shown).meta({ id: 'Client' });

export const newClient = z
  .strictObject({
    ...shown,
    client_secret: z.string().optional().describe('In this answer only'),
    secret_already_shown: z.literal(true).optional(),
  })
  .meta({ id: 'NewClient' });

export const approveBody = z
  .strictObject({
    scopes: z.array(z.string().max(128)).max(100).optional().describe('All that wait, by default'),
    grant_types: z.array(z.string().max(128)).max(20).optional(),
  })
  .meta({ id: 'ApproveClient' });

export const rotatedSecret = z
  .strictObject({
    client_id: z.string(),
    client_secret: z.string().optional().describe('In this answer only'),
    secret_already_shown: z.literal(true).optional(),
    previous_expires_at: momentOut.describe('When the secrets before it stop working'),
  })
  .meta({ id: 'RotatedSecret' });

/** The rules that a body gives, by our names for them. */
export function givenRules(body: Readonly<Record<string, unknown>>): GivenRules {
  const given: Partial<Record<keyof ClientRules, unknown>> = {};
  for (const [name, rule] of wireNames) {
    const value = body[name];
    if (value === undefined) continue;
    given[rule] = typeof value === 'string' && name === 'scope' ? words(value) : once(value);
  }
  return given;
}

function words(text: string): readonly string[] {
  return [...new Set(text.split(' '))].filter(Boolean);
}

/** Lists are sets: what is named twice stands once. */
function once(value: unknown): unknown {
  return Array.isArray(value) ? [...new Set(value)] : value;
}

/** What is decided about a client, as the wire spells it. */
export function renderRules(rules: ClientRules): Readonly<Record<string, unknown>> {
  const all = [...wireNames, ...Object.entries(ofApproval)];
  const members = all.map(([name, rule]) => [name, rules[rule]]);
  return { ...Object.fromEntries(members), scope: rules.scopes.join(' ') };
}

export function renderClient(one: Client): Readonly<Record<string, unknown>> {
  return {
    client_id: one.clientId,
    status: one.status,
    ...renderRules(one),
    created_at: renderMoment(one.createdAt),
    updated_at: renderMoment(one.updatedAt),
  };
}
