/**
 * What expressions evaluate to. JavaScript's own values where they have Cedar's meaning, so that a
 * request's context needs no conversion: arrays are sets, plain objects are records. Values are
 * never changed once an evaluation has seen them.
 */
import { EntityUid } from './entity-uid.ts';
import { Extension } from './extension.ts';

export type Value =
  | boolean
  | string
  /** A Long. A number that is no safe integer has no meaning in Cedar and is a type error. */
  | number
  | bigint
  | EntityUid
  | Extension
  | SetValue
  | RecordValue;

export type SetValue = readonly Value[];

export interface RecordValue {
  readonly [name: string]: Value;
}

export type TypeName =
  | 'bool'
  | 'string'
  | 'long'
  | 'entity'
  | 'set'
  | 'record'
  | 'ipaddr'
  | 'decimal'
  | 'datetime'
  | 'duration'
  | 'no value of Cedar';

export function typeOf(value: unknown): TypeName {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'string':
      return 'string';
    case 'number':
      return Number.isSafeInteger(value) ? 'long' : 'no value of Cedar';
    case 'bigint':
      return 'long';
    default:
  }
  if (typeof value !== 'object' || value === null) return 'no value of Cedar';
  if (value instanceof EntityUid) return 'entity';
  if (value instanceof Extension) return value.kind;
  return Array.isArray(value) ? 'set' : 'record';
}

export function isSet(value: Value): value is SetValue {
  return Array.isArray(value);
}

export function isRecord(value: Value): value is RecordValue {
  return (
    typeof value === 'object' &&
    !(value instanceof EntityUid) &&
    !(value instanceof Extension) &&
    !Array.isArray(value)
  );
}

/** Whether plain property access would find what no record holds, such as `constructor`. */
export function isInherited(name: string): boolean {
  return name in Object.prototype;
}

/** The attribute, or `undefined`; never anything that JavaScript's objects inherit. */
export function attributeOf(record: RecordValue, name: string): Value | undefined {
  if (isInherited(name) && !Object.hasOwn(record, name)) return undefined;
  return record[name];
}

/** Cedar's `==`: values of different types are never equal, and never an error. */
export function equalValues(left: Value, right: Value): boolean {
  if (left === right) return true;
  if (typeof left !== 'object') {
    // A Long may come as a bigint though a number would hold it.
    const areLongs = typeof left === 'bigint' || typeof right === 'bigint';
    // biome-ignore lint/suspicious/noDoubleEquals: compares number and bigint by value
    return areLongs && isLong(left) && isLong(right) && left == right;
  }
  if (typeof right !== 'object') return false;
  if (left instanceof EntityUid) return right instanceof EntityUid && left.equals(right);
  if (left instanceof Extension) return right instanceof Extension && left.equals(right);
  if (isSet(left)) {
    return isSet(right) && isSubset(left, right) && isSubset(right, left);
  }
  return isRecord(right) && equalRecords(left as RecordValue, right);
}

function isLong(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function equalRecords(left: RecordValue, right: RecordValue): boolean {
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every(
    (name) => Object.hasOwn(right, name) && equalValues(left[name]!, right[name]!),
  );
}

/** Short sets are searched; longer ones are indexed once: no pair of sets costs a square. */
const indexedFrom = 17;

const indexes = new WeakMap<SetValue, ReadonlySet<string>>();

export function setContains(set: SetValue, value: Value): boolean {
  if (set.length < indexedFrom) {
    for (const element of set) if (equalValues(element, value)) return true;
    return false;
  }
  return indexOf(set).has(canonical(value));
}

export function isSubset(inner: SetValue, outer: SetValue): boolean {
  return inner.every((element) => setContains(outer, element));
}

export function isDisjoint(left: SetValue, right: SetValue): boolean {
  return !left.some((element) => setContains(right, element));
}

function indexOf(set: SetValue): ReadonlySet<string> {
  let index = indexes.get(set);
  if (index === undefined) {
    index = new Set(set.map(canonical));
    indexes.set(set, index);
  }
  return index;
}

/** One string for each value and no other: equal values have equal strings. */
function canonical(value: Value): string {
  switch (typeof value) {
    case 'boolean':
      return value ? 'true' : 'false';
    case 'string':
      return JSON.stringify(value);
    case 'number':
    case 'bigint':
      return String(value === 0 ? 0 : value);
    default:
  }
  if (value instanceof EntityUid) return `e${JSON.stringify(value.key)}`;
  if (value instanceof Extension) return `x${value.kind}(${value.canonical})`;
  if (isSet(value)) return `[${[...new Set(value.map(canonical))].sort().join()}]`;
  const record = value as RecordValue;
  const names = Object.keys(record).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(record[name]!)}`).join()}}`;
}
