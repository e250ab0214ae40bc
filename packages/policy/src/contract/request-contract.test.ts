import type { JsonValue } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { parseApi } from '../access/api-view.ts';
import { readOpenApi } from '../access/openapi.ts';
import { openContracts } from './request-contract.ts';
import { schemaPrefix } from './schema.ts';

/** The contract of one operation, by its parameters and its body. */
function contractOf(operation: Record<string, JsonValue>, more: Record<string, JsonValue> = {}) {
  const paths = { '/a/{id}': { post: { operationId: 'a', ...operation } } };
  const read = readOpenApi({ openapi: '3.1.0', paths, ...more }, { requests: true });
  if (!read.ok) return read.refusal;
  const { basePath, ...rest } = read.value;
  // As it is carried: what the wire form cannot say would be lost here.
  const wire = parseApi(JSON.parse(JSON.stringify({ base_path: basePath, ...rest })));
  if (!wire.ok) throw new Error(wire.refusal.pointer + wire.refusal.message);
  return openContracts(wire.value)('a')!;
}

function judge(parameter: Record<string, JsonValue>, query: string): string[] {
  const contract = contractOf({ parameters: [{ in: 'query', name: 'q', ...parameter }] });
  if (!('judgeHead' in contract)) return [`${contract.pointer} ${contract.message}`];
  const head = { path: { id: '1' }, query, header: () => undefined };
  return contract.judgeHead(head).map((one) => `${one.in}${one.pointer} ${one.rule}`);
}

const numbers = { type: 'array', items: { type: 'integer' }, maxItems: 2 };
const range = {
  type: 'object',
  properties: { min: { type: 'integer' } },
  additionalProperties: false,
};

describe('parameters of a request', () => {
  it.each<[Record<string, JsonValue>, string, string[]]>([
    [{ schema: numbers }, 'q=1&q=2', []],
    [{ schema: numbers }, 'q=1', []],
    [{ schema: numbers }, 'q=1&q=x', ['query/q/1 type']],
    [{ schema: numbers, explode: false }, 'q=1,2', []],
    [{ schema: numbers, explode: false }, 'q=1,2,3', ['query/q maxItems']],
    [{ schema: numbers, style: 'spaceDelimited', explode: false }, 'q=1%202', []],
    [{ schema: numbers, style: 'pipeDelimited', explode: false }, 'q=1|x', ['query/q/1 type']],
    [{ schema: { type: 'string' } }, 'q=a&q=b', ['query/q type']],
    [{ schema: { type: 'string' } }, 'q=a,b', []],
    [{ schema: { type: 'string', maxLength: 3 }, explode: false }, 'q=a,b', []],
    [{ schema: range, style: 'deepObject' }, 'q[min]=5&other=1', []],
    [
      { schema: range, style: 'deepObject' },
      'q[min]=x&q[max]=1',
      ['query/q/min type', 'query/q/max additionalProperties'],
    ],
    [{ schema: range, style: 'deepObject' }, 'q[a][b]=1', ['query/q members']],
    [{ content: { 'application/json': { schema: range } } }, 'q={"min":1}', []],
    [{ content: { 'application/json': { schema: range } } }, 'q={"min":"1"}', ['query/q/min type']],
    [{ content: { 'application/json': { schema: range } } }, 'q={', ['query/q json']],
    [{ required: true }, 'p=1', ['query/q required']],
    [{ required: true }, '', ['query/q required']],
    [{ schema: { type: 'boolean' } }, 'q=true', []],
    [{ schema: { type: 'null' } }, 'q=null', []],
    [{ schema: { type: 'integer', minimum: 2 } }, 'q=1', ['query/q minimum']],
    [{ schema: { type: 'integer' } }, 'q=1e2', []],
    [{ schema: { type: 'integer' } }, 'q=+1', ['query/q type']],
    [{ schema: true }, `${'q=1&'.repeat(1_001)}`, ['query/q too_many']],
    [{ style: 'matrix' }, '', ['/paths/~1a~1{id}/post/parameters/0/style is not understood']],
    [
      { in: 'body' },
      '',
      ['/paths/~1a~1{id}/post/parameters/0 has a name, a place and whether it is required'],
    ],
    [
      { content: { 'text/xml': {} } },
      '',
      ['/paths/~1a~1{id}/post/parameters/0/content is application/json alone'],
    ],
    [
      { schema: { $ref: 'other.yaml' } },
      '',
      [
        [
          '/operations/0/request/parameters/0/schema/$ref',
          `is no reference to ${schemaPrefix}NAME of this description`,
        ].join(' '),
      ],
    ],
  ])('%j of %s', (parameter, query, misfits) => {
    expect(judge(parameter, query)).toEqual(misfits);
  });

  it('of an operation go before those of its path, and may be named', () => {
    const read = readOpenApi(
      {
        openapi: '3.1.0',
        paths: {
          '/a': {
            parameters: [{ $ref: '#/components/parameters/Q' }, { in: 'header', name: 'Accept' }],
            get: { parameters: [{ in: 'query', name: 'q', schema: { type: 'integer' } }] },
          },
        },
        components: { parameters: { Q: { in: 'query', name: 'q', schema: { type: 'string' } } } },
      },
      { requests: true },
    );
    expect(read).toMatchObject({
      value: {
        operations: [{ request: { parameters: [{ name: 'q', schema: { type: 'integer' } }] } }],
      },
    });
  });
});

