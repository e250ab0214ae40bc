/** Server metadata (RFC 8414, OpenID Connect Discovery) and the key set (RFC 7517 §5). */
import { acrValues, type HttpResponse } from '@mintmark/core';
import { dpopAlgorithms, jweAlgorithms, jweEncryptions } from '@mintmark/tokens';
import { prompts } from '../authorization/authorization-request.ts';
import { responseModes } from '../authorization/response-target.ts';
import {
  allowedResponseTypes,
  type ClientAuthMethod,
  publicKeyAlgorithms,
  requestKeyEncryptions,
  responseTypes,
  tokenDeliveryModes,
} from '../clients/client-rules.ts';
import type { RegistrationPolicy } from '../clients/registration.ts';
import { claimNames, claimScopes } from '../grants/person-claims.ts';
import { grantTypesKnown } from '../grants/run-grant.ts';
import { languages } from './pages/messages.ts';

/** @param issuer without a trailing slash; it comes from the configuration, never from Host */
export function renderMetadata(
  issuer: string,
  abilities: {
    readonly authMethods: readonly ClientAuthMethod[];
    readonly registration: RegistrationPolicy;
    /** Where the endpoints stand for those who show certificates, if elsewhere. */
    readonly mtlsUrl: string | undefined;
    /** Those that the tenant allows; undefined: all. */
    readonly grantTypes: ReadonlySet<string> | undefined;
    readonly encryptedRequests?: boolean | undefined;
    /** Names of the types of authorization details. */
    readonly detailTypes: readonly string[];
  },
): HttpResponse {
  const { authMethods: methods, registration, mtlsUrl, grantTypes, detailTypes } = abilities;
  const allowed = grantTypesKnown.filter((type) => grantTypes?.has(type) ?? true);
  // RFC 7662 §2.1: whoever asks about tokens proves who it is.
  const provenMethods = methods.filter((method) => method !== 'none');
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' },
    body: JSON.stringify({
      issuer,
      token_endpoint: `${issuer}/oauth2/token`,
      token_endpoint_auth_methods_supported: methods,
      token_endpoint_auth_signing_alg_values_supported: publicKeyAlgorithms,
      introspection_endpoint: `${issuer}/oauth2/introspect`,
      introspection_endpoint_auth_methods_supported: provenMethods,
      introspection_endpoint_auth_signing_alg_values_supported: publicKeyAlgorithms,
      // RFC 9701 §7
      introspection_signing_alg_values_supported: publicKeyAlgorithms,
      ...encryptionMetadata('introspection'),
      revocation_endpoint: `${issuer}/oauth2/revoke`,
      revocation_endpoint_auth_methods_supported: methods,
      revocation_endpoint_auth_signing_alg_values_supported: publicKeyAlgorithms,
      ...(registration.mode === 'off'
        ? {}
        : { registration_endpoint: `${issuer}/oauth2/register` }),
      client_id_metadata_document_supported: registration.metadataDocuments,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      grant_types_supported: allowed,
      response_types_supported: allowedResponseTypes(responseTypes, allowed),
      ...authorizationMetadata(issuer, abilities.encryptedRequests === true),
      // RFC 9396 §10
      ...(detailTypes.length > 0 && { authorization_details_types_supported: detailTypes }),
      ...openIdMetadata(issuer),
      dpop_signing_alg_values_supported: dpopAlgorithms,
      // RFC 8705 §3.3
      tls_client_certificate_bound_access_tokens: methods.includes('tls_client_auth'),
      ...(mtlsUrl !== undefined && { mtls_endpoint_aliases: mtlsAliases(mtlsUrl) }),
    }),
  };
}

/** RFC 8705 §5: every endpoint that looks at a client's certificate. */
function mtlsAliases(base: string): Readonly<Record<string, string>> {
  return {
    token_endpoint: `${base}/oauth2/token`,
    introspection_endpoint: `${base}/oauth2/introspect`,
    revocation_endpoint: `${base}/oauth2/revoke`,
    pushed_authorization_request_endpoint: `${base}/oauth2/par`,
    device_authorization_endpoint: `${base}/oauth2/device_authorization`,
    // OpenID CIBA Core §4
    backchannel_authentication_endpoint: `${base}/oauth2/bc-authorize`,
    userinfo_endpoint: `${base}/oauth2/userinfo`,
  };
}

