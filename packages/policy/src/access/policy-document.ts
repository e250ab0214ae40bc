/**
 * A policy as people write it, in a file or to the management API: Cedar, what it is for, the
 * entities that it knows, and the tests beside it. One reader for the command, which checks without
 * a server, and for the server, which takes nothing that this refuses.
 */
import {
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  ok,
  type PolicyUse,
  type PolicyVersionView,
  pointerToken,
  policyUses,
  type Result,
  suggest,
} from '@mintmark/core';
import type { PolicySet } from '../ast.ts';
import { isTypeName } from '../entity-uid.ts';
import { parsePolicies } from '../parse-policies.ts';
import { parseSchema } from '../parse-schema.ts';
import { validate } from '../validate.ts';
import { parseEntities } from '../value-json.ts';
import { type PolicyTest, readTests } from './policy-test.ts';

export interface PolicyDocument {
  readonly uses: readonly PolicyUse[];
  readonly routes: readonly string[] | undefined;
  readonly resourceTypes: readonly string[] | undefined;
  readonly cedar: string;
  /** Cedar's schema in its own language. */
  readonly schema: string | undefined;
  readonly entities: readonly JsonObject[];
  readonly tests: readonly PolicyTest[];
}

/** One thing wrong, at an RFC 6901 pointer into the document; in Cedar text with its place. */
export interface DocumentError {
  readonly pointer: string;
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
}

/** Members that make up a document; others are of whoever carries it. */
export const documentMembers = [
  'uses',
  'routes',
  'resource_types',
  'cedar',
  'schema',
  'entities',
  'tests',
] as const;

/**
 * Reads a document and everything in it: Cedar by its grammar and, where there is a schema, by its
 * types; entities; tests. Tests are not run.
 *
 * @returns the document with defaults filled in, and its parsed policies; refusal: all that is
 *   wrong, at least one
 */
export function readPolicyDocument(
  value: JsonValue,
): Result<{ readonly document: PolicyDocument; readonly policies: PolicySet }, DocumentError[]> {
  if (!isJsonObject(value)) return err([{ pointer: '', message: 'is not an object' }]);
  const errors: DocumentError[] = unknownMembers(value);
  const uses = readList(value, 'uses', { errors, allows: isUse, rule: usesRule }) ?? ['gateway'];
  const routes = readList(value, 'routes', { errors, allows: isName, rule: 'names of routes' });
  const resourceTypes = readList(value, 'resource_types', {
    ...{ errors, allows: isTypeName, rule: 'types of entities' },
  });
  const { cedar, schema } = value;
  if (typeof cedar !== 'string') errors.push({ pointer: '/cedar', message: 'is missing' });
  if (schema !== undefined && typeof schema !== 'string') {
    errors.push({ pointer: '/schema', message: 'is text in the language of Cedar schemas' });
  }
  const entities = readEntities(value['entities'], errors);
  const tests = readTests(value['tests'], errors);
  if (JSON.stringify(value).length > limits.policyDocumentCharsMax) {
    const message = `is longer than ${limits.policyDocumentCharsMax} characters`;
    return err([{ pointer: '', message }]);
  }
  if (typeof cedar !== 'string') return err(errors);
  const policies = readCedar(cedar, typeof schema === 'string' ? schema : undefined, errors);
  if (policies === undefined || errors.length > 0) return err(errors);
  const document: PolicyDocument = {
    uses: uses as readonly PolicyUse[],
    ...{ routes, resourceTypes, cedar, entities, tests },
    schema: schema as string | undefined,
  };
  return ok({ document, policies });
}

/** The part of a document that is judged by, as it is carried to enforcement points. */
export function versionViewOf(document: JsonObject, version: number): PolicyVersionView {
  const { uses = ['gateway'], routes, resource_types: types, cedar, entities = [] } = document;
  const view = {
    ...{ version, uses, cedar, entities: (entities as readonly JsonValue[]).map(whole) },
    ...(routes === undefined ? {} : { routes }),
    ...(types === undefined ? {} : { resourceTypes: types }),
  };
  // It was read before it was kept.
  return view as unknown as PolicyVersionView;
}

/** Cedar wants all members of an entity; people leave out what is empty. */
function whole(entity: JsonValue): JsonValue {
  return isJsonObject(entity) ? { attrs: {}, parents: [], ...entity } : entity;
}

function unknownMembers(value: JsonObject): DocumentError[] {
  const known: readonly string[] = documentMembers;
  return Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name) => {
      const near = suggest(name, known);
      const message = near === undefined ? 'is unknown' : `is unknown; did you mean ${near}?`;
      return { pointer: `/${pointerToken(name)}`, message };
    });
}

const usesRule = policyUses.join(', ');

function isUse(text: string): boolean {
  return (policyUses as readonly string[]).includes(text);
}

function isName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text);
}

function readList(
  value: JsonObject,
  name: string,
  input: {
    readonly errors: DocumentError[];
    readonly allows: (text: string) => boolean;
    readonly rule: string;
  },
): readonly string[] | undefined {
  const list = value[name];
  if (list === undefined) return undefined;
  const isGood =
    Array.isArray(list) &&
    list.length > 0 &&
    list.length <= limits.routesMax &&
    list.every((one) => typeof one === 'string' && input.allows(one));
  if (isGood) return [...new Set(list as string[])];
  input.errors.push({
    pointer: `/${name}`,
    message: `is a list of at least one of: ${input.rule}`,
  });
  return undefined;
}

function readEntities(
  value: JsonValue | undefined,
  errors: DocumentError[],
): readonly JsonObject[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > limits.policyEntitiesMax) {
    const message = `is a list of at most ${limits.policyEntitiesMax} entities`;
    errors.push({ pointer: '/entities', message });
    return [];
  }
  const parsed = parseEntities(value.map(whole));
  if (parsed.ok) return value as readonly JsonObject[];
  const { refusal } = parsed;
  const message =
    refusal.reason === 'malformed'
      ? `at ${refusal.path}: ${refusal.message}`
      : `${refusal.reason}: ${refusal.entity}`;
  errors.push({ pointer: '/entities', message });
  return [];
}

function readCedar(
  cedar: string,
  schemaText: string | undefined,
  errors: DocumentError[],
): PolicySet | undefined {
  const parsed = parsePolicies(cedar);
  if (!parsed.ok) {
    for (const { message, position } of parsed.refusal) {
      errors.push(placed('/cedar', message, position));
    }
    return undefined;
  }
  if (schemaText === undefined) return parsed.value;
  const schema = parseSchema(schemaText);
  if (!schema.ok) {
    const { message, position } = schema.refusal;
    errors.push(
      position === null ? { pointer: '/schema', message } : placed('/schema', message, position),
    );
    return undefined;
  }
  for (const { message, position } of validate(parsed.value, schema.value).errors) {
    errors.push(placed('/cedar', message, position));
  }
  return parsed.value;
}

function placed(
  pointer: string,
  message: string,
  { line, column }: { readonly line: number; readonly column: number },
): DocumentError {
  return { pointer, message: `line ${line}, column ${column}: ${message}`, line, column };
}
