import { request } from 'node:http';
import type { ApiView, JsonValue } from '@mintmark/core';
import { readOpenApi } from '@mintmark/policy';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';

const description = {
  openapi: '3.1.0',
  paths: {
    '/pets/{id}': {
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' } }],
      get: {
        operationId: 'showPet',
        parameters: [
          { name: 'fields', in: 'query', schema: { type: 'array', items: { enum: ['a', 'b'] } } },
          { name: 'X-Trace', in: 'header', schema: { type: 'string', maxLength: 4 } },
          { name: 'mode', in: 'cookie', schema: { enum: ['dark'] } },
        ],
      },
      put: {
        operationId: 'writePet',
        requestBody: {
          required: true,
          content: {
            'application/json': { schema: { $ref: '#/components/schemas/Pet' } },
            'application/x-www-form-urlencoded': { schema: { $ref: '#/components/schemas/Pet' } },
            'image/*': {},
          },
        },
      },
    },
  },
  components: {
    schemas: {
      Pet: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string', minLength: 1 }, age: { type: 'integer' } },
        additionalProperties: false,
      },
    },
  },
};

function apiOf(document: JsonValue, unlisted: ApiView['unlisted'] = 'by_method'): ApiView {
  const read = readOpenApi(document, { requests: true });
  if (!read.ok) throw new Error(read.refusal.message);
  return { unlisted, ...read.value };
}

let upstream: RawUpstream;
let rig: Rig;
let heads: string[];

const route = (more: Record<string, unknown>) => ({
  ...{ name: 'pets', match: {}, upstream: upstream.url, api: 'pets', validate: 'enforce' },
  ...more,
});

beforeEach(async () => {
  heads = [];
  upstream = await openRawUpstream((socket, head) => {
    heads.push(head);
    plainAnswer(socket);
  });
  rig = await openRig([]);
  rig.feed.push({ type: 'api', name: 'pets', api: apiOf(description) });
  rig.route(route({}));
  await rig.caughtUp();
});

afterEach(async () => {
  await rig.close();
  await upstream.close();
});

interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** What was refused, each as place, pointer and rule; or the status. */
async function send(path: string, { headers = {}, ...sent }: Sent = {}) {
  const all = { ...bearer(rig.token()), ...headers };
  const answer = await ask(rig.listener.port, { path, headers: all, ...sent });
  if (answer.status !== 400) return answer.status;
  const { code, errors = [] } = JSON.parse(answer.body);
  expect(code).toBe('request_invalid');
  return errors.map(
    (one: Record<string, string>) => `${one['in']}${one['pointer']} ${one['rule']}`,
  );
}

const put = (body: string | Buffer, type = 'application/json', headers = {}) =>
  send('/pets/1', { method: 'PUT', body, headers: { 'content-type': type, ...headers } });