describe('the body of a request', () => {
  const schema = { type: 'object', required: ['a'] };
  function planOf(content: Record<string, JsonValue>, mediaType: string): string {
    const contract = contractOf({ requestBody: { content } });
    if (!('planBody' in contract)) return contract.message;
    const plan = contract.planBody({ mediaType });
    return plan.kind === 'misfit' ? plan.misfit.rule : plan.kind;
  }

  it.each([
    [{ 'application/json': { schema } }, 'application/json; charset=utf-8', 'judge'],
    [{ 'text/plain': { schema: { type: 'string' } } }, 'text/plain', 'pass'],
    [{ 'application/json': { schema } }, 'text/plain', 'media_type'],
    [{ '*/*': { schema } }, 'application/json', 'judge'],
    [{ '*/*': { schema } }, 'text/plain', 'media_type'],
    [{ 'application/*': { schema } }, 'application/octet-stream', 'media_type'],
    [{ '*/*': {} }, 'text/plain', 'pass'],
  ])('of %j, sent as %s, is %s', (content, type, expected) => {
    expect(planOf(content, type)).toBe(expected);
  });
});

describe('an OpenAPI 3.0 description', () => {
  it('is read into what 3.1 says', () => {
    const schemas = {
      A: { type: 'string', nullable: true, enum: ['a'] },
      B: { $ref: '#/components/schemas/A', description: 'x', maxLenght: 1 },
      C: { maximum: 5, exclusiveMaximum: true, minimum: 1, exclusiveMinimum: false },
      D: { properties: { a: { allOf: [{ nullable: true, oneOf: [{ type: 'string' }] }] } } },
    };
    const read = readOpenApi(
      { openapi: '3.0.3', paths: {}, components: { schemas } },
      { requests: true },
    );
    expect(read).toMatchObject({
      value: {
        schemas: {
          A: { type: ['string', 'null'], enum: ['a', null] },
          B: { $ref: '#/components/schemas/A' },
          C: { exclusiveMaximum: 5, minimum: 1 },
          D: {
            properties: {
              a: { allOf: [{ anyOf: [{ type: 'null' }, { oneOf: [{ type: 'string' }] }] }] },
            },
          },
        },
      },
    });
  });

  it.each([
    [{ swagger: '2.0', paths: {} }, '/openapi'],
    [{ openapi: '4.0.0', paths: {} }, '/openapi'],
    [
      { openapi: '3.1.0', paths: { '/a': { get: { parameters: {} } } } },
      '/paths/~1a/get/parameters',
    ],
    [
      { openapi: '3.1.0', paths: { '/a': { put: { requestBody: {} } } } },
      '/paths/~1a/put/requestBody/content',
    ],
    [
      { openapi: '3.1.0', paths: { '/a': { put: { requestBody: { $ref: '#/x' } } } } },
      '/paths/~1a/put/requestBody',
    ],
    [{ openapi: '3.1.0', paths: {}, components: { schemas: [] } }, '/components/schemas'],
    [
      {
        openapi: '3.1.0',
        paths: {},
        components: { schemas: { A: { const: 'x'.repeat(600_000) } } },
      },
      '/components/schemas',
    ],
  ] as [JsonValue, string][])('%# is refused at its place', (document, pointer) => {
    expect(readOpenApi(document, { requests: true })).toMatchObject({ refusal: { pointer } });
  });

  it('is still read for its operations alone', () => {
    expect(readOpenApi({ swagger: '2.0', paths: {} }).ok).toBe(true);
  });
});

it.each([
  [{ request: 1 }, 'request is not an object'],
  [{ request: { parameters: 1 } }, 'request.parameters is a list'],
  [{ request: { parameters: [{ name: 'a' }] } }, 'a parameter has name'],
  [{ request: { parameters: [], body: {} } }, 'request.body has required'],
])('the wire form %j is refused', (more, message) => {
  const parsed = parseApi({ operations: [{ operation: 'a', method: 'GET', path: '/', ...more }] });
  expect(JSON.stringify(parsed)).toContain(message);
});

it.each([
  [{ operations: [], schemas: [] }, '/schemas'],
  [
    {
      operations: [
        {
          ...{ operation: 'a', method: 'GET', path: '/' },
          request: { parameters: [], body: { required: true, content: { 'a/b': { tpye: 1 } } } },
        },
      ],
    },
    '/operations/0/request/body/content/a~1b/tpye',
  ],
] as [JsonValue, string][])('the wire form %j is refused at %s', (wire, pointer) => {
  expect(parseApi(wire)).toMatchObject({ refusal: { pointer } });
});
