/**
 * Clients of Ory Hydra, as `hydra list clients --format json` or its table `hydra_client` have
 * them. Their members are those of RFC 7591, as ours are. Of secrets the table has a hash (bcrypt
 * or PBKDF2), by which they go on working; the list has none, so that each gets a new one.
 */
import type { Item } from '../commands/send.ts';
import { leaveOut, type Moved, nothingMoved, refuse, textOf, textsOf } from './moved.ts';

const grantsKnown = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
];

const methodsKnown = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'];

const asTheyAre = [
  'client_name',
  'redirect_uris',
  'post_logout_redirect_uris',
  'scope',
  'jwks',
  'jwks_uri',
  'contacts',
  'client_uri',
  'logo_uri',
  'policy_uri',
  'tos_uri',
  'owner',
  'metadata',
];

export function readHydra(rows: readonly (readonly [string, Item])[]): Moved {
  const moved = nothingMoved();
  for (const [at, client] of rows) addClient(moved, at, client);
  return moved;
}

function addClient(moved: Moved, at: string, client: Item): undefined {
  const name = textOf(client['client_id']) ?? textOf(client['id']) ?? '';
  if (name === '') return refuse(moved, at, name, 'there is no client_id in it');
  const method = textOf(client['token_endpoint_auth_method']) ?? 'client_secret_basic';
  if (!methodsKnown.includes(method))
    return refuse(moved, at, name, `it authenticates by ${method}`);
  const asked = listOf(client['grant_types']);
  const grants = asked.filter((grant) => grantsKnown.includes(grant));
  leaveOut(moved, 'grants that there are not here', asked.length - grants.length);
  if (grants.length === 0) return refuse(moved, at, name, 'it has no grant that there is here');
  const kept = asTheyAre.filter((member) => !isEmpty(membersOf(client)[member]));
  const audiences = listOf(client['audience']);
  const secret = textOf(client['client_secret']);
  const isHash = secret !== undefined && hashPattern.test(secret);
  const usesSecret = method.startsWith('client_secret_');
  moved.clients.push({
    at,
    name,
    needsSecret: usesSecret && !isHash,
    body: {
      ...Object.fromEntries(kept.map((member) => [member, membersOf(client)[member]])),
      client_id: name,
      client_name: textOf(client['client_name']) ?? name,
      token_endpoint_auth_method: method,
      grant_types: grants,
      ...(audiences.length === 0 ? {} : { audiences }),
      ...(usesSecret && isHash ? { client_secret_hash: secret } : {}),
    },
  });
}

/** A row of the table has lists and objects as JSON texts. */
function membersOf(client: Item): Item {
  return Object.fromEntries(
    Object.entries(client).map(([name, value]) => [name, opened(value) ?? value]),
  );
}

function listOf(value: unknown): string[] {
  return textsOf(opened(value) ?? value);
}

function opened(value: unknown): unknown {
  if (typeof value !== 'string' || !/^[[{]/.test(value)) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

/** As Hydra's hashers write them: `$2a$10$…`, `$pbkdf2-sha256$i=25000,l=32$…`. */
const hashPattern = /^\$(?:2[aby]|pbkdf2-sha(?:256|512))\$/;

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
