/**
 * Kong's declarative configuration, as `deck gateway dump` and `kong config db_export` write it:
 * consumers with their key-auth credentials, which stand there in clear, and their groups. Keys are
 * hashed before they leave this machine.
 */
import { hash } from 'node:crypto';
import type { Item } from '../commands/send.ts';
import {
  itemsOf,
  leaveOut,
  type Moved,
  momentOf,
  nothingMoved,
  refuse,
  scopesOf,
  textOf,
} from './moved.ts';

/** Whoever can guess a key needs no leak: shorter ones were chosen by people. */
const keyCharsMin = 16;

const otherCredentials = [
  'basicauth_credentials',
  'hmacauth_credentials',
  'jwt_secrets',
  'mtls_auth_credentials',
  'oauth2_credentials',
];

export function readKong(document: Item): Moved {
  const moved = nothingMoved();
  const consumers = itemsOf(document['consumers'], 'consumers');
  const looseGroups = itemsOf(document['acls'], 'acls');
  for (const [at, consumer] of consumers) {
    const owner = ownerOf(consumer);
    const own = itemsOf(consumer['acls'], `${at}.acls`);
    const loose = looseGroups.filter(([, one]) => isOf(one, consumer));
    const groups = [...own, ...loose].flatMap(([, one]) => textOf(one['group']) ?? []);
    const scopes = scopesOf(moved, groups);
    for (const [place, credential] of itemsOf(
      consumer['keyauth_credentials'],
      `${at}.keyauth_credentials`,
    )) {
      addKey(moved, place, { owner, scopes, credential });
    }
    for (const name of otherCredentials) {
      leaveOut(moved, name, itemsOf(consumer[name], name).length);
    }
  }
  for (const [at, credential] of itemsOf(document['keyauth_credentials'], 'keyauth_credentials')) {
    const found = consumers.find(([, consumer]) => isOf(credential, consumer));
    if (found === undefined) {
      refuse(moved, at, '', 'its consumer is not in the file');
      continue;
    }
    const [, consumer] = found;
    const groups = looseGroups
      .filter(([, one]) => isOf(one, consumer))
      .flatMap(([, one]) => textOf(one['group']) ?? []);
    addKey(moved, at, { owner: ownerOf(consumer), scopes: scopesOf(moved, groups), credential });
  }
  for (const name of ['plugins', 'consumer_groups']) {
    leaveOut(moved, name, itemsOf(document[name], name).length);
  }
  return moved;
}

function ownerOf(consumer: Item): string {
  return textOf(consumer['username']) ?? textOf(consumer['custom_id']) ?? 'kong';
}

/** A loose thing names its consumer by id or name, as text or as an object. */
function isOf(loose: Item, consumer: Item): boolean {
  const reference = loose['consumer'];
  const named =
    typeof reference === 'object' && reference !== null
      ? Object.values(reference as Item)
      : [reference];
  return ['id', 'username', 'custom_id'].some(
    (name) => textOf(consumer[name]) !== undefined && named.includes(consumer[name]),
  );
}

function addKey(
  moved: Moved,
  at: string,
  what: { readonly owner: string; readonly scopes: readonly string[]; readonly credential: Item },
): undefined {
  const { owner, scopes, credential } = what;
  const key = textOf(credential['key']);
  const name = textOf(credential['id']) ?? owner;
  if (key === undefined) return refuse(moved, at, name, 'there is no key in it');
  if (/^\{vault:/.test(key)) return refuse(moved, at, name, 'the key is a reference to a vault');
  if (key.length < keyCharsMin) {
    return refuse(moved, at, name, `the key has fewer than ${keyCharsMin} characters`);
  }
  const ends = endOf(credential);
  if (ends === 'unknown') return refuse(moved, at, name, 'it has a ttl and no created_at');
  const body = { hash: hash('sha256', key), name, owner, scopes, expires_at: ends };
  moved.keys.push({ at, name, body });
}

function endOf({ ttl, created_at: created }: Item): string | undefined | 'unknown' {
  if (typeof ttl !== 'number' || ttl === 0) return undefined;
  return typeof created === 'number' ? momentOf(created + ttl) : 'unknown';
}
