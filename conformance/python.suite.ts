/**
 * A Python developer: `requests` with an API key, Authlib for tokens, PyJWT and joserfc to verify
 * them, against a plain server behind the gateway. The script tells what happened, and the tests
 * judge it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runChild } from './rig/child.ts';
import {
  apply,
  call,
  type Installation,
  initialise,
  type Running,
  start,
} from './rig/installation.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

const python = new URL('../.cache/python/bin/python', import.meta.url).pathname;
const script = new URL('./python/client.py', import.meta.url).pathname;
const audience = 'https://cellar.example';

const clients = [
  {
    id: 'basic-jwt',
    secret: 'Secret0fTheFirstClient',
    method: 'client_secret_basic',
    format: 'jwt',
  },
  {
    id: 'post-jwt',
    secret: 'Secret0fTheSecondClient',
    method: 'client_secret_post',
    format: 'jwt',
  },
  {
    id: 'basic-opaque',
    secret: 'Secret0fTheThirdClient',
    method: 'client_secret_basic',
    format: 'opaque',
  },
  {
    id: 'post-opaque',
    secret: 'Secret0fTheFourthClient',
    method: 'client_secret_post',
    format: 'opaque',
  },
].map((client) => ({ ...client, scope: 'cellar:read' }));

const wanted = (upstream: string) => ({
  clients: clients.map(({ id, secret, method, format, scope }) => ({
    client_id: id,
    client_secret: secret,
    client_name: id,
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: method,
    scope,
    audiences: [audience],
    access_token_format: format,
  })),
  routes: [
    {
      name: 'cellar',
      match: { path_prefix: '/cellar' },
      upstream,
      audience,
      scopes: ['cellar:read'],
    },
  ],
});

interface HttpAnswer {
  readonly status: number;
  readonly challenge: string | null;
  readonly body: Readonly<Record<string, unknown>> | null;
}

interface Told {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly without: HttpAnswer;
  readonly api_key: Readonly<Record<'get' | 'post' | 'stream', HttpAnswer>>;
  readonly clients: Readonly<Record<string, ClientTold>>;
  readonly jwt: Readonly<Record<string, unknown>>;
}

interface ClientTold {
  readonly token: Readonly<Record<string, unknown>>;
  readonly prefix: string;
  readonly used: HttpAnswer;
  readonly introspected: Readonly<Record<string, unknown>>;
  readonly revoked: number;
  readonly introspected_again: Readonly<Record<string, unknown>>;
  readonly used_again: HttpAnswer;
  readonly revoked_again: number;
}

let home: string;
let upstream: Upstream;
let running: Running;
let installation: Installation;
let keyId: string;
let told: Told;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mintmark-python-'));
  upstream = await startUpstream();
  installation = await initialise(join(home, 'mintmark'));
  running = await start(installation);
  await apply(installation, wanted(upstream.origin));
  const made = await call(installation, 'POST /v1/keys', { name: 'py', scopes: ['cellar:read'] });
  expect(made.status, made.text).toBe(201);
  keyId = String(made.body['id']);
  const { issuer, gateway } = installation;
  const key = made.body['key'];
  const api = `${gateway}/cellar/bottles`;
  const done = await runChild(python, [script], {
    cwd: home,
    input: JSON.stringify({ issuer, api, audience, key, clients }),
  });
  expect(done.code, done.stderr).toBe(0);
  told = JSON.parse(done.stdout) as Told;
});

afterAll(async () => {
  await running?.child.stop();
  await upstream?.close();
  rmSync(home, { recursive: true, force: true });
});

describe('a Python client', () => {
  it('is challenged where it brings no credential', () => {
    expect(told.without.status).toBe(401);
    // RFC 6750 §3.1: no error code where no credential was sent.
    expect(told.without.challenge).toMatch(/^Bearer/);
    expect(told.without.challenge).not.toContain('error=');
  });

  it('reaches the API by requests with an API key, which goes no further', () => {
    const { get, post, stream } = told.api_key;
    expect(get).toMatchObject({ status: 200, body: { path: '/cellar/bottles?q=two+words' } });
    expect(post.body).toMatchObject({ method: 'POST' });
    expect(JSON.parse(String(post.body?.['body']))).toEqual({ grape: 'Müller-Thurgau' });
    expect(stream).toMatchObject({ status: 200, body: { body: 'one two' } });
    for (const { body } of [get, post, stream]) {
      const headers = body?.['headers'] as Record<string, string>;
      expect(headers['x-mintmark-credential-id']).toBe(keyId);
      expect(headers['authorization']).toBeUndefined();
    }
  });

  it.each(clients)('gets a token for $id, uses it, and ends it', ({ id, format }) => {
    const one = told.clients[id]!;
    expect(one.token).toMatchObject({ token_type: 'Bearer', scope: 'cellar:read' });
    expect(one.prefix).toMatch(format === 'jwt' ? /^eyJ/ : /^mm_at_/);
    expect(one.used).toMatchObject({ status: 200 });
    const headers = one.used.body?.['headers'] as Record<string, string>;
    expect(headers['x-mintmark-client']).toBe(id);
    expect(one.introspected).toMatchObject({
      active: true,
      client_id: id,
      scope: 'cellar:read',
      aud: audience,
      iss: installation.issuer,
    });
    expect(one.revoked).toBe(200);
    expect(one.introspected_again).toEqual({ active: false });
    expect(one.used_again.status).toBe(401);
    expect(one.used_again.challenge).toContain('error="invalid_token"');
    // RFC 7009 §2.2: an invalid token is no error.
    expect(one.revoked_again).toBe(200);
  });

  it('verifies a JWT from the published key set, by PyJWT and by joserfc', () => {
    const { pyjwt, joserfc, header, other_audience, changed } = told.jwt;
    expect(header).toMatchObject({ typ: 'at+jwt', alg: 'ES256' });
    expect(pyjwt).toMatchObject({
      iss: installation.issuer,
      aud: audience,
      sub: 'basic-jwt',
      client_id: 'basic-jwt',
    });
    expect(joserfc).toEqual(pyjwt);
    expect(other_audience).toBe('InvalidAudienceError');
    expect(changed).toBe('InvalidSignatureError');
  });

  it('finds the endpoints in the metadata', () => {
    expect(told.metadata).toMatchObject({ issuer: installation.issuer });
  });
});
