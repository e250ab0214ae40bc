/**
 * From an OpenAPI description to what gateways check requests by: parameters, bodies and schemas.
 * Version 3.0 is read into what 3.1 says, so that one form is kept and carried.
 */
import {
  type BodyView,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  type ParameterView,
  pointerToken,
  type RequestView,
} from '@mintmark/core';
import { schemaPrefix } from './schema.ts';
import { Malformed } from './walk.ts';

/** What stands where in a description. */
interface At {
  readonly document: JsonObject;
  readonly is30: boolean;
}

export function describedAt(document: JsonObject): At {
  const version = document['openapi'];
  if (typeof version !== 'string' || !/^3\.[01]\./.test(version)) {
    throw new Malformed('/openapi', 'requests are checked by OpenAPI 3.0 or 3.1');
  }
  return { document, is30: version.startsWith('3.0.') };
}

/** The named schemas of a description. @throws Malformed */
export function readSchemas({ document, is30 }: At): JsonObject {
  const components = document['components'];
  const schemas = isJsonObject(components) ? components['schemas'] : undefined;
  if (schemas === undefined) return {};
  if (!isJsonObject(schemas)) throw new Malformed('/components/schemas', 'is not an object');
  if (JSON.stringify(schemas).length > limits.apiSchemasCharsMax) {
    throw new Malformed('/components/schemas', 'is too much altogether');
  }
  if (!is30) return schemas;
  return mapped(schemas, (schema, name) => {
    return of31(schema, `/components/schemas/${pointerToken(name)}`);
  });
}

/**
 * What a request of one operation holds.
 *
 * @param shared parameters of its path
 * @throws Malformed
 */
export function readRequest(
  at: At,
  input: {
    readonly operation: JsonObject;
    readonly shared: JsonValue | undefined;
    readonly pointer: string;
  },
): RequestView {
  const { operation, shared, pointer } = input;
  const found = new Map<string, ParameterView>();
  for (const list of [shared, operation['parameters']]) {
    if (list === undefined) continue;
    const where = `${pointer}/parameters`;
    if (!Array.isArray(list) || list.length > limits.operationParametersMax) {
      throw new Malformed(where, `is a list of at most ${limits.operationParametersMax}`);
    }
    for (const [index, one] of list.entries()) {
      const parameter = readParameter(at, one, `${where}/${index}`);
      // Its own go before those of the path (OpenAPI 3.1 §4.8.10).
      if (parameter !== undefined) found.set(`${parameter.in} ${parameter.name}`, parameter);
    }
  }
  const body = operation['requestBody'];
  const parameters = [...found.values()];
  if (body === undefined) return { parameters };
  return { parameters, body: readBody(at, body, `${pointer}/requestBody`) };
}

/** Said elsewhere, whatever a description says of them (OpenAPI 3.1 §4.8.12.1). */
const ignoredHeaders = new Set(['accept', 'content-type', 'authorization']);

function readParameter(at: At, value: JsonValue, pointer: string): ParameterView | undefined {
  const parameter = componentOf(at, value, 'parameters', pointer);
  const { name, in: place, required = false } = parameter;
  const isPlace = place === 'path' || place === 'query' || place === 'header' || place === 'cookie';
  if (typeof name !== 'string' || name === '' || !isPlace || typeof required !== 'boolean') {
    throw new Malformed(pointer, 'has a name, a place and whether it is required');
  }
  if (place === 'header' && ignoredHeaders.has(name.toLowerCase())) return undefined;
  const said = { name, in: place, required: place === 'path' || required } as const;
  const { content } = parameter;
  if (content !== undefined) {
    const [type, ...others] = isJsonObject(content) ? Object.entries(content) : [];
    const isJson = type !== undefined && others.length === 0 && type[0] === 'application/json';
    if (!isJson || !isJsonObject(type[1])) {
      throw new Malformed(`${pointer}/content`, 'is application/json alone');
    }
    const schema = schemaOf(at, type[1]['schema'] ?? true, `${pointer}/content`);
    return { ...said, style: 'json', schema };
  }
  const schema = schemaOf(at, parameter['schema'] ?? true, `${pointer}/schema`);
  return { ...said, style: styleOf(parameter, place, pointer), schema };
}

function styleOf(
  parameter: JsonObject,
  place: ParameterView['in'],
  pointer: string,
): ParameterView['style'] {
  const usual = place === 'query' || place === 'cookie' ? 'form' : 'simple';
  const { style = usual, explode = style === 'form' } = parameter;
  switch (style) {
    case 'form':
      return explode === true ? 'repeated' : 'commas';
    case 'simple':
      return 'commas';
    case 'spaceDelimited':
      return explode === true ? 'repeated' : 'spaces';
    case 'pipeDelimited':
      return explode === true ? 'repeated' : 'pipes';
    case 'deepObject':
      return 'members';
    default:
      throw new Malformed(`${pointer}/style`, 'is not understood');
  }
}

