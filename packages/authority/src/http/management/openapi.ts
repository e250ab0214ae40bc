/**
 * The OpenAPI 3.1 description, made from the endpoints that serve. Every status that an endpoint
 * can answer stands in it and there is no `default`, so that an answer outside the description is a
 * defect that a tool can find.
 */
import { z } from 'zod';
import type { PreparedEndpoint } from './endpoint.ts';
import { type ProblemCode, problems } from './problem.ts';

type Json = Readonly<Record<string, unknown>>;

export interface OpenApiInput {
  readonly endpoints: readonly PreparedEndpoint[];
  readonly version: string;
  /** Base URL of the API as its users see it. */
  readonly server: string;
}

/** @returns the description as a JSON value */
export function describeApi(input: OpenApiInput): Json {
  const schemas = createSchemas();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const endpoint of input.endpoints) {
    if (endpoint.hidden === true) continue;
    paths[endpoint.path] = {
      ...paths[endpoint.path],
      [endpoint.method.toLowerCase()]: operationOf(endpoint, schemas),
    };
  }
  const groups = new Set(input.endpoints.filter((e) => e.hidden !== true).map((e) => e.group));
  return {
    openapi: '3.1.0',
    info: { title: 'Mintmark management API', version: input.version, description: introduction },
    servers: [{ url: input.server }],
    security: [{ admin: [] }],
    tags: [...groups].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        admin: {
          type: 'http',
          scheme: 'bearer',
          description: 'An admin key, or an access token whose audience is this API',
        },
      },
      responses: problemResponses(),
      schemas: { Problem: problemSchema, ...schemas.named },
    },
  };
}

const introduction = [
  'Times are RFC 3339, durations whole seconds with the unit in the name.',
  'Lists take `limit` and `cursor` and answer `{items, next}`; `next` is null on the last page.',
  'Errors are RFC 9457 problem documents with a stable `code`.',
  'Every POST that creates takes `Idempotency-Key`: a repetition within 24 hours answers with the',
  'same thing, without its secret and with `secret_already_shown: true`.',
  'What can be edited has an `ETag`; an edit needs it back in `If-Match`.',
].join(' ');

/** Collects named schemas while endpoints are described. */
interface Schemas {
  readonly named: Record<string, unknown>;
  describe(schema: z.ZodType, io: 'input' | 'output'): Json;
}

function createSchemas(): Schemas {
  const named: Record<string, unknown> = {};
  return {
    named,
    describe(schema, io) {
      const described = z.toJSONSchema(schema, {
        io,
        target: 'draft-2020-12',
        unrepresentable: 'any',
        override: ({ zodSchema, jsonSchema }) => {
          const wire = z.globalRegistry.get(zodSchema)?.['wire'];
          if (wire !== undefined) replaceMembers(jsonSchema, wire as Json);
        },
      });
      const { $schema: _, $defs, ...own } = described as Record<string, unknown>;
      const definitions = ($defs ?? {}) as Record<string, unknown>;
      for (const [name, definition] of Object.entries(definitions)) {
        named[name] = relocate(definition);
      }
      return relocate(own) as Json;
    },
  };
}

function replaceMembers(target: object, members: Json): void {
  for (const name of Object.keys(target)) Reflect.deleteProperty(target, name);
  Object.assign(target, members);
}

/** References into `$defs` become references into `components/schemas`. */
function relocate(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, member: unknown) => {
      if (key !== '$ref' || typeof member !== 'string') return member;
      return member.replace('#/$defs/', '#/components/schemas/');
    }),
  );
}

function operationOf(endpoint: PreparedEndpoint, schemas: Schemas): Json {
  return {
    operationId: endpoint.operation,
    tags: [endpoint.group],
    summary: endpoint.summary,
    description: descriptionOf(endpoint),
    parameters: [
      ...parametersIn('path', endpoint.params, schemas),
      ...parametersIn('query', endpoint.query, schemas),
      ...headersOf(endpoint),
    ],
    ...(endpoint.body === undefined
      ? {}
      : {
          requestBody: {
            required: endpoint.bodyOptional !== true,
            content: { 'application/json': { schema: schemas.describe(endpoint.body, 'input') } },
          },
        }),
    responses: { ...answersOf(endpoint, schemas), ...refusalsOf(endpoint) },
    ...(endpoint.permission === undefined ? { security: [] } : {}),
  };
}

