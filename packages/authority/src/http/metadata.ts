/** Server metadata (RFC 8414, OpenID Connect Discovery) and the key set (RFC 7517 §5). */
import type { HttpResponse, JwsAlgorithm } from '@mintmark/core';
import { verifiedAuthMethods } from '../clients/authenticate.ts';
import { publicKeyAlgorithms } from '../clients/client-rules.ts';
import { grants } from '../grants/run-grant.ts';

/** Anybody's browser may read these (RFC 8414 §3.3 is silent; every relying party expects it). */
const open = {
  'content-type': 'application/json',
  'access-control-allow-origin': '*',
} as const;

/** @param issuer without a trailing slash; it comes from the configuration, never from Host */
export function renderMetadata(issuer: string, algorithms: readonly JwsAlgorithm[]): HttpResponse {
  const methods = verifiedAuthMethods;
  return {
    status: 200,
    headers: { ...open, 'cache-control': 'public, max-age=300' },
    body: JSON.stringify({
      issuer,
      token_endpoint: `${issuer}/oauth2/token`,
      token_endpoint_auth_methods_supported: methods,
      token_endpoint_auth_signing_alg_values_supported: publicKeyAlgorithms,
      introspection_endpoint: `${issuer}/oauth2/introspect`,
      introspection_endpoint_auth_methods_supported: methods,
      introspection_endpoint_auth_signing_alg_values_supported: publicKeyAlgorithms,
      revocation_endpoint: `${issuer}/oauth2/revoke`,
      revocation_endpoint_auth_methods_supported: methods,
      revocation_endpoint_auth_signing_alg_values_supported: publicKeyAlgorithms,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      grant_types_supported: grants.map((grant) => grant.type),
      // RFC 8414 §2 requires the member; there is no authorization endpoint to use one with.
      response_types_supported: [],
      access_token_signing_alg_values_supported: algorithms,
    }),
  };
}

/** @param maxAgeSeconds at most the time by which a key is published before its first use */
export function renderJwks(
  keys: readonly Readonly<Record<string, unknown>>[],
  maxAgeSeconds: number,
): HttpResponse {
  return {
    status: 200,
    headers: { ...open, 'cache-control': `public, max-age=${maxAgeSeconds}` },
    body: JSON.stringify({ keys }),
  };
}
