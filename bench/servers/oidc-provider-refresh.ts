/**
 * Peer: oidc-provider with everything in memory, and refresh tokens that rotate. The families are
 * there from the start, made through its own models. Prints `port`, and before it the tokens.
 */
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';
import { MapAdapter } from './map-adapter.ts';

const families = Number(process.argv[2]);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const resource = 'https://api.example.com';
const provider = new Provider('http://127.0.0.1', {
  adapter: MapAdapter,
  clients: [
    {
      client_id: 'bench',
      client_secret: 'bench-secret-0123456789',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['https://app.example.com/cb'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
  scopes: ['read', 'offline_access'],
  rotateRefreshToken: true,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'read',
        audience: resource,
        accessTokenTTL: 600,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' as const } },
      }),
    },
  },
});

const client = (await provider.Client.find('bench'))!;
const tokens: string[] = [];
for (let i = 0; i < families; i++) {
  const grant = new provider.Grant({ accountId: 'alice', clientId: 'bench' });
  grant.addOIDCScope('offline_access');
  grant.addResourceScope(resource, 'read');
  const grantId = await grant.save();
  const token = new provider.RefreshToken({
    accountId: 'alice',
    client,
    grantId,
    gty: 'authorization_code',
    scope: 'offline_access read',
    resource,
    rotations: 0,
  } as ConstructorParameters<typeof provider.RefreshToken>[0]);
  tokens.push(await token.save());
}
const server = provider.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as { port: number };
  console.log(JSON.stringify({ port, refreshTokens: tokens }));
});
