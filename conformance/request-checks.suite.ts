/**
 * What a route checks and changes, set up as an operator does: a description by the command line,
 * a route by a file that `mintmark apply` reads, a real upstream behind it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Asked, exchange } from './rig/exchange.ts';
import {
  administer,
  call,
  type Installation,
  initialise,
  type Running,
  start,
} from './rig/installation.ts';
import { until } from './rig/until.ts';

const description = `
openapi: 3.0.3
info: { title: notes, version: '1' }
servers: [{ url: https://notes.example/v2 }]
paths:
  /notes/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]
    put:
      operationId: writeNote
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: '#/components/schemas/Note' } } }
      responses: { '200': { description: Written. } }
components:
  schemas:
    Note:
      type: object
      required: [text]
      additionalProperties: false
      properties:
        text: { type: string, maxLength: 100 }
        due: { type: string, format: date, nullable: true }
`;

const wanted = (upstream: string) => `
routes:
  - name: notes
    match: { path_prefix: /v1 }
    upstream: ${upstream}
    api: notes
    validate: enforce
    rewrite_path: [{ from: '/v1/{rest...}', to: '/v2/{rest...}' }]
    request_headers: { set: { x-caller: '{subject}' } }
    injection: { mode: enforce, exempt: [{ in: json, name: /text }] }
    mask: { rules: [{ path: /owner/email, unless_scope: pii }] }
`;

let home: string;
let upstream: Server;
let seen: { url: string | undefined; caller: unknown; body: string } | undefined;
let installation: Installation;
let running: Running;
let key: string;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mintmark-checks-'));
  upstream = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    seen = { url: request.url, caller: request.headers['x-caller'], body };
    response.setHeader('content-type', 'application/json');
    response.end('{"owner":{"email":"anna@example.org"},"id":12345678901234567890}');
  });
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  upstream.listen(0, '127.0.0.1', resolve);
  await listening;
  installation = await initialise(join(home, 'mintmark'));
  running = await start(installation);
  const openapi = join(home, 'openapi.yaml');
  writeFileSync(openapi, description);
  const put = await administer(installation, 'api', 'put', 'notes', openapi, '--requests');
  expect(put.code, put.stderr).toBe(0);
  const { port } = upstream.address() as AddressInfo;
  const file = join(home, 'routes.yaml');
  writeFileSync(file, wanted(`http://127.0.0.1:${port}`));
  const applied = await administer(installation, 'apply', file);
  expect(applied.code, applied.stderr).toBe(0);
  const made = await call(installation, 'POST /v1/keys', {
    name: 'caller',
    scopes: [],
    owner: 'ann',
  });
  key = String(made.body['key']);
  await until('the gateway knows the route', async () => {
    const { status } = await ask('/v1/notes/x');
    return status === 400 ? true : undefined;
  });
});

afterAll(async () => {
  await running?.child.stop();
  upstream?.close();
  rmSync(home, { recursive: true, force: true });
});

const ask = (path: string, asked: Asked = {}) => {
  const headers = { authorization: `Bearer ${key}`, ...asked.headers };
  return exchange(`${installation.gateway}${path}`, { method: 'PUT', ...asked, headers });
};

async function put(note: unknown, path = '/v1/notes/7') {
  seen = undefined;
  const headers = { 'content-type': 'application/json' };
  return ask(path, { headers, body: JSON.stringify(note) });
}

it('passes what fits on under its other path, and masks the answer', async () => {
  const answer = await put({ text: "it's ' or 1=1 --", due: null });
  expect(answer.status, answer.text).toBe(200);
  expect(seen).toEqual({
    ...{ url: '/v2/notes/7', caller: 'ann' },
    body: '{"text":"it\'s \' or 1=1 --","due":null}',
  });
  expect(answer.text).toBe('{"owner":{"email":"***"},"id":12345678901234567890}');
});

it('says where a request does not fit, and passes nothing on', async () => {
  const answer = await put({ due: '2026-02-30', admin: true }, '/v1/notes/x');
  expect(answer.body).toMatchObject({
    code: 'request_invalid',
    errors: [{ in: 'path', pointer: '/id', rule: 'type' }],
  });
  const body = await put({ due: '2026-02-30', admin: true });
  const rules = (body.body['errors'] as { pointer: string; rule: string }[]).map(
    ({ pointer, rule }) => `${pointer} ${rule}`,
  );
  expect(rules.sort()).toEqual([' required', '/admin additionalProperties', '/due format']);
  expect(seen).toBeUndefined();
});

it('refuses injected code where nothing is spared', async () => {
  const evil = encodeURIComponent("' or 1=1 --");
  const answer = await put({ text: 'a' }, `/v1/notes/7?q=${evil}`);
  expect(answer.body).toMatchObject({
    code: 'injection_suspected',
    errors: [{ in: 'query', pointer: '/q', rule: 'sql' }],
  });
  expect(seen).toBeUndefined();
});
