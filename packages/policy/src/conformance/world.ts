/**
 * A small world for policies to ask about: few names, so that policies, entities and requests meet
 * each other often; attributes that mostly have the type that policies expect, and sometimes not.
 */
import type { Random } from './random.ts';

export type Json = boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export interface UidJson {
  readonly type: string;
  readonly id: string;
}

export interface EntityJson {
  readonly uid: UidJson;
  readonly attrs: Readonly<Record<string, Json>>;
  readonly parents: readonly UidJson[];
  readonly tags: Readonly<Record<string, Json>>;
}

export interface RequestJson {
  readonly principal: UidJson;
  readonly action: UidJson;
  readonly resource: UidJson;
  readonly context: Readonly<Record<string, Json>>;
}

export const kinds = [
  'bool',
  'long',
  'string',
  'entity',
  'set',
  'record',
  'ipaddr',
  'decimal',
  'datetime',
  'duration',
] as const;

export type Kind = (typeof kinds)[number];

/** Attributes and tags by the type that they mostly have; some names need quotes. */
export const attributes: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['ok', 'bool'],
  ['level', 'long'],
  ['limit', 'long'],
  ['name', 'string'],
  ['needs quotes', 'string'],
  ['owner', 'entity'],
  ['tags', 'set'],
  ['members', 'set'],
  ['nested', 'record'],
  ['constructor', 'record'],
  ['address', 'ipaddr'],
  ['price', 'decimal'],
  ['at', 'datetime'],
  ['age', 'duration'],
]);

export const attributeNames: readonly string[] = [...attributes.keys()];

export const entityTypes = ['User', 'Group', 'App::Doc', 'App::Folder'];
export const actions: readonly UidJson[] = [
  { type: 'Action', id: 'read' },
  { type: 'Action', id: 'write' },
  { type: 'App::Action', id: 'share' },
  { type: 'Action', id: 'all' },
];
export const ids = ['a', 'b', 'c', 'two words', 'ü"\\'];
export const texts = ['', 'a', 'ab', 'abc', 'a*c', 'äö', '\u{1f600}', 'read', 'x\ny'];
export const addresses = [
  '10.0.0.1',
  '10.0.0.0/8',
  '10.1.2.3/16',
  '127.0.0.1',
  '127.0.0.0/7',
  '224.0.0.1',
  '224.0.0.0/3',
  '0.0.0.0/0',
  '255.255.255.255',
  '::1',
  '::1/127',
  '::/0',
  'ff00::/8',
  'ff02::1',
  '2001:db8::1',
  '2001:DB8::/32',
  '::ffff:a00:1',
];
export const decimals = ['0.0', '-0.0', '1.5', '1.50', '-1.0001', '922337203685477.5807'];
export const datetimes = [
  '1970-01-01',
  '2024-02-29',
  '1969-12-31T23:59:59.999Z',
  '2024-10-15T11:35:00.000+0100',
  '0000-01-01',
  '9999-12-31T23:59:59Z',
];
export const durations = [
  '0ms',
  '1d',
  '24h',
  '1d2h3m4s5ms',
  '-90m',
  '-1ms',
  '9223372036854775807ms',
  '-9223372036854775808ms',
];
/** What the constructors refuse. */
export const malformed = [
  '',
  '-',
  '1',
  '01.1.1.1',
  '1.1.1.1/33',
  '1.1.1.1/08',
  '::ffff:1.2.3.4',
  '::1%lo',
  '1.00001',
  '.5',
  '922337203685477.5808',
  '1d1d',
  '1h1d',
  '9223372036854775808ms',
  '2023-02-29',
  '2024-01-01T24:00:00Z',
  '2024-01-01T00:00:00',
  '2024-01-01T00:00:00+2400',
];
export const longs = [0, 1, -1, 2, 7, 41, 4294967296, 9007199254740991, -9007199254740991];

export function randomUid(random: Random): UidJson {
  if (random.chance(10)) return random.pick(actions);
  return { type: random.pick(entityTypes), id: random.pick(ids) };
}

export function randomValue(random: Random, kind: Kind, depth: number): Json {
  switch (kind) {
    case 'bool':
      return random.chance(50);
    case 'long':
      return random.pick(longs);
    case 'string':
      return random.pick(texts);
    case 'entity':
      return { __entity: { ...randomUid(random) } };
    case 'ipaddr':
      return { __extn: { fn: 'ip', arg: random.pick(addresses) } };
    case 'decimal':
      return { __extn: { fn: 'decimal', arg: random.pick(decimals) } };
    case 'datetime':
      return { __extn: { fn: 'datetime', arg: random.pick(datetimes) } };
    case 'duration':
      return { __extn: { fn: 'duration', arg: random.pick(durations) } };
    case 'set': {
      const length = random.chance(2) ? 20 + random.below(10) : random.below(4);
      const of = random.pick(depth > 0 ? kinds : (['long', 'string', 'entity'] as const));
      return Array.from({ length }, () => {
        const element = random.chance(90) ? of : random.pick(['bool', 'long', 'string'] as const);
        return randomValue(random, element, depth - 1);
      });
    }
    case 'record':
      return depth > 0 ? randomRecord(random, depth - 1) : {};
    default:
      throw new Error(kind satisfies never);
  }
}

/** Fewer attributes further down; mostly of the type that their names promise. */
export function randomRecord(random: Random, depth: number): Readonly<Record<string, Json>> {
  const entries = attributeNames
    .filter(() => random.chance(depth > 1 ? 35 : 15))
    .map((name): [string, Json] => {
      const kind = random.chance(92) ? attributes.get(name)! : random.pick(kinds);
      return [name, randomValue(random, kind, depth)];
    });
  return Object.fromEntries(entries);
}

/** Parents come later in the list than their children: no cycles. */
export function randomEntities(random: Random): EntityJson[] {
  const all: UidJson[] = [
    ...entityTypes.flatMap((type) => ids.map((id) => ({ type, id }))),
    ...actions,
  ].filter(({ type }) => random.chance(type === 'Action' ? 50 : 22));
  const shuffled = all
    .map((uid) => ({ uid, rank: random.below(1000) }))
    .sort((left, right) => left.rank - right.rank)
    .map(({ uid }) => uid);
  return shuffled.map((uid, index) => ({
    uid,
    attrs: random.chance(75) ? randomRecord(random, 2) : {},
    parents: shuffled
      .slice(index + 1)
      .filter((parent) => random.chance(isAction(uid) ? 60 : 8) && fits(uid, parent)),
    tags: random.chance(30) ? randomRecord(random, 1) : {},
  }));
}

/** Cedar lets actions be only in actions. */
function fits(uid: UidJson, parent: UidJson): boolean {
  return !isAction(uid) || isAction(parent);
}

function isAction({ type }: UidJson): boolean {
  return type.endsWith('Action');
}

export function randomRequest(random: Random): RequestJson {
  const uid = (types: readonly string[]): UidJson =>
    random.chance(95) ? { type: random.pick(types), id: random.pick(ids) } : randomUid(random);
  return {
    principal: uid(['User', 'User', 'Group']),
    action: random.chance(97) ? random.pick(actions) : randomUid(random),
    resource: uid(['App::Doc', 'App::Folder']),
    context: randomRecord(random, 2),
  };
}
