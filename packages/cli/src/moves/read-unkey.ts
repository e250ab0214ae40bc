/**
 * Keys of Unkey: what its API lists and what its tables hold, in the spellings of both. The hash is
 * SHA-256 over the whole key in base64; what only the API lists carries none and cannot move.
 */
import type { Item } from '../commands/send.ts';
import {
  itemOf,
  leaveOut,
  type Moved,
  momentOf,
  nothingMoved,
  refuse,
  scopesOf,
  textOf,
} from './moved.ts';

export function readUnkey(rows: readonly (readonly [string, Item])[]): Moved {
  const moved = nothingMoved();
  for (const [at, row] of rows) addKey(moved, at, row);
  return moved;
}

function addKey(moved: Moved, at: string, row: Item): undefined {
  const id = textOf(row['id']) ?? textOf(row['keyId']) ?? textOf(row['key_id']) ?? '';
  const hash = textOf(row['hash']) ?? textOf(itemOf(row['hash'])['value']);
  if (hash === undefined) {
    return refuse(moved, at, id, 'there is no hash: the API lists none, export the table');
  }
  const isOff = [row['enabled']].some((one) => one === false || one === 0 || one === '0');
  if (isOff) return leaveOut(moved, 'keys that are disabled');
  if (textOf(row['deletedAt'] ?? row['deleted_at_m']) !== undefined) {
    return leaveOut(moved, 'keys that are deleted');
  }
  const identity = itemOf(row['identity']);
  const owner =
    textOf(identity['externalId']) ??
    textOf(row['externalId']) ??
    textOf(row['ownerId']) ??
    textOf(row['owner_id']) ??
    'unkey';
  const names = [row['permissions'], row['roles']].flatMap(listOf);
  const meta = itemOf(typeof row['meta'] === 'string' ? jsonOf(row['meta']) : row['meta']);
  const bounds = boundsOf(moved, row);
  moved.keys.push({
    at,
    name: id,
    body: {
      hash,
      name: textOf(row['name']) ?? (id || 'unkey'),
      owner,
      scopes: scopesOf(moved, names),
      expires_at: momentOf(row['expires']),
      environment: textOf(row['environment']),
      metadata: { ...meta, unkey_id: id, ...bounds },
    },
  });
}

/** Limits and credits are kept as facts: what they bound here is somebody's decision. */
function boundsOf(moved: Moved, row: Item): Item {
  const bounds: Record<string, unknown> = {};
  const names = [
    'ratelimit',
    'ratelimits',
    'remaining',
    'remaining_requests',
    'refill',
    'refill_amount',
    'credits',
  ];
  for (const name of names) {
    const value = row[name];
    if (value === undefined || value === null) continue;
    bounds[`unkey_${name}`] = value;
    leaveOut(moved, `${name}: kept in metadata, bounds nothing yet`);
  }
  return bounds;
}

function listOf(value: unknown): string[] {
  const parsed = typeof value === 'string' ? (jsonOf(value) ?? value.split(/[ ,]+/)) : value;
  return Array.isArray(parsed) ? parsed.filter((one) => typeof one === 'string' && one) : [];
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
