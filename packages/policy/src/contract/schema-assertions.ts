/** Keywords that look at one value: types, numbers, texts, counts. */
import { isJsonObject, type JsonObject, type JsonValue, limits } from '@mintmark/core';
import { compilePattern, type Pattern } from './pattern.ts';
import {
  allowsText,
  type Check,
  type Keyword,
  listIn,
  Malformed,
  miss,
  numberIn,
  readingsOf,
  sameJson,
  type Walk,
} from './walk.ts';

const typeNames = ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer'];

function typeOf(value: JsonValue): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

const type: Keyword = (wanted, { pointer }) => {
  const names: readonly JsonValue[] = Array.isArray(wanted) ? wanted : [wanted];
  if (names.length === 0 || !names.every((name) => typeNames.includes(String(name)))) {
    throw new Malformed(pointer, `is one of ${typeNames.join(', ')}, or a list of them`);
  }
  const allowed = new Set(names);
  const isOne = (value: JsonValue) =>
    allowed.has(typeOf(value)) || (allowed.has('integer') && Number.isInteger(value));
  return (value, walk) => {
    if (isOne(value)) return true;
    if (walk.textual && typeof value === 'string' && allowed.has('array')) return true;
    return readingsOf(value, walk).some(isOne) || miss(walk, 'type');
  };
};

const enumeration: Keyword = (values, { pointer }) => {
  if (!Array.isArray(values)) throw new Malformed(pointer, 'is a list');
  const simple = new Set(values.filter((one) => typeof one !== 'object' || one === null));
  const others = values.filter((one) => typeof one === 'object' && one !== null);
  return (value, walk) => {
    if (readingsOf(value, walk).some((one) => simple.has(one))) return true;
    const isOther = typeof value === 'object' && others.some((one) => sameJson(one, value));
    return isOther || miss(walk, 'enum');
  };
};

const constant: Keyword = (wanted) => (value, walk) =>
  readingsOf(value, walk).some((one) => sameJson(wanted, one)) || miss(walk, 'const');

function number(rule: string, holds: (value: number, bound: number) => boolean): Keyword {
  return (bound, { schema, pointer }) => {
    if (typeof bound !== 'number') throw new Malformed(pointer, 'is a number');
    const isText = schema['type'] !== undefined && allowsText(schema);
    return (value, walk) => {
      const found = isText && typeof value === 'string' ? undefined : numberIn(value, walk);
      return found === undefined || holds(found, bound) || miss(walk, rule);
    };
  };
}

/** Exact where a plain remainder is not: 0.3 is three times 0.1. */
function isMultiple(value: number, of: number): boolean {
  const quotient = value / of;
  if (!Number.isFinite(quotient)) return false;
  return Math.abs(quotient - Math.round(quotient)) <= Math.abs(quotient) * 1e-15 * 4;
}

const multipleOf: Keyword = (of, at) => {
  if (typeof of !== 'number' || of <= 0) throw new Malformed(at.pointer, 'is a number above 0');
  return number('multipleOf', isMultiple)(of, at);
};

function count(
  rule: string,
  countOf: (value: JsonValue, walk: Walk, schema: JsonObject) => number | undefined,
  holds: (found: number, bound: number) => boolean,
): Keyword {
  return (bound, { schema, pointer }) => {
    if (typeof bound !== 'number' || !Number.isInteger(bound) || bound < 0) {
      throw new Malformed(pointer, 'is a whole number from 0');
    }
    return (value, walk) => {
      const found = countOf(value, walk, schema);
      return found === undefined || holds(found, bound) || miss(walk, rule);
    };
  };
}

const most = (found: number, bound: number): boolean => found <= bound;
const least = (found: number, bound: number): boolean => found >= bound;

/** Characters, not code units (RFC 8259 §7 counts Unicode code points). */
function charsOf(value: JsonValue, _walk: Walk, schema: JsonObject): number | undefined {
  if (typeof value !== 'string' || !allowsText(schema)) return undefined;
  let chars = value.length;
  for (let i = 0; i < value.length - 1; i++) {
    if ((value.charCodeAt(i) & 0xfc00) === 0xd800) chars--;
  }
  return chars;
}

/** A text is counted as a list only where it can be nothing else. */
const itemsOf = (value: JsonValue, walk: Walk, schema: JsonObject) =>
  typeof value === 'string' && allowsText(schema) ? undefined : listIn(value, walk)?.length;
const membersOf = (value: JsonValue) =>
  isJsonObject(value) ? Object.keys(value).length : undefined;

/** @throws Malformed where it is no pattern that ends in time */
export function patternOf(source: JsonValue, pointer: string): Pattern {
  const pattern = compilePattern(typeof source === 'string' ? source : '(');
  if (!pattern.ok) throw new Malformed(pointer, pattern.refusal.message);
  return pattern.value;
}

const pattern: Keyword = (source, { schema, pointer }) => {
  const found = patternOf(source, pointer);
  return (value, walk) => {
    if (typeof value !== 'string' || !allowsText(schema)) return true;
    // Each character costs as much as the pattern is long.
    walk.stepsLeft -= value.length >> 3;
    const isShort = value.length <= limits.patternedTextCharsMax;
    return (isShort && found(value)) || miss(walk, 'pattern');
  };
};

const uniqueItems: Keyword = (wanted, { pointer }) => {
  if (typeof wanted !== 'boolean') throw new Malformed(pointer, 'is true or false');
  if (!wanted) return undefined;
  return (value, walk) => {
    if (!Array.isArray(value)) return true;
    const simple = new Set<JsonValue>();
    const others: JsonValue[] = [];
    for (const one of value) {
      if (typeof one !== 'object' || one === null) {
        if (simple.has(one)) return miss(walk, 'uniqueItems');
        simple.add(one);
        continue;
      }
      walk.stepsLeft -= others.length;
      if (walk.stepsLeft < 0) return false;
      if (others.some((other) => sameJson(other, one))) return miss(walk, 'uniqueItems');
      others.push(one);
    }
    return true;
  };
};

const required: Keyword = (names, { schema, pointer }) => {
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new Malformed(pointer, 'is a list of names');
  }
  // What only answers hold, requests need not (OpenAPI 3.1 §4.8.24.4).
  const properties = schema['properties'];
  const isReadOnly = (name: string): boolean => {
    const one = isJsonObject(properties) ? properties[name] : undefined;
    return isJsonObject(one) && one['readOnly'] === true;
  };
  const wanted = (names as readonly string[]).filter((name) => !isReadOnly(name));
  const check: Check = (value, walk) => {
    if (!isJsonObject(value)) return true;
    return wanted.every((name) => Object.hasOwn(value, name)) || miss(walk, 'required');
  };
  return check;
};

export const assertions: Readonly<Record<string, Keyword>> = {
  type,
  enum: enumeration,
  const: constant,
  multipleOf,
  maximum: number('maximum', (value, bound) => value <= bound),
  exclusiveMaximum: number('exclusiveMaximum', (value, bound) => value < bound),
  minimum: number('minimum', (value, bound) => value >= bound),
  exclusiveMinimum: number('exclusiveMinimum', (value, bound) => value > bound),
  maxLength: count('maxLength', charsOf, most),
  minLength: count('minLength', charsOf, least),
  maxItems: count('maxItems', itemsOf, most),
  minItems: count('minItems', itemsOf, least),
  maxProperties: count('maxProperties', membersOf, most),
  minProperties: count('minProperties', membersOf, least),
  pattern,
  uniqueItems,
  required,
};
