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
      metadata: { ...meta, unkey_id: id, ...rateLimitsOf(moved, row) },
      ...creditsOf(row),
    },
  });
}

/** Each verification takes one there, as it takes a cost of one of the credits here. */
function creditsOf(row: Item): Item {
  const credits = itemOf(row['credits']);
  const remaining = amountOf(credits['remaining'] ?? row['remaining'] ?? row['remaining_requests']);
  if (remaining === undefined) return {};
  const refill = refillOf(itemOf(credits['refill'] ?? row['refill']), row);
  return { credits: { remaining, ...(refill === undefined ? {} : { refill }) } };
}

/** `{interval, amount, refillDay}` of the API; columns of the table, where a day means monthly. */
function refillOf(refill: Item, row: Item): Item | undefined {
  const amount = amountOf(refill['amount'] ?? row['refill_amount']);
  if (amount === undefined) return undefined;
  const day = amountOf(refill['refillDay'] ?? row['refill_day']);
  const isMonthly = refill['interval'] === 'monthly' || day !== undefined;
  return isMonthly ? { amount, every: 'month', on: day ?? 1 } : { amount, every: 'day' };
}

function amountOf(value: unknown): number | undefined {
  const text = textOf(value);
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

/** Here a route limits, or a plan, and no key by itself: kept as facts, and told. */
function rateLimitsOf(moved: Moved, row: Item): Item {
  const found: Record<string, unknown> = {};
  for (const name of ['ratelimit', 'ratelimits']) {
    const value = row[name];
    if (value === undefined || value === null) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    found[`unkey_${name}`] = value;
    leaveOut(moved, 'rate limits of keys: in their metadata, and they bound nothing here');
  }
  return found;
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
