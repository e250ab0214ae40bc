/** Rows of a plain table as keys or people, by the columns that somebody named. */
import { hash } from 'node:crypto';
import type { Item } from '../commands/send.ts';
import { leaveOut, type Moved, momentOf, nothingMoved, refuse, scopesOf, textOf } from './moved.ts';
import type { Rows } from './read-rows.ts';

/** What a column may stand for, by kind. */
export const tableFields = {
  keys: ['hash', 'key', 'id', 'name', 'owner', 'scopes', 'expires_at', 'environment', 'enabled'],
  users: ['username', 'password_hash', 'email', 'name', 'given_name', 'family_name', 'enabled'],
} as const;

export type TableKind = keyof typeof tableFields;

/** @param columns names of their columns by ours; a column of our name needs none */
export function readTable(
  rows: Rows,
  { kind, columns }: { readonly kind: TableKind; readonly columns: ReadonlyMap<string, string> },
): Moved {
  const moved = nothingMoved();
  for (const [at, row] of rows) {
    const values: Item = Object.fromEntries(
      tableFields[kind].map((name) => [name, row[columns.get(name) ?? name]]),
    );
    if (kind === 'keys') addKey(moved, at, values);
    else addUser(moved, at, values);
  }
  return moved;
}

const no = /^(?:0|f|false|n|no)$/i;

function addKey(moved: Moved, at: string, row: Item): undefined {
  const id = textOf(row['id']);
  const key = textOf(row['key']);
  const name = textOf(row['name']) ?? id ?? 'imported';
  const kept = textOf(row['hash']) ?? (key === undefined ? undefined : hash('sha256', key));
  if (kept === undefined) return refuse(moved, at, name, 'there is neither a hash nor a key');
  if (no.test(String(row['enabled']))) return leaveOut(moved, 'keys that are disabled');
  const expires = row['expires_at'];
  const expires_at = momentOf(expires);
  if (textOf(expires) !== undefined && expires_at === undefined) {
    return refuse(moved, at, name, 'its end is no time');
  }
  const scopes = scopesOf(moved, (textOf(row['scopes']) ?? '').split(/[ ,{}"]+/).filter(Boolean));
  moved.keys.push({
    at,
    name,
    body: {
      // PostgreSQL writes bytes as \x and hex.
      hash: kept.replace(/^\\x/, ''),
      id,
      name,
      owner: textOf(row['owner']),
      scopes,
      expires_at,
      environment: textOf(row['environment']),
    },
  });
}

function addUser(moved: Moved, at: string, row: Item): undefined {
  const username = textOf(row['username']);
  if (username === undefined) return refuse(moved, at, '', 'there is no name');
  const claims = Object.fromEntries(
    ['email', 'name', 'given_name', 'family_name']
      .map((member) => [member, textOf(row[member])] as const)
      .filter(([, value]) => value !== undefined),
  );
  moved.users.push({
    at,
    name: username,
    disabled: no.test(String(row['enabled'])),
    body: { username, password_hash: textOf(row['password_hash']), claims },
  });
}
