/** Cedar's schema as JSON (Cedar 4.5, "JSON schema format"). */
import { limits } from '@mintmark/core';
import { isIdentifier, isTypeName } from './entity-uid.ts';
import { Problem } from './policy-error.ts';
import {
  emptyNamespace,
  type NameOf,
  type RawAction,
  type RawEntityType,
  type RawNamespace,
  type RawType,
} from './raw-schema.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** @throws Problem, with the path in its message, where the JSON is no schema */
export function readSchemaJson(json: unknown): RawNamespace[] {
  return Object.entries(objectAt(json, 'the schema')).map(([name, body]) => {
    if (name !== '' && !isTypeName(name)) refuse(name, 'is no name of a namespace');
    return readNamespace(name, objectAt(body, name));
  });
}

function readNamespace(name: string, json: JsonObject): RawNamespace {
  allow(json, name, ['commonTypes', 'entityTypes', 'actions', 'annotations']);
  const namespace = emptyNamespace(name);
  for (const [type, body] of entriesOf(json['commonTypes'] ?? {}, `${name}.commonTypes`)) {
    namespace.commonTypes.set(identifier(type), readType(body, `${name}.${type}`, 1));
  }
  for (const [type, body] of entriesOf(json['entityTypes'], `${name}.entityTypes`)) {
    namespace.entityTypes.set(identifier(type), readEntityType(body, `${name}.${type}`));
  }
  for (const [action, body] of entriesOf(json['actions'], `${name}.actions`)) {
    namespace.actions.set(action, readAction(body, `${name}.${action}`));
  }
  return namespace;
}

function readEntityType(json: unknown, path: string): RawEntityType {
  const form = objectAt(json, path);
  allow(form, path, ['memberOfTypes', 'shape', 'tags', 'enum', 'annotations']);
  const { memberOfTypes, shape, tags, enum: choices } = form;
  if (choices !== undefined && textsAt(choices, path).length === 0) refuse(path, 'lists no ids');
  return {
    memberOf: memberOfTypes === undefined ? [] : textsAt(memberOfTypes, path),
    shape: shape === undefined ? null : readType(shape, `${path}.shape`, 1),
    tags: tags === undefined ? null : readType(tags, `${path}.tags`, 1),
    choices: choices === undefined ? null : textsAt(choices, path),
    at: 0,
  };
}

function readAction(json: unknown, path: string): RawAction {
  const form = objectAt(json, path);
  allow(form, path, ['memberOf', 'appliesTo', 'attributes', 'annotations']);
  const { memberOf, appliesTo } = form;
  if (Object.keys(objectAt(form['attributes'] ?? {}, path)).length > 0) {
    refuse(path, 'has attributes, which actions cannot have');
  }
  const applies = appliesTo == null ? {} : objectAt(appliesTo, `${path}.appliesTo`);
  allow(applies, path, ['principalTypes', 'resourceTypes', 'context']);
  const { principalTypes, resourceTypes, context } = applies;
  return {
    memberOf: memberOf == null ? [] : arrayAt(memberOf, path).map((one) => readGroup(one, path)),
    principalTypes: appliesTo == null ? [] : textsAt(principalTypes, path),
    resourceTypes: appliesTo == null ? [] : textsAt(resourceTypes, path),
    context: context === undefined ? null : readType(context, `${path}.context`, 1),
    at: 0,
  };
}

function readGroup(json: unknown, path: string): { type: string | null; id: string } {
  const { type, id } = objectAt(json, path);
  if (typeof id !== 'string') return refuse(path, 'is in a group without an id');
  return { type: type == null ? null : textAt(type, path), id };
}

const primitives = new Set(['String', 'Long', 'Boolean', 'Bool']);

function readType(json: unknown, path: string, depth: number): RawType {
  if (depth > limits.policyNestingMax) return refuse(path, 'is nested too deep');
  const form = objectAt(json, path);
  const type = textAt(form['type'], `${path}.type`);
  switch (type) {
    case 'Set':
      return { kind: 'set', element: readType(form['element'], `${path}.element`, depth + 1) };
    case 'Record':
      return readRecord(form, path, depth);
    case 'Entity':
      return named(form['name'], 'entity', path);
    case 'Extension':
      return named(form['name'], 'extension', path);
    case 'EntityOrCommon':
      return named(form['name'], 'anything', path);
    default:
      return named(type, primitives.has(type) && type !== 'Bool' ? 'primitive' : 'common', path);
  }
}

function readRecord(form: JsonObject, path: string, depth: number): RawType {
  if (form['additionalAttributes'] === true) refuse(path, 'has open attributes');
  const attributes = entriesOf(form['attributes'], path).map(([name, body]) => {
    const { required } = objectAt(body, `${path}.${name}`);
    if (required !== undefined && typeof required !== 'boolean') {
      return refuse(`${path}.${name}`, 'is required or not: true or false');
    }
    const type = readType(body, `${path}.${name}`, depth + 1);
    return { name, type, required: required ?? true };
  });
  return { kind: 'record', attributes };
}

function named(name: unknown, of: NameOf, path: string): RawType {
  return { kind: 'name', name: textAt(name, path), of, at: 0 };
}

function identifier(name: string): string {
  return isIdentifier(name) ? name : refuse(name, 'is no name of a type');
}

function allow(json: JsonObject, path: string, names: readonly string[]): void {
  const other = Object.keys(json).find((name) => !names.includes(name));
  if (other !== undefined) refuse(path, `has a member ${other}, which schemas do not have`);
}

function entriesOf(json: unknown, path: string): [string, unknown][] {
  return Object.entries(objectAt(json, path));
}

function objectAt(json: unknown, path: string): JsonObject {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return refuse(path, 'is no object');
  }
  return json as JsonObject;
}

function arrayAt(json: unknown, path: string): readonly unknown[] {
  return Array.isArray(json) ? json : refuse(path, 'has no list where one belongs');
}

function textsAt(json: unknown, path: string): string[] {
  return arrayAt(json, path).map((one) => textAt(one, path));
}

function textAt(json: unknown, path: string): string {
  return typeof json === 'string' ? json : refuse(path, 'has no text where one belongs');
}

function refuse(path: string, message: string): never {
  throw new Problem('syntax', `${path === '' ? 'the empty namespace' : path} ${message}`, 0);
}