function descriptionOf(endpoint: PreparedEndpoint): string {
  const permission = endpoint.permission;
  const needs = permission === undefined ? '' : `Needs the permission \`${permission}\`.`;
  return [endpoint.description, needs].filter((part) => part).join('\n\n');
}

function parametersIn(
  where: 'path' | 'query',
  schema: z.ZodObject | undefined,
  schemas: Schemas,
): readonly Json[] {
  return Object.entries(schema?.shape ?? {}).map(([name, field]) => ({
    name,
    in: where,
    required: where === 'path' || !(field as z.ZodType).safeParse(undefined).success,
    schema: schemas.describe(field as z.ZodType, 'input'),
  }));
}

function headersOf(endpoint: PreparedEndpoint): readonly Json[] {
  const headers: Json[] = [];
  if (endpoint.creates === true) {
    headers.push({
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      description: 'Any fresh text; a repetition with the same one does nothing twice',
      schema: { type: 'string', pattern: '^[!#-~]{1,255}$' },
    });
  }
  if (endpoint.edits !== undefined) {
    headers.push({
      name: 'If-Match',
      in: 'header',
      required: endpoint.edits === 'always',
      description: 'The ETag last seen, or `*` for whatever there is',
      schema: { type: 'string', pattern: '^(?:\\*|"[1-9][0-9]{0,14}")$' },
    });
  }
  return headers;
}

function answersOf(endpoint: PreparedEndpoint, schemas: Schemas): Record<string, unknown> {
  const answers: Record<string, unknown> = {};
  for (const [status, { description, schema, contentType }] of Object.entries(endpoint.answers)) {
    const described = schema === undefined ? undefined : schemas.describe(schema, 'output');
    const type = contentType ?? (described && 'application/json');
    answers[status] = {
      description,
      ...(type === undefined ? {} : { content: { [type]: { schema: described ?? {} } } }),
    };
  }
  return answers;
}

/** Every problem that the endpoint can answer, from what it takes and what it declares. */
export function problemsOf(endpoint: PreparedEndpoint): readonly ProblemCode[] {
  const codes = new Set<ProblemCode>(['invalid_request', 'not_acceptable', 'internal_error']);
  const add = (...more: readonly ProblemCode[]): void => {
    for (const code of more) codes.add(code);
  };
  add('overloaded', 'unavailable', ...(endpoint.problems ?? []));
  if (endpoint.permission !== undefined) {
    add('unauthenticated', 'insufficient_permission', 'too_many_failures');
  }
  if (endpoint.params !== undefined) add('not_found');
  if (endpoint.paged === true) add('invalid_cursor');
  if (endpoint.body !== undefined) {
    add('invalid_json', 'invalid_body', 'body_too_large', 'unsupported_media_type');
  }
  if (endpoint.creates === true) add('idempotency_key_reused', 'conflict');
  if (endpoint.edits !== undefined) add('if_match_required', 'version_mismatch', 'conflict');
  return [...codes];
}

function refusalsOf(endpoint: PreparedEndpoint): Record<string, unknown> {
  const statuses = new Set(problemsOf(endpoint).map((code) => problems[code].status));
  const refusals: Record<string, unknown> = {};
  for (const status of [...statuses].sort()) {
    refusals[status] = { $ref: `#/components/responses/Problem${status}` };
  }
  refusals[listenerStatus] = { $ref: `#/components/responses/Problem${listenerStatus}` };
  return refusals;
}

/** What the listener refuses before it knows of any endpoint. */
const listenerStatus = 431;

function problemResponses(): Json {
  const content = {
    'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
  };
  const responses: Record<string, unknown> = {
    [`Problem${listenerStatus}`]: {
      description: 'The request line or the headers are too large',
      content,
    },
  };
  for (const status of new Set(Object.values(problems).map((problem) => problem.status))) {
    const codes = Object.entries(problems).filter(([, problem]) => problem.status === status);
    responses[`Problem${status}`] = {
      description: codes.map(([code, { title }]) => `\`${code}\`: ${title}`).join('. '),
      content,
    };
  }
  return responses;
}

const problemSchema: Json = {
  type: 'object',
  required: ['type', 'title', 'status', 'code'],
  additionalProperties: false,
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', description: 'Stable; /docs lists them' },
    detail: { type: 'string' },
    request_id: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'message'],
        additionalProperties: false,
        properties: { pointer: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
};
