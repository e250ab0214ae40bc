/** Keys as people read them: one with its members, and a new one with its text. */
import { fields, printable, type Style } from '../style.ts';
import { cell, type Item, rowsOf } from './send.ts';

const lastTime = 'Keep the key now: it is not shown again.';

/** The answer that holds a new key, for the one time that it is shown. */
export function newKey(style: Style, body: Item): string {
  const rest = rowsOf(body, newKeyMembers).filter(([, text]) => text !== 'false' && text !== '{}');
  const key = cell(body, 'key');
  const first: [string, string][] = [['key', key === '' ? '(was shown before)' : key]];
  const isShownAgain = body['recoverable'] === true;
  const word = isShownAgain ? 'It can be had again by: mintmark key reveal' : lastTime;
  const once = key === '' ? [] : [style.warn(word)];
  return [fields(style, [...first, ...rest]), ...once, ...warned(style, body)].join('\n');
}

const newKeyMembers = [
  ...['id', 'name', 'scopes', 'permissions', 'owner', 'environment', 'plan', 'purpose', 'tags'],
  ...['allowed_addresses', 'allowed_countries', 'denied_countries', 'metadata', 'uses', 'credits'],
  ...['recoverable', 'not_before', 'expires_at', 'previous_expires_at'],
];

const keyMembers = [
  'id',
  'name',
  'status',
  'owner',
  'scopes',
  'environment',
  'plan',
  'allowed_addresses',
  'allowed_countries',
  'denied_countries',
  'purpose',
  'tags',
  'metadata',
  'created_at',
  'not_before',
  'expires_at',
  'quarantine',
  'violations',
  'mend_by',
  'acceptance',
  'predecessor',
  'successor',
  'first_used_at',
  'last_used_at',
  'last_address',
  'uses',
  'credits',
  'uses_allowed',
  'uses_denied',
  'uses_in_overlap',
];

/** A key that is there, with what it did. */
export function keyFields(style: Style, body: Item): string {
  return [fields(style, rowsOf(withStatus(body), keyMembers)), ...warned(style, body)].join('\n');
}

function warned(style: Style, body: Item): string[] {
  const warnings = (body['warnings'] ?? []) as readonly string[];
  return warnings.map((text) => style.warn(printable(text)));
}

/** As what it is refused now, where nobody changed its status: `active` would say that it works. */
export function withStatus(key: Item): Item {
  const { status, refused_as: refused = null, successor = null } = key;
  if (refused === null || refused === status) return key;
  const ended = successor === null ? 'expired' : 'rotated out';
  return { ...key, status: refused === 'expired' ? ended : 'not yet valid' };
}
