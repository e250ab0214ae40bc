/**
 * A realm of Keycloak, as `kc.sh export` and the console write it: clients with their secrets,
 * people with the hashes of their passwords, roles and groups. Its own clients and its flows stay
 * behind.
 */
import type { Item } from '../commands/send.ts';
import { addRights, builtInClients, type RightsOf } from './keycloak-rights.ts';
import {
  itemOf,
  itemsOf,
  leaveOut,
  type Moved,
  nothingMoved,
  refuse,
  textOf,
  textsOf,
} from './moved.ts';

export function readKeycloak(realm: Item): Moved {
  const moved = nothingMoved();
  for (const [at, client] of itemsOf(realm['clients'], 'clients')) addClient(moved, at, client);
  const rightsOf = addRights(moved, realm);
  for (const [at, user] of itemsOf(realm['users'], 'users')) addUser(moved, at, user, rightsOf);
  leaveOut(
    moved,
    'identity providers',
    itemsOf(realm['identityProviders'], 'identityProviders').length,
  );
  return moved;
}

function addClient(moved: Moved, at: string, client: Item): undefined {
  const name = textOf(client['clientId']) ?? '';
  if (builtInClients.includes(name)) return;
  const { protocol = 'openid-connect' } = client;
  if (protocol !== 'openid-connect') return refuse(moved, at, name, `it speaks ${protocol}`);
  if (client['bearerOnly'] === true) return leaveOut(moved, 'clients that only take tokens');
  if (client['enabled'] === false) return refuse(moved, at, name, 'it is disabled');
  const isPublic = client['publicClient'] === true;
  const kind = textOf(client['clientAuthenticatorType']) ?? 'client-secret';
  if (!isPublic && kind !== 'client-secret') {
    return refuse(moved, at, name, `it authenticates by ${kind}: register it with its keys`);
  }
  const grants = grantsOf(moved, client, isPublic);
  if (grants.length === 0) return refuse(moved, at, name, 'it has no grant that there is here');
  const attributes = itemOf(client['attributes']);
  const uris = exactUris(moved, textsOf(client['redirectUris']));
  if (grants.includes('authorization_code') && uris.length === 0) {
    return refuse(moved, at, name, 'it has no redirect URI without a wildcard');
  }
  const logout = (textOf(attributes['post.logout.redirect.uris']) ?? '').split('##');
  const secret = textOf(client['secret']);
  const isMasked = secret === undefined || /^\*+$/.test(secret);
  moved.clients.push({
    at,
    name,
    needsSecret: !isPublic && isMasked,
    body: withoutEmpty({
      client_id: name,
      client_name: textOf(client['name']) ?? name,
      grant_types: grants,
      token_endpoint_auth_method: isPublic ? 'none' : 'client_secret_basic',
      client_secret: isPublic || isMasked ? undefined : secret,
      redirect_uris: uris,
      allowed_origins: textsOf(client['webOrigins']).filter((one) => /^https?:/.test(one)),
      post_logout_redirect_uris: exactUris(
        moved,
        logout.filter((one) => /^https?:/.test(one)),
      ),
      scope: scopeOf(client, grants),
    }),
  });
}

function grantsOf(moved: Moved, client: Item, isPublic: boolean): string[] {
  const grants: string[] = [];
  if (client['standardFlowEnabled'] === true) grants.push('authorization_code', 'refresh_token');
  if (client['serviceAccountsEnabled'] === true && !isPublic) grants.push('client_credentials');
  if (client['implicitFlowEnabled'] === true) leaveOut(moved, 'implicit grants');
  if (client['directAccessGrantsEnabled'] === true) leaveOut(moved, 'password grants');
  return grants;
}

/** Compared character by character here: a wildcard would be an open door. */
function exactUris(moved: Moved, uris: readonly string[]): string[] {
  const exact = uris.filter((uri) => !uri.includes('*') && /^[a-z][a-z0-9+.-]*:/i.test(uri));
  leaveOut(moved, 'redirect URIs with wildcards or without a host', uris.length - exact.length);
  return exact;
}

