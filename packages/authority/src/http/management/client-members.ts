/** Each member of a client as the wire takes it, with its bounds. */
import { limits } from '@mintmark/core';
import { jweAlgorithms, jweEncryptions } from '@mintmark/tokens';
import { z } from 'zod';
import {
  clientAuthMethods,
  grantTypes,
  publicKeyAlgorithms,
  requestKeyEncryptions,
  responseTypes,
  securityProfiles,
  tokenDeliveryModes,
} from '../../clients/client-rules.ts';
import { line } from './wire-schema.ts';

/** VSCHAR without space (RFC 6749 appendix A.1). */
const visible = (bounds: string) => z.string().regex(new RegExp(`^[\\x21-\\x7e]{${bounds}}$`));

export const clientId = visible(`1,${limits.clientIdCharsMax}`);

/** Scope values with one space between them (RFC 6749 §3.3). */
const scopeText = z
  .string()
  .max(4096)
  .regex(/^(?:[\x21\x23-\x5b\x5d-\x7e]{1,128}(?: [\x21\x23-\x5b\x5d-\x7e]{1,128}){0,99})?$/);

const resource = visible('1,512');
const uri = visible('1,2000');
const uris = z.array(uri).max(limits.clientUrisMax).optional();
const algorithm = z.enum(publicKeyAlgorithms);
const keyEncryption = z.enum(jweAlgorithms);
const contentEncryption = z.enum(jweEncryptions);
const flag = z.boolean().optional();
const seconds = (min: number, max: number) => z.int().min(min).max(max);
/** What an edit takes away by null. */
const removable = <T extends z.ZodType>(schema: T) => schema.nullable().optional();
const words = line({ min: 1, max: 200 });
const name = line({ min: 1, max: 255 });
const year = 366 * 86_400;

export const clientMembers = {
  client_name: words.optional(),
  owner: name.optional(),
  application_type: z.enum(['web', 'native']).optional(),
  grant_types: z.array(z.enum(grantTypes)).max(grantTypes.length).optional(),
  response_types: z.array(z.enum(responseTypes)).max(responseTypes.length).optional(),
  token_endpoint_auth_method: z.enum(clientAuthMethods).optional(),
  token_endpoint_auth_signing_alg: removable(algorithm),
  assertion_audience: z
    .enum(['issuer', 'issuer_or_endpoint'])
    .optional()
    .describe('What `aud` of its assertions may name'),
  jwks: removable(z.strictObject({ keys: z.array(z.looseObject({})).max(limits.jwksKeysMax) })),
  jwks_uri: removable(uri),
  tls_client_auth_subject_dn: removable(name),
  tls_client_auth_san_dns: removable(name),
  tls_client_auth_san_uri: removable(uri),
  tls_client_auth_san_ip: removable(visible('2,45')),
  tls_client_auth_san_email: removable(name),
  scope: scopeText.optional().describe('What it may ask for, and gets where it asks for nothing'),
  audiences: z
    .array(resource)
    .max(100)
    .optional()
    .describe('Resources it may ask tokens for; the first is the default'),
  authorization_details_types: z.array(visible('1,200')).max(limits.detailTypesMax).optional(),
  resources: z
    .array(resource)
    .max(100)
    .optional()
    .describe('Resources it serves: it may introspect tokens that are meant for them'),
  may_impersonate: flag.describe('Token exchange does not name it as the actor'),
  may_assert_subjects: flag.describe('JWT bearer: it may sign for any user, not only for itself'),
  redirect_uris: uris.describe('Compared as exact strings'),
  allowed_origins: removable(uris.unwrap()).describe(
    'Origins whose pages may read the answers; those of the redirect URIs where it is not given',
  ),
  require_pkce: flag.describe('False only for a confidential client with redirect URIs'),
  require_pushed_authorization_requests: flag,
  require_signed_request_object: flag,
  request_object_signing_alg: removable(algorithm),
  request_object_encryption_alg: removable(z.enum(requestKeyEncryptions)),
  request_object_encryption_enc: removable(contentEncryption),
  request_uris: uris,
  authorization_signed_response_alg: removable(algorithm),
  authorization_encrypted_response_alg: removable(keyEncryption),
  authorization_encrypted_response_enc: removable(contentEncryption),
  consent: z.enum(['required', 'implicit']).optional(),
  required_scopes: z
    .array(visible('1,128'))
    .max(limits.scopesMax)
    .optional()
    .describe('A person who agrees may leave out every other scope but openid'),
  default_acr_values: z.array(visible('1,255')).max(20).optional(),
  default_max_age: removable(seconds(0, year)),
  require_auth_time: flag,
  initiate_login_uri: removable(uri),
  security_profile: z.enum(securityProfiles).optional(),
  access_token_format: z.enum(['jwt', 'opaque']).optional(),
  access_token_ttl_seconds: seconds(1, limits.accessTokenTtlSecondsMax).optional(),
  access_token_signing_alg: algorithm.optional(),
  access_token_status_list: flag.describe(
    'Its JWTs, and those for its resources, can be looked up in a status list',
  ),
  access_token_encryption_alg: removable(keyEncryption).describe(
    'JWTs for its resources are encrypted to it, whoever gets them',
  ),
  access_token_encryption_enc: removable(contentEncryption),
  dpop_bound_access_tokens: flag,
  tls_client_certificate_bound_access_tokens: flag,
  id_token_signed_response_alg: algorithm.optional(),
  id_token_encrypted_response_alg: removable(keyEncryption),
  id_token_encrypted_response_enc: removable(contentEncryption),
  id_token_ttl_seconds: seconds(30, limits.accessTokenTtlSecondsMax).optional(),
  userinfo_signed_response_alg: removable(algorithm),
  userinfo_encrypted_response_alg: removable(keyEncryption),
  userinfo_encrypted_response_enc: removable(contentEncryption),
  introspection_signed_response_alg: removable(algorithm),
  introspection_encrypted_response_alg: removable(keyEncryption),
  introspection_encrypted_response_enc: removable(contentEncryption),
  refresh_token_ttl_seconds: seconds(60, 5 * year)
    .optional()
    .describe('Longest life of a family, from its first token'),
  refresh_token_idle_seconds: seconds(60, 5 * year)
    .optional()
    .describe('One that is not used for so long ends'),
  rotate_refresh_tokens: flag,
  subject_type: z.enum(['public', 'pairwise']).optional(),
  sector_identifier_uri: removable(uri),
  post_logout_redirect_uris: uris,
  backchannel_token_delivery_mode: removable(z.enum(tokenDeliveryModes)).describe(
    'How a client with the grant CIBA learns of the answer',
  ),
  backchannel_client_notification_endpoint: removable(uri).describe('Of mode ping'),
  backchannel_authentication_request_signing_alg: removable(algorithm).describe(
    'All its authentication requests are signed by it',
  ),
  backchannel_user_code_parameter: flag,
  backchannel_logout_uri: removable(uri),
  backchannel_logout_session_required: flag,
  client_uri: removable(uri),
  logo_uri: removable(uri),
  policy_uri: removable(uri),
  tos_uri: removable(uri),
  contacts: z.array(name).max(20).optional(),
  software_id: removable(name),
  software_version: removable(name),
  metadata: z.record(z.string().min(1).max(64), line({ min: 0, max: 512 })).optional(),
};
