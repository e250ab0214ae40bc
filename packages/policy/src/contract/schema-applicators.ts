/** Keywords that hold schemas: of members, of items, of the same value joined. */
import { isJsonObject, type JsonValue, pointerToken } from '@mintmark/core';
import type { Pattern } from './pattern.ts';
import { patternOf } from './schema-assertions.ts';
import {
  allowsText,
  type Check,
  type Compiler,
  type Keyword,
  listIn,
  Malformed,
  miss,
  quietly,
  within,
} from './walk.ts';

type Named = ReadonlyMap<string, Check>;

function namedSchemas(value: JsonValue, pointer: string, compiler: Compiler): Named {
  if (!isJsonObject(value)) throw new Malformed(pointer, 'is an object of schemas');
  return new Map(
    Object.entries(value).map(([name, one]) => {
      return [name, compiler.compile(one, `${pointer}/${pointerToken(name)}`)];
    }),
  );
}

function listed(value: JsonValue, pointer: string, compiler: Compiler): readonly Check[] {
  if (!Array.isArray(value) || value.length === 0) throw new Malformed(pointer, 'is a list');
  return value.map((one, index) => compiler.compile(one, `${pointer}/${index}`));
}

const properties: Keyword = (value, { pointer, compiler }) => {
  const checks = namedSchemas(value, pointer, compiler);
  return (object, walk) => {
    if (!isJsonObject(object)) return true;
    walk.stepsLeft -= checks.size >> 3;
    let good = true;
    for (const [name, check] of checks) {
      if (!Object.hasOwn(object, name)) continue;
      if (!within(check, object[name]!, walk, name)) good = false;
    }
    return good;
  };
};

function patterned(
  value: JsonValue,
  pointer: string,
  compiler: Compiler,
): readonly (readonly [Pattern, Check])[] {
  return [...namedSchemas(value, pointer, compiler)].map(([source, check]) => {
    return [patternOf(source, `${pointer}/${pointerToken(source)}`), check];
  });
}

const patternProperties: Keyword = (value, { pointer, compiler }) => {
  const checks = patterned(value, pointer, compiler);
  return (object, walk) => {
    if (!isJsonObject(object)) return true;
    let good = true;
    for (const [name, one] of Object.entries(object)) {
      walk.stepsLeft -= checks.length * (1 + (name.length >> 3));
      if (walk.stepsLeft < 0) return false;
      for (const [pattern, check] of checks) {
        if (pattern(name) && !within(check, one, walk, name)) good = false;
      }
    }
    return good;
  };
};

/** What neither `properties` nor `patternProperties` of the same schema speaks of. */
const additionalProperties: Keyword = (value, { schema, pointer, compiler }) => {
  const check = compiler.compile(value, pointer);
  const named = new Set(
    isJsonObject(schema['properties']) ? Object.keys(schema['properties']) : [],
  );
  const patterns = Object.keys(
    isJsonObject(schema['patternProperties']) ? schema['patternProperties'] : {},
  ).map((source) => patternOf(source, pointer));
  return (object, walk) => {
    if (!isJsonObject(object)) return true;
    let good = true;
    for (const [name, one] of Object.entries(object)) {
      if (named.has(name) || patterns.some((pattern) => pattern(name))) continue;
      if (value === false) {
        within((_, inside) => miss(inside, 'additionalProperties'), one, walk, name);
        good = false;
      } else if (!within(check, one, walk, name)) {
        good = false;
      }
      if (!good && walk.found === undefined) return false;
    }
    return good;
  };
};

const propertyNames: Keyword = (value, { pointer, compiler }) => {
  const check = compiler.compile(value, pointer);
  return (object, walk) => {
    if (!isJsonObject(object)) return true;
    return (
      Object.keys(object).every((name) => quietly(check, name, walk)) || miss(walk, 'propertyNames')
    );
  };
};

const dependentRequired: Keyword = (value, { pointer }) => {
  const isNames = (list: JsonValue) =>
    Array.isArray(list) && list.every((name) => typeof name === 'string');
  if (!isJsonObject(value) || !Object.values(value).every(isNames)) {
    throw new Malformed(pointer, 'is an object of lists of names');
  }
  const wanted = Object.entries(value) as [string, readonly string[]][];
  return (object, walk) => {
    if (!isJsonObject(object)) return true;
    const good = wanted.every(([name, others]) => {
      return !Object.hasOwn(object, name) || others.every((other) => Object.hasOwn(object, other));
    });
    return good || miss(walk, 'dependentRequired');
  };
};

