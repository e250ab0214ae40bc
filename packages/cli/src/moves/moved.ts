/**
 * What another system's export holds, in our words: keys, clients, roles, groups and people, each
 * with the place it came from, and what could not be taken. Readers make it; `apply-move.ts` sends
 * it.
 */
import type { Item } from '../commands/send.ts';

/** How the keys of one export are spelled, as `/v1/keys/import` takes it. */
export interface KeyFormat {
  readonly prefix: string;
  readonly separator: string;
  readonly hashed?: 'key' | 'secret';
}

export interface MovedThing {
  /** Line or path in the export, for people to find it. */
  readonly at: string;
  readonly name: string;
  /** As the management API takes it. */
  readonly body: Item;
  /** Of a client: its secret is a hash that says nothing, so it needs a new one. */
  readonly needsSecret?: boolean;
  readonly disabled?: boolean;
}

export interface Refused {
  readonly at: string;
  readonly name: string;
  readonly reason: string;
}

export interface Moved {
  readonly keys: MovedThing[];
  readonly clients: MovedThing[];
  readonly users: MovedThing[];
  readonly roles: MovedThing[];
  readonly groups: MovedThing[];
  readonly refused: Refused[];
  /** What has no place here, and how often it stood there. */
  readonly leftOut: Map<string, number>;
}

export function nothingMoved(): Moved {
  const none = { keys: [], clients: [], users: [], roles: [], groups: [] };
  return { ...none, refused: [], leftOut: new Map() };
}

export function leaveOut(moved: Moved, what: string, count = 1): undefined {
  if (count > 0) moved.leftOut.set(what, (moved.leftOut.get(what) ?? 0) + count);
}

export function refuse(moved: Moved, at: string, name: string, reason: string): undefined {
  moved.refused.push({ at, name, reason });
}

export function itemOf(value: unknown): Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Item)
    : {};
}

/** Objects of a list with their places; anything else is an empty list. */
export function itemsOf(value: unknown, place: string): readonly (readonly [string, Item])[] {
  if (!Array.isArray(value)) return [];
  return value.map((one, index) => [`${place}[${index}]`, itemOf(one)]);
}

export function textOf(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

/** Scope values as RFC 6749 §3.3 has them; others are told. */
export function scopesOf(moved: Moved, texts: readonly string[]): string[] {
  const scopes = [...new Set(texts)].filter((one) => /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/.test(one));
  leaveOut(moved, 'rights whose names are no scopes', new Set(texts).size - scopes.length);
  return scopes;
}

/** A moment as RFC 3339: from one, a database's text in UTC, seconds or milliseconds. */
export function momentOf(value: unknown): string | undefined {
  const text = textOf(value);
  if (text === undefined) return undefined;
  if (/^\d{9,10}$/.test(text)) return new Date(Number(text) * 1000).toISOString();
  if (/^\d{12,13}$/.test(text)) return new Date(Number(text)).toISOString();
  const form = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d)(?:\.\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?$/;
  const [, day, time = '00:00:00', zone = 'Z'] = form.exec(text) ?? [];
  if (day === undefined) return undefined;
  const offset = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone.replace(/(\d\d)(\d\d)$/, '$1:$2');
  const ms = Date.parse(`${day}T${time}${offset}`);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}
