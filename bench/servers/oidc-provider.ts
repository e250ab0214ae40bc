/**
 * Peer: oidc-provider with everything in memory, ES256, client credentials and introspection.
 * Prints `port`.
 */
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';
import { MapAdapter } from './map-adapter.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const resource = 'https://api.example.com';
const format = process.argv[3] === 'opaque' ? 'opaque' : 'jwt';
const provider = new Provider('http://127.0.0.1', {
  adapter: MapAdapter,
  clients: [
    {
      client_id: 'bench',
      client_secret: 'bench-secret-0123456789',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
  scopes: ['read'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'read',
        audience: resource,
        accessTokenTTL: 600,
        accessTokenFormat: format,
        ...(format === 'jwt' ? { jwt: { sign: { alg: 'ES256' as const } } } : {}),
      }),
    },
  },
});
const server = provider.listen(0, '127.0.0.1', () => {
  console.log((server.address() as { port: number }).port);
});
