import { readFileSync } from 'node:fs';
import { parseRoute } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { problems, renderProblem } from './problem.ts';
import { routeSchema } from './route-schema.ts';

describe('problems', () => {
  it('stand in docs/errors.md, each with its status', () => {
    const page = readFileSync(new URL('../../../../../docs/errors.md', import.meta.url), 'utf8');
    const section = page.split(/^## /m).find((part) => part.startsWith('Problems')) ?? '';
    const rows = [...section.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)];
    const documented = Object.fromEntries(rows.map(([, code, status]) => [code, Number(status)]));
    const thrown = Object.entries(problems).map(([code, { status }]) => [code, status]);
    expect(documented).toEqual(Object.fromEntries(thrown));
  });

  it('carry their code and nothing that was not said', () => {
    const { status, headers, body } = renderProblem({ code: 'not_found' });
    expect([status, headers['content-type']]).toEqual([404, 'application/problem+json']);
    expect(JSON.parse(String(body))).toEqual({
      type: '/docs#not_found',
      title: problems.not_found.title,
      status: 404,
      code: 'not_found',
    });
  });
});

describe('the schema of a route', () => {
  const schema = z.fromJSONSchema(JSON.parse(JSON.stringify({ ...routeSchema, not: undefined })));

  it.each([
    { match: {}, upstream: 'http://127.0.0.1:9000' },
    {
      match: { host: 'NPM.Example.', path_prefix: '/npm/v1/', methods: ['GET', 'GET'] },
      upstream: 'https://packages.internal:8443/base/',
      scopes: ['npm:read'],
      audience: 'https://npm.example',
      credential: 'optional',
      accept_basic: true,
      preserve_host: false,
      strip_prefix: true,
      on_stale: { continue_seconds: 60 },
      encoded_slash: 'opaque',
      identity_headers: false,
      address_ranges: ['10.0.0.0/8', '2001:db8::1'],
      headers_timeout_seconds: 5,
      idle_timeout_seconds: 86_400,
      body_bytes_max: 2 ** 40,
      cors: { origins: ['https://app.example', 'http://[::1]:3000'], max_age_seconds: 5 },
    },
    { match: {}, upstream: 'http://a', cors: { origins: ['*'] } },
    {
      match: {
        headers: { 'X-Beta': true, 'x-version': ['1', '2'] },
        token: { tenant: 'acme', client: 'a', plan: ['x'], claims: { a: [1, true], b: 'c' } },
      },
      upstream: 'http://a',
      request_headers: { set: { 'X-User': '{subject} of {claims.org}' }, remove: ['Cookie'] },
      response_headers: { add: { Vary: 'Accept' } },
      rewrite_path: [{ from: '/v1/{id}/{rest...}', to: '/{id}/{rest...}' }],
      api: 'orders',
      validate: 'observe',
      injection: { mode: 'observe', exempt: [{ in: 'json', name: '/a/**/b', rules: ['sql'] }] },
      mask: { rules: [{ path: '/a/*', action: 'hash', unless_claim: { a: true } }] },
      internal_token: { audience: 'orders', claims: ['a'], ttl_seconds: 60, header: 'X-Token' },
    },
    { match: {}, upstream: 'http://a', rewrite_path: { prefix: '/' } },
    { match: {}, upstream: 'http://a', cors: { origins: [] } },
    { match: { host: '[::1]' }, upstream: 'http://[::1]:80', on_stale: 'refuse' },
  ])('takes what the parser takes', (route) => {
    expect(parseRoute({ name: 'a', ...route }).ok).toBe(true);
    expect(schema.safeParse(route).error).toBeUndefined();
  });

  it.each([
    { match: {} },
    { match: {}, upstream: 'http://a', scope: [] },
    { match: { path_prefix: 'a' }, upstream: 'http://a' },
    { match: {}, upstream: 'ftp://a' },
    { match: {}, upstream: 'http://a', credential: 'maybe' },
  ])('refuses what the parser refuses', (route) => {
    expect(parseRoute({ name: 'a', ...route }).ok).toBe(false);
    expect(schema.safeParse(route).success).toBe(false);
  });
});
