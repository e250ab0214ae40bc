import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { endpoint } from './endpoint.ts';
import { describeApi } from './openapi.ts';
import { moment, momentOut, pageOf } from './wire-schema.ts';

const thing = z.strictObject({ id: z.string(), made_at: momentOut }).meta({ id: 'Thing' });
const described = plain(
  describeApi({
    version: '1.2.3',
    server: 'https://auth.example',
    endpoints: [
      endpoint({
        method: 'POST',
        path: '/v1/things/{id}',
        operation: 'editThing',
        group: 'things',
        summary: 'Edits a thing',
        permission: 'keys:write',
        params: z.strictObject({ id: z.string() }),
        query: z.strictObject({ force: z.enum(['yes']).optional() }),
        body: z.strictObject({ until: moment.optional() }),
        creates: true,
        edits: 'always',
        answers: { 200: { description: 'The thing.', schema: thing } },
        problems: ['wrong_state'],
        handle: () => ({ ok: true, value: { status: 200 } }),
      }),
      endpoint({
        method: 'GET',
        path: '/v1/things',
        operation: 'listThings',
        group: 'things',
        summary: 'Lists things',
        permission: undefined,
        paged: true,
        answers: { 200: { description: 'A page.', schema: pageOf(thing) } },
        handle: () => ({ ok: true, value: { status: 200 } }),
      }),
      endpoint({
        method: 'GET',
        path: '/docs',
        operation: 'docs',
        group: 'docs',
        summary: 'Not described',
        permission: undefined,
        hidden: true,
        answers: { 200: { description: 'A page.' } },
        handle: () => ({ ok: true, value: { status: 200 } }),
      }),
    ],
  }),
);

const edit = (): Operation => described.paths['/v1/things/{id}']!['post']!;
const list = (): Operation => described.paths['/v1/things']!['get']!;

describe('describeApi', () => {
  it('describes every endpoint but hidden ones', () => {
    expect(Object.keys(described.paths)).toEqual(['/v1/things/{id}', '/v1/things']);
    expect(described.openapi).toBe('3.1.0');
  });

  it('lists every status that the endpoint can answer, and no default', () => {
    expect(Object.keys(edit().responses)).toEqual(
      '200 400 401 403 404 406 409 412 413 415 422 428 429 431 500 503'.split(' '),
    );
    expect(Object.keys(list().responses)).toEqual('200 400 406 431 500 503'.split(' '));
    expect(list().security).toEqual([]);
    expect(JSON.stringify(described)).not.toContain('"default"');
  });

  it('describes parameters, headers and paging', () => {
    const names = (operation: Operation) =>
      operation.parameters.map((each) => `${each.in} ${each.name}${each.required ? '!' : ''}`);
    expect(names(edit())).toEqual([
      'path id!',
      'query force',
      'header Idempotency-Key',
      'header If-Match!',
    ]);
    expect(names(list())).toEqual(['query limit', 'query cursor']);
  });

  it('puts named schemas among the components and refers to them', () => {
    const answer = list().responses['200'];
    expect(answer?.content['application/json']?.schema.properties['items']).toEqual({
      type: 'array',
      items: { $ref: '#/components/schemas/Thing' },
    });
    expect(described.components.schemas['Thing']?.properties['made_at']).toEqual({
      type: 'string',
      format: 'date-time',
    });
    expect(JSON.stringify(described)).not.toContain('$defs');
  });

  it('describes what a parser converts by its form on the wire', () => {
    const body = edit().requestBody;
    expect(body.required).toBe(true);
    expect(body.content['application/json']?.schema.properties['until']).toEqual({
      type: 'string',
      format: 'date-time',
    });
  });
});

interface Described {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { properties: Record<string, unknown> }> };
}

interface Operation {
  parameters: { name: string; in: string; required: boolean }[];
  responses: Record<string, { content: Content }>;
  requestBody: { required: boolean; content: Content };
  security?: unknown;
}

type Content = Record<string, { schema: { properties: Record<string, unknown> } }>;

/** Only for reading in assertions: what is missing fails there. */
function plain(description: unknown): Described {
  return JSON.parse(JSON.stringify(description));
}