const dependentSchemas: Keyword = (value, { pointer, compiler }) => {
  const checks = namedSchemas(value, pointer, compiler);
  return (object, walk) => {
    if (!isJsonObject(object)) return true;
    let good = true;
    for (const [name, check] of checks) {
      if (Object.hasOwn(object, name) && !check(object, walk)) good = false;
    }
    return good;
  };
};

const prefixItems: Keyword = (value, { pointer, compiler }) => {
  const checks = listed(value, pointer, compiler);
  return (list, walk) => {
    if (!Array.isArray(list)) return true;
    let good = true;
    for (const [index, check] of checks.entries()) {
      if (index < list.length && !within(check, list[index], walk, index)) good = false;
    }
    return good;
  };
};

/** Those behind `prefixItems`. */
const items: Keyword = (value, { schema, pointer, compiler }) => {
  const check = compiler.compile(value, pointer);
  const prefix = schema['prefixItems'];
  const from = Array.isArray(prefix) ? prefix.length : 0;
  const isText = schema['type'] !== undefined && allowsText(schema);
  return (value, walk) => {
    const list = isText ? value : listIn(value, walk);
    if (!Array.isArray(list)) return true;
    let good = true;
    for (let index = from; index < list.length; index++) {
      if (within(check, list[index], walk, index)) continue;
      good = false;
      if (walk.found === undefined || walk.stepsLeft < 0) return false;
    }
    return good;
  };
};

const contains: Keyword = (value, { schema, pointer, compiler }) => {
  const check = compiler.compile(value, pointer);
  const least = boundOf(schema['minContains'], 1, pointer);
  const most = boundOf(schema['maxContains'], Number.POSITIVE_INFINITY, pointer);
  return (list, walk) => {
    if (!Array.isArray(list)) return true;
    let found = 0;
    for (const one of list) if (quietly(check, one, walk)) found++;
    return (found >= least && found <= most) || miss(walk, 'contains');
  };
};

function boundOf(value: JsonValue | undefined, otherwise: number, pointer: string): number {
  if (value === undefined) return otherwise;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw new Malformed(pointer, 'minContains and maxContains are whole numbers from 0');
}

const allOf: Keyword = (value, { pointer, compiler }) => {
  const checks = listed(value, pointer, compiler);
  return (one, walk) => {
    let good = true;
    for (const check of checks) if (!check(one, walk)) good = false;
    return good;
  };
};

const anyOf: Keyword = (value, { pointer, compiler }) => {
  const checks = listed(value, pointer, compiler);
  return (one, walk) => checks.some((check) => quietly(check, one, walk)) || miss(walk, 'anyOf');
};

const oneOf: Keyword = (value, { pointer, compiler }) => {
  const checks = listed(value, pointer, compiler);
  return (one, walk) => {
    const fitting = checks.filter((check) => quietly(check, one, walk));
    return fitting.length === 1 || miss(walk, 'oneOf');
  };
};

const not: Keyword = (value, { pointer, compiler }) => {
  const check = compiler.compile(value, pointer);
  return (one, walk) => !quietly(check, one, walk) || miss(walk, 'not');
};

/** With its neighbours `then` and `else`. */
const condition: Keyword = (value, { schema, pointer, compiler }) => {
  const check = compiler.compile(value, pointer);
  const place = pointer.slice(0, -'/if'.length);
  const branch = (name: 'then' | 'else') =>
    schema[name] === undefined ? undefined : compiler.compile(schema[name], `${place}/${name}`);
  const [yes, no] = [branch('then'), branch('else')];
  return (one, walk) => {
    const next = quietly(check, one, walk) ? yes : no;
    return next === undefined || next(one, walk);
  };
};

/** Read by a neighbour. */
const besides: Keyword = () => undefined;

export const applicators: Readonly<Record<string, Keyword>> = {
  properties,
  patternProperties,
  additionalProperties,
  propertyNames,
  dependentRequired,
  dependentSchemas,
  prefixItems,
  items,
  contains,
  minContains: besides,
  maxContains: besides,
  allOf,
  anyOf,
  oneOf,
  not,
  if: condition,
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema, never awaited
  then: besides,
  else: besides,
};
