/**
 * The signature, checked by Envoy's own filter: the algorithm is the key's, a token without a key
 * of ours has no claims, and one that fails is no error here, because the gateway says what is
 * wrong with it. Verified signatures are remembered; claims are judged on each request.
 */
import { createPublicKey } from 'node:crypto';
import type { NativeKey, NativeView } from '../native-view.ts';
import { extensionConfig } from './bootstrap.ts';
import { metadata } from './settings.ts';

const remembered = 100_000;

/** Algorithms of Envoy's filter that we sign with. */
const algorithms = ['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA'];

export function isNativeKey({ algorithm }: NativeKey): boolean {
  return algorithms.includes(algorithm);
}

/** With its algorithm, so that no token can choose another (RFC 8725 §3.1). */
function jwkOf({ kid, algorithm, pem }: NativeKey): object {
  return { ...createPublicKey(pem).export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' };
}

export function tokenFilter(view: NativeView): object {
  const keys = view.keys.filter(isNativeKey).map(jwkOf);
  const provider = {
    issuer: view.issuer,
    local_jwks: { inline_string: JSON.stringify({ keys }) },
    from_headers: [{ name: 'authorization', value_prefix: 'Bearer ' }],
    forward: true,
    payload_in_metadata: metadata.claims,
    jwt_cache_config: { jwt_cache_size: remembered },
    // The judge looks at the times again, without grace.
    clock_skew_seconds: 60,
  };
  const either = [{ provider_name: 'mintmark' }, { allow_missing_or_failed: {} }];
  return extensionConfig('tokens', 'jwt_authn.v3.JwtAuthentication', {
    providers: { mintmark: provider },
    rules: [{ match: { prefix: '/' }, requires: { requires_any: { requirements: either } } }],
  });
}
