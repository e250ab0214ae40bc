/**
 * The part of JSON Schema (2020-12) by which types of authorization details say what their objects
 * hold. Small and closed: a keyword that is not known here is refused when the type is written, so
 * that no rule is silently passed over when a request is judged; and an object may hold nothing
 * that its schema does not name (RFC 9396 §5: unknown members are refused).
 */
import { canonicalJson, err, isJsonObject, type JsonValue, ok, type Result } from '@mintmark/core';

/** @returns whether the value is what the schema says */
export type Check = (value: JsonValue) => boolean;

export interface SchemaFault {
  /** JSON pointer into the schema. */
  readonly path: string;
  readonly message: string;
}

/** A text longer than this is refused before any `pattern` is tried on it. */
const patternTextCharsMax = 1_000;
const depthMax = 8;

/** Reads a schema. */
export function readSchema(
  schema: JsonValue | undefined,
  at: { readonly path: string; readonly depth: number } = { path: '', depth: 0 },
): Result<Check, SchemaFault> {
  const { path, depth } = at;
  const fault = (message: string, member = '') => err({ path: `${path}${member}`, message });
  if (!isJsonObject(schema)) return fault('must be an object');
  if (depth > depthMax) return fault('is too deep');
  const { type } = schema;
  const rules = typeof type === 'string' && Object.hasOwn(keywords, type) ? keywords[type] : null;
  if (rules === undefined || rules === null) {
    return fault(`must be one of ${Object.keys(keywords).join(', ')}`, '/type');
  }
  const checks: Check[] = [isOfType[type as TypeName]];
  for (const [name, value] of Object.entries(schema)) {
    if (passedOver.has(name)) continue;
    const rule = rules[name] ?? anyType[name];
    if (rule === undefined) return fault(`is not known for the type ${String(type)}`, `/${name}`);
    const check = rule(value, { path: `${path}/${name}`, depth: depth + 1, schema });
    if (typeof check === 'string') return fault(check, `/${name}`);
    if (typeof check !== 'function') return check;
    checks.push(check);
  }
  // Nothing named means nothing allowed.
  if (type === 'object' && schema['properties'] === undefined) checks.push(isEmpty);
  return ok((value) => checks.every((check) => check(value)));
}

type TypeName = 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean';
interface Place {
  readonly path: string;
  readonly depth: number;
  readonly schema: { readonly [name: string]: JsonValue };
}
/** @returns the check; what is wrong with the keyword's value, in words; or a fault further down */
type Keyword = (
  value: JsonValue,
  place: Place,
) => Check | string | Extract<Result<never, SchemaFault>, { readonly ok: false }>;

/** Words for people, and what is judged beside another keyword. */
const passedOver: ReadonlySet<string> = new Set([
  'type',
  'title',
  'description',
  'examples',
  '$comment',
  '$schema',
  'additionalProperties',
]);

const isOfType: Readonly<Record<TypeName, Check>> = {
  object: isJsonObject,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: Number.isSafeInteger,
  boolean: (value) => typeof value === 'boolean',
};

const isEmpty: Check = (value) => isJsonObject(value) && Object.keys(value).length === 0;

function bound(name: string, holds: (value: JsonValue, limit: number) => boolean): Keyword {
  return (limit) => {
    if (typeof limit !== 'number') return `${name} must be a number`;
    return (value) => holds(value, limit);
  };
}

const charsOf = (value: JsonValue): number => [...(value as string)].length;
const numeric: Readonly<Record<string, Keyword>> = {
  minimum: bound('minimum', (value, limit) => (value as number) >= limit),
  maximum: bound('maximum', (value, limit) => (value as number) <= limit),
  exclusiveMinimum: bound('exclusiveMinimum', (value, limit) => (value as number) > limit),
  exclusiveMaximum: bound('exclusiveMaximum', (value, limit) => (value as number) < limit),
};

const anyType: Readonly<Record<string, Keyword>> = {
  enum(values) {
    if (!Array.isArray(values) || values.length === 0) return 'must be a list of values';
    const known = new Set(values.map(canonicalJson));
    return (value) => known.has(canonicalJson(value));
  },
  const(wanted) {
    const known = canonicalJson(wanted);
    return (value) => canonicalJson(value) === known;
  },
};

const keywords: Readonly<Record<string, Readonly<Record<string, Keyword>>>> = {
  object: { properties, required },
  array: {
    items: (schema, { path, depth }) => {
      const check = readSchema(schema, { path, depth });
      return check.ok ? (value) => (value as JsonValue[]).every(check.value) : check;
    },
    minItems: bound('minItems', (value, limit) => (value as JsonValue[]).length >= limit),
    maxItems: bound('maxItems', (value, limit) => (value as JsonValue[]).length <= limit),
    uniqueItems: (wanted) => {
      if (wanted !== true) return 'can only be true';
      return (value) => {
        const list = (value as JsonValue[]).map(canonicalJson);
        return new Set(list).size === list.length;
      };
    },
  },
  string: {
    minLength: bound('minLength', (value, limit) => charsOf(value) >= limit),
    maxLength: bound('maxLength', (value, limit) => charsOf(value) <= limit),
    pattern: (text) => {
      const pattern = typeof text === 'string' ? regExpOf(text) : undefined;
      if (pattern === undefined) return 'must be a regular expression';
      return (value) =>
        (value as string).length <= patternTextCharsMax && pattern.test(value as string);
    },
  },
  number: numeric,
  integer: numeric,
  boolean: {},
};

function regExpOf(text: string): RegExp | undefined {
  try {
    return new RegExp(text, 'u');
  } catch {
    return undefined;
  }
}

function properties(...[named, { path, depth, schema }]: Parameters<Keyword>): ReturnType<Keyword> {
  if (!isJsonObject(named)) return 'must be an object';
  const { additionalProperties: more } = schema;
  if (more !== undefined && more !== false) return 'additionalProperties can only be false';
  const checks = new Map<string, Check>();
  for (const [name, one] of Object.entries(named)) {
    const check = readSchema(one, { path: `${path}/${name}`, depth });
    if (!check.ok) return check;
    checks.set(name, check.value);
  }
  return (value) =>
    Object.entries(value as object).every(([name, one]) => checks.get(name)?.(one) === true);
}

function required(...[names, { schema }]: Parameters<Keyword>): ReturnType<Keyword> {
  const { properties: known } = schema;
  const isKnown = (name: JsonValue): boolean =>
    typeof name === 'string' && isJsonObject(known) && Object.hasOwn(known, name);
  if (!Array.isArray(names) || !names.every(isKnown)) return 'must be a list of properties';
  return (value) => names.every((name) => Object.hasOwn(value as object, name as string));
}
