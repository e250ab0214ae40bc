/**
 * Cedar's JSON form of values, contexts and entities (Cedar 4.5, "JSON format"): `__entity` and
 * `__extn` stand for what JSON cannot say. For input from outside; numbers must be integers.
 */
import { err, limits, ok, type Result } from '@mintmark/core';
import { Entities, type EntitiesRefusal, type EntityInput } from './entities.ts';
import { EntityUid, isActionType, isTypeName } from './entity-uid.ts';
import { Extension } from './extension.ts';
import { extensionFunctions, extensionMethods } from './functions.ts';
import { boundLong } from './long.ts';
import type { RecordValue, Value } from './value.ts';

export interface JsonRefusal {
  readonly reason: 'malformed';
  /** Where, as a path such as `[0].attrs.owner`; the empty path is the whole. */
  readonly path: string;
  readonly message: string;
}

class Malformed extends Error {
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

function refused<T>(read: () => T): Result<T, JsonRefusal> {
  try {
    return ok(read());
  } catch (problem) {
    if (!(problem instanceof Malformed)) throw problem;
    return err({ reason: 'malformed', path: problem.path, message: problem.message });
  }
}

/** A context: an object whose members are values. */
export function parseContext(json: unknown): Result<RecordValue, JsonRefusal> {
  return refused(() => readRecord(json, '', 1));
}

/** One value. */
export function parseValue(json: unknown): Result<Value, JsonRefusal> {
  return refused(() => readValue(json, '', 1));
}

/** `{"type":…,"id":…}`, with or without `__entity` around it. */
export function parseEntityUidJson(json: unknown): Result<EntityUid, JsonRefusal> {
  return refused(() => readUid(json, ''));
}

/** `[{"uid":…,"attrs":{…},"parents":[…],"tags":{…}},…]`. */
export function parseEntities(json: unknown): Result<Entities, JsonRefusal | EntitiesRefusal> {
  const inputs = refused(() =>
    readArray(json, '').map((entity, index) => readEntity(entity, `[${index}]`)),
  );
  return inputs.ok ? Entities.of(inputs.value) : inputs;
}

function readEntity(json: unknown, path: string): EntityInput {
  const form = readObject(json, path);
  for (const name of Object.keys(form)) {
    if (!['uid', 'attrs', 'parents', 'tags'].includes(name)) {
      throw new Malformed(`${path}.${name}`, 'an entity has no such member');
    }
  }
  const uid = readUid(form['uid'], `${path}.uid`);
  const parents = readArray(form['parents'], `${path}.parents`).map((parent, index) =>
    readUid(parent, `${path}.parents[${index}]`),
  );
  if (isActionType(uid.type) && !parents.every((parent) => isActionType(parent.type))) {
    throw new Malformed(`${path}.parents`, 'an action is only in actions');
  }
  return {
    uid,
    attributes: readRecord(form['attrs'], `${path}.attrs`, 1),
    tags: form['tags'] === undefined ? {} : readRecord(form['tags'], `${path}.tags`, 1),
    parents,
  };
}

function readUid(json: unknown, path: string): EntityUid {
  const form = readObject(json, path);
  const inner = Object.hasOwn(form, '__entity')
    ? readObject(form['__entity'], `${path}.__entity`)
    : form;
  const { type, id } = inner as { type?: unknown; id?: unknown };
  if (typeof type !== 'string' || typeof id !== 'string') {
    throw new Malformed(path, 'an entity is named by "type" and "id"');
  }
  if (!isTypeName(type)) throw new Malformed(path, `${JSON.stringify(type)} names no type`);
  return new EntityUid(type, id);
}

function readValue(json: unknown, path: string, depth: number): Value {
  if (depth > limits.policyValueDepthMax) {
    throw new Malformed(path, `deeper than ${limits.policyValueDepthMax} levels`);
  }
  switch (typeof json) {
    case 'boolean':
    case 'string':
      return json;
    case 'number':
      if (!Number.isSafeInteger(json)) {
        throw new Malformed(path, `${json} is no integer that JSON carries exactly`);
      }
      return json;
    case 'bigint': {
      const long = boundLong(json);
      if (long === undefined) throw new Malformed(path, `${json} does not fit into 64 bits`);
      return long;
    }
    default:
  }
  if (Array.isArray(json)) {
    return json.map((item, index) => readValue(item, `${path}[${index}]`, depth + 1));
  }
  const form = readObject(json, path);
  if (Object.hasOwn(form, '__entity')) return readUid(form, path);
  if (Object.hasOwn(form, '__extn')) return readExtension(form['__extn'], path, depth);
  if (Object.hasOwn(form, '__expr')) throw new Malformed(path, 'Cedar reads __expr no longer');
  return readRecord(form, path, depth);
}

function readRecord(json: unknown, path: string, depth: number): RecordValue {
  const members = Object.entries(readObject(json, path));
  // Not by assignment: `__proto__` is an attribute like any other.
  return Object.fromEntries(
    members.map(([name, value]) => [name, readValue(value, `${path}.${name}`, depth + 1)]),
  );
}

function readExtension(json: unknown, path: string, depth: number): Value {
  const { fn, arg, args } = readObject(json, path) as Record<'fn' | 'arg' | 'args', unknown>;
  if (typeof fn !== 'string') throw new Malformed(path, '"fn" names a function');
  const list = arg === undefined ? readArray(args, path) : [arg];
  const values = list.map((item) => readValue(item, path, depth + 1));
  const result = Object.hasOwn(extensionFunctions, fn)
    ? construct(fn, values)
    : Object.hasOwn(extensionMethods, fn)
      ? applyMethod(fn, values)
      : undefined;
  if (result === undefined) throw new Malformed(path, `${fn} does not take this`);
  return result;
}

function construct(name: string, values: readonly Value[]): Value | undefined {
  const [text] = values;
  if (values.length !== 1 || typeof text !== 'string') return undefined;
  return extensionFunctions[name]!.parse(text);
}

function applyMethod(name: string, values: readonly Value[]): Value | undefined {
  const { target, argument, body } = extensionMethods[name]!;
  const [first, second] = values;
  if (values.length !== (argument === null ? 1 : 2)) return undefined;
  if (!(first instanceof Extension) || first.kind !== target) return undefined;
  if (argument === null) return body(first, undefined);
  if (!(second instanceof Extension) || second.kind !== argument) return undefined;
  return body(first, second);
}

function readObject(json: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new Malformed(path, 'expected an object');
  }
  return json as Readonly<Record<string, unknown>>;
}

function readArray(json: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(json)) throw new Malformed(path, 'expected a list');
  return json;
}