function scopeOf(client: Item, grants: readonly string[]): string {
  const names = ['defaultClientScopes', 'optionalClientScopes'].flatMap((name) =>
    textsOf(client[name]),
  );
  const known = ['profile', 'email', 'address', 'phone', 'offline_access'];
  const kept = names.filter((name) => known.includes(name));
  return grants.includes('authorization_code') ? ['openid', ...new Set(kept)].join(' ') : '';
}

function addUser(moved: Moved, at: string, user: Item, rightsOf: RightsOf): undefined {
  const name = textOf(user['username']) ?? '';
  if (textOf(user['serviceAccountClientId']) !== undefined) return;
  const hash = passwordHash(moved, user);
  if (hash === 'unknown') {
    return refuse(moved, at, name, 'the hash of its password is of a kind unknown here');
  }
  const [given, family] = ['firstName', 'lastName'].map((member) => textOf(user[member]));
  const email = textOf(user['email']);
  moved.users.push({
    at,
    name,
    disabled: user['enabled'] === false,
    body: withoutEmpty({
      username: name,
      password_hash: hash,
      ...rightsOf(user),
      claims: withoutEmpty({
        name: [given, family].filter((one) => one !== undefined).join(' ') || undefined,
        given_name: given,
        family_name: family,
        email,
        email_verified: email === undefined ? undefined : user['emailVerified'] === true,
      }),
    }),
  });
}

/** @returns undefined where there is none */
function passwordHash(moved: Moved, user: Item): string | undefined | 'unknown' {
  const credentials = itemsOf(user['credentials'], 'credentials').map(([, one]) => one);
  const others = credentials.filter((one) => one['type'] !== 'password');
  leaveOut(moved, 'second factors and passkeys', others.length);
  const credential = credentials.find((one) => one['type'] === 'password');
  if (credential === undefined) return undefined;
  const made = readJson(credential['credentialData']);
  const kept = readJson(credential['secretData']);
  const [key, salt] = [textOf(kept['value']), textOf(kept['salt'])];
  const iterations = Number(made['hashIterations']);
  const algorithm = textOf(made['algorithm']);
  if (key === undefined || salt === undefined || algorithm === undefined) return 'unknown';
  if (algorithm === 'argon2')
    return argon2Of(itemOf(made['additionalParameters']), {
      ...{ iterations, salt, key },
    });
  const digest = { pbkdf2: 'sha1', 'pbkdf2-sha256': 'sha256', 'pbkdf2-sha512': 'sha512' }[
    algorithm
  ];
  return digest === undefined ? 'unknown' : `$pbkdf2-${digest}$i=${iterations}$${salt}$${key}`;
}

/** Keycloak's parameters in PHC form. */
function argon2Of(
  parameters: Item,
  { iterations, salt, key }: { iterations: number; salt: string; key: string },
): string {
  const one = (name: string, fallback: string): string => textsOf(parameters[name])[0] ?? fallback;
  const version = one('version', '1.3') === '1.3' ? 19 : 16;
  const cost = `m=${one('memory', '7168')},t=${iterations},p=${one('parallelism', '1')}`;
  const [bareSalt, bareKey] = [salt, key].map((text) => text.replace(/=+$/, ''));
  return `$argon2${one('type', 'id')}$v=${version}$${cost}$${bareSalt}$${bareKey}`;
}

function readJson(value: unknown): Item {
  try {
    return itemOf(JSON.parse(String(value)));
  } catch {
    return {};
  }
}

function withoutEmpty(item: Item): Item {
  return Object.fromEntries(
    Object.entries(item).filter(([, value]) => {
      const isEmpty = value === '' || (Array.isArray(value) && value.length === 0);
      return value !== undefined && !isEmpty;
    }),
  );
}