describe('a route that checks requests', () => {
  it('lets through what the description says, body and all', async () => {
    expect(await send('/pets/1?fields=a&fields=b&other=1')).toBe(200);
    expect(
      await send('/pets/1', { headers: { 'x-trace': 'abcd', cookie: 'a=b; mode=dark' } }),
    ).toBe(200);
    expect(await put('{"name":"Rex","age":3}')).toBe(200);
    expect(await put('name=Rex&age=3', 'application/x-www-form-urlencoded')).toBe(200);
    expect(await put('{"name":"Rex"}', 'Application/JSON; charset=utf-8')).toBe(200);
    expect(await put('anything', 'image/png')).toBe(200);
    expect(upstream.received()).toContain('{"name":"Rex","age":3}');
    expect(heads.filter((head) => /^content-length: 22\r$/im.test(head))).toHaveLength(1);
  });

  it.each([
    ['/pets/x', ['path/id type']],
    ['/pets/1.5', ['path/id type']],
    ['/pets/1?fields=c', ['query/fields/0 enum']],
    ['/pets/1?fields=%ff', ['query not_utf8']],
    ['/pets/x?fields=a&fields=zzz', ['path/id type', 'query/fields/1 enum']],
    ['/dogs', ['path no_operation']],
  ])('refuses %s', async (path, errors) => {
    expect(await send(path)).toEqual(errors);
    expect(heads).toEqual([]);
  });

  it('refuses headers, cookies and bodies that do not fit, telling no values', async () => {
    expect(
      await send('/pets/1', { headers: { 'x-trace': 'abcde', cookie: 'mode=light' } }),
    ).toEqual(['header/X-Trace maxLength', 'cookie/mode enum']);
    expect(await put('{"name":"","age":"s3cret"}')).toEqual([
      'body/name minLength',
      'body/age type',
    ]);
    expect(await put('{"admin":true}')).toEqual([
      'body required',
      'body/admin additionalProperties',
    ]);
    expect(await put('{"name":"a","name":"b"}')).toEqual(['body duplicate_key']);
    expect(await put('{"name":')).toEqual(['body not_json']);
    expect(await put(`${'['.repeat(99)}`)).toEqual(['body too_deep']);
    expect(await put(Buffer.from([0x22, 0xff, 0x22]))).toEqual(['body not_utf8']);
    expect(await put('{}', 'text/plain')).toEqual(['body media_type']);
    expect(await put('{}', 'application/json', { 'content-encoding': 'gzip' })).toEqual([
      'body encoded',
    ]);
    expect(await put('name=a&age=x', 'application/x-www-form-urlencoded')).toEqual([
      'body/age type',
    ]);
    expect(await send('/pets/1', { method: 'PUT' })).toEqual(['body required']);
    expect(await send('/pets/1', { headers: { 'content-length': '1' }, body: 'x' })).toEqual([
      'body unexpected',
    ]);
    expect(heads).toEqual([]);
  });

  it('counts what it would refuse, and lets it through, while it observes', async () => {
    rig.route(route({ validate: 'observe' }));
    await rig.caughtUp();
    expect(await send('/pets/x')).toBe(200);
    expect(await put('{"name":1}')).toBe(200);
    expect(upstream.received()).toContain('{"name":1}');
    const { metrics } = rig.gateway;
    const name = 'mintmark_gateway_request_misfits_total';
    expect(metrics.value(name, 'observe path type')).toBe(1);
    expect(metrics.value(name, 'observe body type')).toBe(1);
  });

  it('holds no more of a body than the route lets it', async () => {
    const long = JSON.stringify({ name: 'x'.repeat(2_000_000) });
    expect(await put(long)).toBe(413);
    rig.route(route({ body_bytes_max: 3_000_000 }));
    await rig.caughtUp();
    expect(await put(long)).toBe(200);
  });

  it('passes a body in chunks on as it was', async () => {
    const chunked = { 'transfer-encoding': 'chunked' };
    expect(await put('{"name":"Rex"}', 'application/json', chunked)).toBe(200);
    expect(heads.at(-1)).toMatch(/transfer-encoding: chunked/i);
  });

  it('refuses what was revoked while the body came', async () => {
    const token = rig.token();
    const { promise, resolve } = Promise.withResolvers<number>();
    const sent = request({
      ...{
        host: '127.0.0.1',
        port: rig.listener.port,
        path: '/pets/1',
        method: 'PUT',
        agent: false,
      },
      headers: { ...bearer(token), 'content-type': 'application/json', 'content-length': '14' },
    });
    sent.on('response', (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.write('{"name":');
    await until(() =>
      rig.gateway.renderMetrics().includes('mintmark_gateway_signature_cache_entries 1'),
    );
    rig.revoke({ kind: 'client', id: 'client-1' });
    await rig.caughtUp();
    sent.end('"Rex"}');
    expect(await promise).toBe(401);
    expect(heads).toEqual([]);
  });

  it('refuses everything of an API that nobody described', async () => {
    const { operations, basePath } = apiOf(description);
    const bare = operations.map(({ operation, method, path }) => ({ operation, method, path }));
    const api: ApiView = { basePath, unlisted: 'refuse', operations: bare };
    rig.feed.push({ type: 'api', name: 'pets', api });
    await rig.caughtUp();
    expect(await send('/pets/1')).toEqual(['path undescribed']);
  });
});
