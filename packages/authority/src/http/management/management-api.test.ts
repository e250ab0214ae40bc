import { defaultTenant, limits } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { buildRequest } from './request-builder.ts';
import { thingApi } from './thing-api.ts';

describe('the management API', () => {
  it('leaves other paths to others, and answers 404 inside its own', async () => {
    const { api, send } = thingApi();
    const request = buildRequest('GET', '/oauth2/token');
    expect(api.handle(request, { tenant: defaultTenant, path: request.path })).toBeUndefined();
    expect(await send('GET', '/v1/nothing')).toMatchObject({
      status: 404,
      headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
      body: { type: '/docs#not_found', code: 'not_found', status: 404 },
    });
  });

  it('answers 405 with Allow, and OPTIONS with Allow alone', async () => {
    const { send } = thingApi();
    const allow = 'GET, HEAD, OPTIONS, POST';
    expect(await send('DELETE', '/v1/things')).toMatchObject({ status: 405, headers: { allow } });
    expect(await send('OPTIONS', '/v1/things')).toEqual({
      status: 204,
      headers: { allow },
      body: undefined,
    });
  });

  it('asks for a credential before it looks at anything else', async () => {
    const { api } = thingApi();
    const request = buildRequest('POST', '/v1/things', { body: '{' });
    const response = await api.handle(request, { tenant: defaultTenant, path: request.path });
    expect(response?.status).toBe(401);
  });

  it('asks for the permission, by itself, by group or by *', async () => {
    const { send } = thingApi();
    const status = async (permissions: string) =>
      (await send('GET', '/v1/things', { headers: { 'x-permissions': permissions } })).status;
    expect(await status('keys:read')).toBe(200);
    expect(await status('keys:*')).toBe(200);
    expect(await status('*')).toBe(200);
    expect(await status('keys:write,clients:*')).toBe(403);
    expect(await status('')).toBe(403);
  });

  it.each([
    ['no content type', { body: '{"name":"a"}' }, 415, undefined],
    ['a form', form('name=a'), 415, undefined],
    ['a compressed body', compressed(), 415, undefined],
    ['a broken body', json('{'), 400, 'not_json'],
    ['an empty body', json(''), 400, 'not_json'],
    ['equal names', json('{"name":"a","name":"b"}'), 400, 'duplicate_key'],
    ['__proto__', json('{"name":"a","__proto__":{}}'), 400, 'forbidden_key'],
    ['100,000 nested arrays', json('['.repeat(100_000)), 400, 'too_deep'],
    ['too much', json(`"${'a'.repeat(limits.managementBodyBytesMax)}"`), 413, undefined],
  ])('refuses %s', async (_, input, status, detail) => {
    const { send } = thingApi();
    const answer = await send('POST', '/v1/things', input);
    expect(answer.status).toBe(status);
    if (detail !== undefined) expect(answer.body.detail).toBe(detail);
  });

  it('points at each member that does not fit', async () => {
    const { send } = thingApi();
    const answer = await send('POST', '/v1/things', {
      json: { name: 'a\u0000', parts: [1, 'x'], 'a/b~': 1 },
    });
    expect(answer.status).toBe(422);
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toEqual([
      '/name',
      '/parts/1',
      '/a~1b~0',
    ]);
  });

  it('lists no more than 20 of 10,000 errors', async () => {
    const { send } = thingApi();
    const answer = await send('POST', '/v1/things', {
      json: { name: 'a', parts: Array.from({ length: 10_000 }, () => 'x') },
    });
    expect(answer.body.errors).toHaveLength(20);
  });

  it.each(['?limit=0', '?limit=1001', '?limit=1e2', '?limit=+5', '?limit=', '?limit=1&limit=2'])(
    'refuses the query %s',
    async (query) => {
      const { send } = thingApi();
      expect(await send('GET', `/v1/things${query}`)).toMatchObject({
        status: 400,
        body: { code: 'invalid_request' },
      });
    },
  );

  it('refuses unknown query parameters, a token among them', async () => {
    const { send } = thingApi();
    const answer = await send('GET', '/v1/things?access_token=abc&__proto__=1');
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).not.toContain('abc');
    expect((await send('GET', '/v1/things?kind=%ff')).status).toBe(400);
  });

  it('pages by a cursor that only this list opens', async () => {
    const { send } = thingApi();
    const first = await send('GET', '/v1/things?limit=2&kind=a');
    const cursor = first.body.next;
    const second = await send('GET', `/v1/things?limit=3&kind=a&cursor=${cursor}`);
    expect(second.body.items.map((item: { id: string }) => item.id)).toEqual(['3', '4', '5']);
    const elsewhere = await send('GET', `/v1/things?limit=2&kind=b&cursor=${cursor}`);
    expect(elsewhere).toMatchObject({ status: 400, body: { code: 'invalid_cursor' } });
    const forged = await send('GET', `/v1/things?kind=a&cursor=${cursor.slice(0, -2)}AA`);
    expect(forged).toMatchObject({ status: 400, body: { code: 'invalid_cursor' } });
  });

  it('answers 406 to who does not take JSON', async () => {
    const { send } = thingApi();
    const status = async (accept: string) =>
      (await send('GET', '/v1/things', { headers: { accept } })).status;
    expect(await status('text/html')).toBe(406);
    expect(await status('text/html, application/*;q=0.1')).toBe(200);
    expect(await status('application/json')).toBe(200);
    expect(await status('*/*')).toBe(200);
  });

  it('answers HEAD like GET, without the body', async () => {
    const { send } = thingApi();
    expect(await send('HEAD', '/v1/things')).toMatchObject({ status: 200, body: undefined });
  });

  it('edits only with an If-Match that matches', async () => {
    const { send } = thingApi();
    const put = (headers: Record<string, string>) => send('PUT', '/v1/things/a', { headers });
    expect((await put({})).status).toBe(428);
    expect((await put({ 'if-match': 'x' })).status).toBe(400);
    expect((await put({ 'if-match': '"2"' })).status).toBe(412);
    expect(await put({ 'if-match': '"3"' })).toMatchObject({
      status: 200,
      headers: { etag: '"4"' },
    });
    expect((await put({ 'if-match': '*' })).status).toBe(200);
    expect((await send('PUT', '/v1/things/toolong')).status).toBe(404);
  });

  it('answers 503 when the store fails and 500 to a bug, and tells the log', async () => {
    const { send, faults } = thingApi();
    expect(await send('GET', '/v1/broken/store')).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      body: { code: 'unavailable', detail: 'store_closed' },
    });
    const bug = await send('GET', '/v1/broken/bug');
    expect(bug).toMatchObject({ status: 500, body: { code: 'internal_error' } });
    expect(JSON.stringify(bug.body)).not.toContain('a bug');
    expect(faults).toHaveLength(2);
  });
});

function json(body: string) {
  return { body, headers: { 'content-type': 'application/json' } };
}

function form(body: string) {
  return { body, headers: { 'content-type': 'application/x-www-form-urlencoded' } };
}

function compressed() {
  return {
    body: '{}',
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  };
}