function readBody(at: At, value: JsonValue, pointer: string): BodyView {
  const body = componentOf(at, value, 'requestBodies', pointer);
  const { content, required = false } = body;
  if (!isJsonObject(content)) throw new Malformed(`${pointer}/content`, 'is not an object');
  const read = mapped(content, (media, type) => {
    const where = `${pointer}/content/${pointerToken(type)}`;
    if (!isJsonObject(media)) throw new Malformed(where, 'is not an object');
    const isJudged = /^(?:\*\/\*|application\/(?:\*|(?:.*\+)?json|x-www-form-urlencoded))$/i.test(
      type,
    );
    const { schema } = media;
    return schema === undefined || !isJudged ? true : schemaOf(at, schema, `${where}/schema`);
  });
  return { required: required === true, content: read };
}

function schemaOf({ is30 }: At, schema: JsonValue, pointer: string): JsonValue {
  return is30 ? of31(schema, pointer) : schema;
}

/** A parameter or a body, in place or by a reference within the document. */
function componentOf(
  { document }: At,
  value: JsonValue,
  kind: 'parameters' | 'requestBodies',
  pointer: string,
): JsonObject {
  const reference = isJsonObject(value) ? value['$ref'] : undefined;
  const components = document['components'];
  const named = isJsonObject(components) ? components[kind] : undefined;
  const prefix = `#/components/${kind}/`;
  const isNamed = typeof reference === 'string' && reference.startsWith(prefix);
  const name = isNamed ? reference.slice(prefix.length) : '';
  const found =
    reference === undefined
      ? value
      : isJsonObject(named) && Object.hasOwn(named, name)
        ? named[name]
        : undefined;
  if (isJsonObject(found) && found['$ref'] === undefined) return found;
  throw new Malformed(pointer, `is an object, or a reference to ${prefix}NAME`);
}

function mapped(
  object: JsonObject,
  change: (value: JsonValue, name: string) => JsonValue,
): JsonObject {
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => [name, change(value, name)]),
  );
}

const holdSchemas = new Set(['properties', 'patternProperties']);
const listSchemas = new Set(['allOf', 'anyOf', 'oneOf']);
const areSchemas = new Set(['items', 'not', 'additionalProperties']);

/** `nullable` and limits that are exclusive by a flag (OpenAPI 3.0 §4.7.24). */
function of31(schema: JsonValue, pointer: string): JsonValue {
  if (pointer.length > limits.schemaPointerCharsMax) throw new Malformed('', 'nests too deep');
  if (!isJsonObject(schema)) return schema;
  // There, nothing beside a reference counts.
  if (typeof schema['$ref'] === 'string' && schema['$ref'].startsWith(schemaPrefix)) {
    return { $ref: schema['$ref'] };
  }
  const out: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(schema)) {
    const inner = `${pointer}/${pointerToken(name)}`;
    const change = (one: JsonValue, key: string | number) => {
      return of31(one, `${inner}/${pointerToken(String(key))}`);
    };
    if (name === 'nullable') continue;
    if (holdSchemas.has(name) && isJsonObject(value)) out[name] = mapped(value, change);
    else if (listSchemas.has(name) && Array.isArray(value)) out[name] = value.map(change);
    else if (areSchemas.has(name)) out[name] = of31(value, inner);
    else out[name] = value;
  }
  for (const [flag, bound] of [
    ['exclusiveMaximum', 'maximum'],
    ['exclusiveMinimum', 'minimum'],
  ] as const) {
    if (typeof out[flag] !== 'boolean') continue;
    const isExclusive = out[flag];
    delete out[flag];
    if (!isExclusive || out[bound] === undefined) continue;
    out[flag] = out[bound];
    delete out[bound];
  }
  return schema['nullable'] === true ? orNull(out) : out;
}

function orNull(schema: Readonly<Record<string, JsonValue>>): JsonValue {
  const { type } = schema;
  const isListed = Array.isArray(schema['enum']) && !schema['enum'].includes(null);
  if (typeof type !== 'string') return { anyOf: [{ type: 'null' }, schema] };
  return {
    ...schema,
    type: [type, 'null'],
    ...(isListed ? { enum: [...(schema['enum'] as readonly JsonValue[]), null] } : {}),
  };
}