/** OpenID Connect Discovery §3. A key of each algorithm is made when a client first needs one. */
function openIdMetadata(issuer: string): Readonly<Record<string, unknown>> {
  return {
    userinfo_endpoint: `${issuer}/oauth2/userinfo`,
    userinfo_signing_alg_values_supported: publicKeyAlgorithms,
    ...encryptionMetadata('userinfo'),
    id_token_signing_alg_values_supported: publicKeyAlgorithms,
    ...encryptionMetadata('id_token'),
    subject_types_supported: ['public', 'pairwise'],
    scopes_supported: ['openid', 'offline_access', ...claimScopes, ...rightsScopes],
    claim_types_supported: ['normal'],
    claims_supported: [...standardClaims, ...claimNames, ...rightsScopes],
  };
}

/** Each gives the claim of its name (RFC 9068 §2.2.3.1): see `roles/rights-claims.ts`. */
const rightsScopes = ['roles', 'groups'];

const standardClaims = [
  'sub',
  'iss',
  'aud',
  'exp',
  'iat',
  'auth_time',
  'nonce',
  'acr',
  'amr',
  'sid',
];

/** What the authorization endpoint does, and what it refuses. */
function authorizationMetadata(
  issuer: string,
  encryptedRequests: boolean,
): Readonly<Record<string, unknown>> {
  return {
    authorization_endpoint: `${issuer}/oauth2/authorize`,
    // RFC 8628 §4
    device_authorization_endpoint: `${issuer}/oauth2/device_authorization`,
    pushed_authorization_request_endpoint: `${issuer}/oauth2/par`,
    // OpenID CIBA Core §4
    backchannel_authentication_endpoint: `${issuer}/oauth2/bc-authorize`,
    backchannel_token_delivery_modes_supported: tokenDeliveryModes,
    backchannel_authentication_request_signing_alg_values_supported: publicKeyAlgorithms,
    backchannel_user_code_parameter_supported: false,
    end_session_endpoint: `${issuer}/oauth2/logout`,
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
    response_modes_supported: responseModes,
    // RFC 7636: `plain` protects from nobody.
    code_challenge_methods_supported: ['S256'],
    // RFC 9207 §3
    authorization_response_iss_parameter_supported: true,
    authorization_signing_alg_values_supported: publicKeyAlgorithms,
    ...encryptionMetadata('authorization'),
    prompt_values_supported: prompts,
    acr_values_supported: acrValues,
    claims_parameter_supported: true,
    request_parameter_supported: true,
    request_object_signing_alg_values_supported: publicKeyAlgorithms,
    ...(encryptedRequests
      ? {
          request_object_encryption_alg_values_supported: requestKeyEncryptions,
          request_object_encryption_enc_values_supported: jweEncryptions,
        }
      : {}),
    request_uri_parameter_supported: true,
    require_request_uri_registration: true,
    ui_locales_supported: languages,
  };
}

/** How an answer may be encrypted: OpenID Connect Discovery §3, JARM §4. */
function encryptionMetadata(answer: string): Readonly<Record<string, readonly string[]>> {
  return {
    [`${answer}_encryption_alg_values_supported`]: jweAlgorithms,
    [`${answer}_encryption_enc_values_supported`]: jweEncryptions,
  };
}

/** @param maxAgeSeconds at most the time by which a key is published before its first use */
export function renderJwks(
  keys: readonly Readonly<Record<string, unknown>>[],
  maxAgeSeconds: number,
): HttpResponse {
  return {
    status: 200,
    headers: {
      'content-type': 'application/json',
      'cache-control': `public, max-age=${maxAgeSeconds}`,
    },
    body: JSON.stringify({ keys }),
  };
}
