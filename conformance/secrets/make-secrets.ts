/** The secrets of one installation, each in its place, and what of them a thief would need. */
import type { Needle } from '../canary.ts';
import {
  apply,
  type ClientSecret,
  call,
  clientCredentials,
  type Installation,
} from '../rig/installation.ts';

const audience = 'https://cellar.example';

export interface Secrets {
  readonly adminKey: string;
  /** Of the gateway, where the tokens are good. */
  readonly path: string;
  readonly apiKey: string;
  readonly apiKeyId: string;
  readonly rotatedKey: string;
  readonly opaque: string;
  readonly jwt: string;
  readonly opaqueClient: ClientSecret;
  readonly jwtClient: ClientSecret;
}

/** Client secrets as an operator chose them; no other text of the suite holds them. */
export const planted = {
  name: 'planted',
  opaque: 'Kw7qPzV3nXhR9tLmB2sYdF6gJc8uEa4o',
  jwt: 'Tz5rWvN8xQbM3kHpG7jDyCf2sLe9uAo6',
};

/** Those of somebody else, who comes later. */
export const others = {
  name: 'others',
  opaque: 'Yb4mQsK9vTzE2wRnX7cLpA5hUj3dGf8i',
  jwt: 'Hd6tBnZ2yWqJ8rVkM5xSgP3eCa9oLu7f',
};

/** @param chosen whose secrets they are, and the ones that an operator chose */
export async function makeSecrets(
  installation: Installation,
  upstream: string,
  chosen: typeof planted,
): Promise<Secrets> {
  const opaqueClient = { id: `${chosen.name}-opaque`, secret: chosen.opaque };
  const jwtClient = { id: `${chosen.name}-jwt`, secret: chosen.jwt };
  const clients = [opaqueClient, jwtClient].map(({ id, secret }) => ({
    client_id: id,
    client_secret: secret,
    client_name: id,
    grant_types: ['client_credentials'],
    scope: 'cellar:read',
    audiences: [audience],
    access_token_format: id === jwtClient.id ? 'jwt' : 'opaque',
  }));
  const match = { path_prefix: `/${chosen.name}` };
  const route = { name: chosen.name, match, upstream, audience, scopes: ['cellar:read'] };
  await apply(installation, { clients, routes: [route] });
  const made = await call(installation, 'POST /v1/keys', { name: 'c', scopes: ['cellar:read'] });
  const apiKeyId = String(made.body['id']);
  const rotated = await call(installation, `POST /v1/keys/${apiKeyId}/rotate`, {});
  return {
    adminKey: installation.adminKey,
    path: `/${chosen.name}/red`,
    apiKey: String(made.body['key']),
    apiKeyId,
    rotatedKey: String(rotated.body['key']),
    opaque: await clientCredentials(installation, opaqueClient, { resource: audience }),
    jwt: await clientCredentials(installation, jwtClient, { resource: audience }),
    opaqueClient,
    jwtClient,
  };
}

/**
 * Without its signature a JWT opens nothing, and its claims may be known. Of our own tokens the
 * secret follows the id and ends before a checksum that anybody can compute.
 */
export function needlesOf(secrets: Secrets): Needle[] {
  const ofToken = (text: string): string => text.slice(-36, -6);
  return [
    { name: 'admin key', secret: ofToken(secrets.adminKey) },
    { name: 'API key', secret: ofToken(secrets.apiKey) },
    { name: 'rotated API key', secret: ofToken(secrets.rotatedKey) },
    { name: 'opaque token', secret: ofToken(secrets.opaque) },
    { name: 'signature of a JWT', secret: secrets.jwt.split('.')[2]! },
    { name: 'client secret (opaque)', secret: secrets.opaqueClient.secret },
    { name: 'client secret (JWT)', secret: secrets.jwtClient.secret },
  ];
}
