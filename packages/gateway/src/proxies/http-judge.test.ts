/** The judge's three shapes over HTTP, asked as the proxies ask, beside our own proxy. */
import { hash, X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { createRangeSet, loopback, nowSeconds, type RangeSet } from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { type Listener, listen } from '@mintmark/net';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';
import { createHttpJudge } from './http-judge.ts';

let upstream: RawUpstream;
let rig: Rig;
let judge: Listener;
let token: string;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
});
afterAll(() => upstream.close());

function rangesOf(...blocks: readonly string[]): RangeSet {
  const set = createRangeSet(blocks);
  if (!set.ok) throw new Error(set.refusal.rule);
  return set.value;
}

beforeEach(async () => {
  const to = { upstream: upstream.url };
  rig = await openRig(
    [
      { name: 'api', match: { path_prefix: '/api' }, scopes: ['read'], ...to },
      { name: 'write', match: { path_prefix: '/write' }, scopes: ['write'], ...to },
      { name: 'open', match: { path_prefix: '/open' }, credential: 'none', ...to },
      { name: 'maybe', match: { path_prefix: '/maybe' }, credential: 'optional', ...to },
      {
        ...{ name: 'few', match: { path_prefix: '/few' }, ...to },
        limits: [{ name: 'burst', quota: 1, window_seconds: 60 }],
      },
      {
        ...{ name: 'page', match: { path_prefix: '/page' }, ...to },
        cors: { origins: ['https://app.example'] },
      },
      {
        ...{ name: 'lasting', match: { path_prefix: '/lasting' }, ...to },
        on_stale: { continue_seconds: 60 },
      },
      {
        ...{ name: 'near', match: { path_prefix: '/near' }, ...to },
        address_ranges: ['203.0.113.0/24'],
      },
      { name: 'delete', match: { path_prefix: '/delete', methods: ['DELETE'] }, ...to },
    ],
    {},
    ['127.0.0.1'],
  );
  token = rig.token();
  judge = await open(loopback);
});
afterEach(async () => {
  await judge.close();
  await rig.close();
});

function open(proxies: RangeSet): Promise<Listener> {
  const { answer } = createHttpJudge(rig.gateway, { proxies, trusted: proxies });
  return listen({ host: '127.0.0.1', port: 0, timers: systemTimers, handler: answer });
}

interface Original {
  readonly method?: string;
  readonly target?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly from?: string;
}

type Shape = (original: Original, port?: number) => Promise<Answer>;

/** As each proxy asks, by its documented configuration. */
const shapes: Readonly<Record<'ext-authz' | 'auth-request' | 'forward-auth', Shape>> = {
  'ext-authz': ({ method = 'GET', target = '/', host = 'api.test', headers, from }, port) =>
    ask(port ?? judge.port, {
      method,
      path: `/ext-authz${target}`,
      headers: { host, ...headers, ...(from === undefined ? {} : { 'x-forwarded-for': from }) },
    }),
  'auth-request': ({ method = 'GET', target = '/', host = 'api.test', headers, from }, port) =>
    ask(port ?? judge.port, {
      path: '/auth-request',
      headers: {
        ...headers,
        'x-original-method': method,
        'x-original-uri': target,
        'x-original-host': host,
        ...(from === undefined ? {} : { 'x-forwarded-for': from }),
      },
    }),
  'forward-auth': ({ method = 'GET', target = '/', host = 'api.test', headers, from }, port) =>
    ask(port ?? judge.port, {
      path: '/forward-auth',
      headers: {
        ...headers,
        'x-forwarded-method': method,
        'x-forwarded-uri': target,
        'x-forwarded-host': host,
        'x-forwarded-proto': 'http',
        ...(from === undefined ? {} : { 'x-forwarded-for': from }),
      },
    }),
};

const names = Object.keys(shapes) as (keyof typeof shapes)[];

/** What the client would see of it: nginx's configuration makes it out of headers. */
function told(answer: Answer): { readonly status: number; readonly body: string } {
  const status = answer.headers['x-mintmark-status'];
  if (status === undefined) return answer;
  return { status: Number(status), body: String(answer.headers['x-mintmark-body'] ?? '') };
}

describe.each(names)('%s', (name) => {
  const shape: Shape = (original, port) => shapes[name](original, port);

  it('lets a good credential through and says who calls', async () => {
    const answer = await shape({ target: '/api/things?q=1', headers: bearer(token) });
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'x-mintmark-subject': 'subject-1',
        'x-mintmark-client': 'client-1',
        'x-mintmark-scopes': 'read',
        'x-mintmark-credential-kind': 'jwt',
        'x-mintmark-tenant': 'default',
        'x-mintmark-target': '/api/things?q=1',
        'x-mintmark-remove': 'authorization, x-api-key, dpop',
        'cache-control': 'no-store',
      },
    });
    expect(upstream.received()).toBe('');
  });

  it('takes the name of every header that our own proxy would not pass on', async () => {
    const spoofed = {
      'X-Mintmark-Subject': 'root',
      X_Mintmark_Subject: 'root',
      'x.mintmark.scopes': 'all',
      'X-Forwarded-User': 'root',
      X_Forwarded_For: '10.0.0.1',
      'X-Original-Url': '/admin',
      'X-Http-Method-Override': 'DELETE',
      Transfer_Encoding: 'chunked',
      Accept: '*/*',
    };
    const asked = await shape({ target: '/open', headers: spoofed });
    const removed = String(asked.headers['x-mintmark-remove']).split(', ');
    expect(new Set(removed)).toEqual(
      new Set([
        ...['authorization', 'x-api-key', 'dpop', 'x-mintmark-subject', 'x_mintmark_subject'],
        ...['x.mintmark.scopes', 'x-forwarded-user', 'x_forwarded_for', 'x-original-url'],
        ...['x-http-method-override', 'transfer_encoding'],
      ]),
    );
    expect(asked.headers['x-mintmark-subject']).toBeUndefined();
    const known = await shape({ target: '/api', headers: { ...spoofed, ...bearer(token) } });
    expect(known.headers['x-mintmark-subject']).toBe('subject-1');
  });

  it('says who calls also where the client guessed it', async () => {
    const guess = { 'x-mintmark-subject': 'subject-1', ...bearer(token) };
    const answer = await shape({ target: '/api', headers: guess });
    expect(answer.headers['x-mintmark-subject']).toBe('subject-1');
  });

  const refused: readonly (readonly [string, Original])[] = [
    ['no credential', { target: '/api' }],
    ['garbage', { target: '/api', headers: bearer('nothing') }],
    ['a missing scope', { target: '/write', headers: { authorization: 'GOOD' } }],
    ['no route', { target: '/elsewhere', headers: { authorization: 'GOOD' } }],
    ['another method', { target: '/delete', headers: { authorization: 'GOOD' } }],
    ['a way up', { target: '/open/../api', headers: {} }],
    ['an escaped way up', { target: '/open/%2e%2e/api' }],
    ['an escaped slash', { target: '/open%2fapi' }],
    ['a path parameter', { target: '/open/..;/api' }],
    ['double encoding', { target: '/open/%252e%252e/api' }],
    ['a backslash', { target: '/open/%5capi' }],
    ['a NUL', { target: '/open/%00' }],
    ['a token in the query', { target: '/api?access_token=x' }],
    ['an address that may not', { target: '/near', headers: { authorization: 'GOOD' } }],
    ['two ways at once', { target: '/api', headers: { authorization: 'GOOD', 'x-api-key': 'a' } }],
  ];

  it.each(refused)('refuses %s as our own proxy does', async (_what, { headers = {}, ...rest }) => {
    const isGood = headers['authorization'] === 'GOOD';
    const full = { ...headers, ...(isGood ? bearer(token) : {}) };
    const original = { ...rest, headers: full };
    const { method = 'GET', target = '/' } = original;
    const sent = { ...full, host: 'api.test' };
    const own = await ask(rig.listener.port, { method, path: target, headers: sent });
    const asked = await shape(original);
    expect(told(asked)).toMatchObject({ status: own.status, body: own.body });
    const same = ['www-authenticate', 'allow', 'content-type', 'vary', 'cache-control'];
    for (const one of same) expect(asked.headers[one], one).toEqual(own.headers[one]);
    expect(own.status).not.toBe(200);
  });

  it('refuses what is over a limit, with what says so', async () => {
    const original = { target: '/few', headers: bearer(token) };
    expect((await shape(original)).headers['ratelimit']).toBe('"burst";r=0;t=60');
    const denied = await shape(original);
    expect(told(denied).status).toBe(429);
    expect(denied.headers['retry-after']).toBe('60');
    expect(denied.headers['ratelimit']).toBe('"burst";r=0;t=60');
    expect(JSON.parse(told(denied).body)['violated-policies']).toEqual(['burst']);
  });

  it('refuses what is revoked from then on', async () => {
    const original = { target: '/api', headers: bearer(token) };
    expect((await shape(original)).status).toBe(200);
    rig.revoke({ kind: 'client', id: 'client-1' });
    await rig.caughtUp();
    expect(told(await shape(original)).status).toBe(401);
  });

  it('goes on with a stale view where the route says so, and marks it', async () => {
    await until(() => rig.feed.waiting === 1);
    rig.feed.fault = new Error('gone');
    rig.feed.heartbeat();
    rig.timers.advance(10_000);
    expect(told(await shape({ target: '/api', headers: bearer(token) })).status).toBe(503);
    expect((await shape({ target: '/lasting', headers: bearer(token) })).status).toBe(200);
    rig.timers.advance(500);
    await until(() => rig.decisions.length === 2);
    expect(rig.decisions[1]).toMatchObject({ verdict: 'allow', degraded: true });
  });

  it('believes the address that the nearest untrusted hop has', async () => {
    const original = { target: '/near', headers: bearer(token) };
    expect((await shape({ ...original, from: '203.0.113.9' })).status).toBe(200);
    const spoofed = await shape({ ...original, from: '203.0.113.9, 198.51.100.1' });
    expect(told(spoofed).status).toBe(403);
  });

  it('hears nobody but trusted proxies', async () => {
    const other = await open(rangesOf('192.0.2.0/24'));
    const answer = await shape({ target: '/open' }, other.port);
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.body).code).toBe('not_a_proxy');
    await other.close();
  });

  it('refuses a header that came twice and may not', async () => {
    const twice = { origin: ['https://a.example', 'https://b.example'] };
    const answer = await shape({ target: '/open', headers: twice });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body).code).toBe('duplicate_header');
  });

  it('lets a page of another origin read answers, refusals included', async () => {
    const headers = { origin: 'https://app.example' };
    const denied = await shape({ target: '/page', headers });
    expect(denied.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      vary: 'Authorization, X-Api-Key, Origin',
    });
    const allowed = await shape({ target: '/page', headers: { ...headers, ...bearer(token) } });
    expect(allowed.headers['access-control-allow-origin']).toBe('https://app.example');
  });

  it('never lets a preflight through to the upstream', async () => {
    const asks = { origin: 'https://app.example', 'access-control-request-method': 'GET' };
    const answer = await shape({ method: 'OPTIONS', target: '/page', headers: asks });
    expect(told(answer).status).toBe(name === 'forward-auth' ? 404 : 204);
    expect(answer.status === 200 || (answer.status < 300 && name !== 'ext-authz')).toBe(false);
  });

  it('never lets a request for metadata through to the upstream', async () => {
    const target = '/.well-known/oauth-protected-resource/api';
    const answer = await shape({ target });
    expect(told(answer).status).toBe(name === 'auth-request' ? 200 : 404);
    expect(answer.status).not.toBe(200);
  });
});

describe('empty segments', () => {
  it('are joined where the proxy sends on what we name', async () => {
    const answer = await shapes['auth-request']({ target: '/open//b/?x=%2F' });
    expect(answer.status).toBe(200);
    expect(answer.headers['x-mintmark-target']).toBe('/open/b/?x=%2F');
  });

  it.each(['ext-authz', 'forward-auth'] as const)('are refused by %s', async (name) => {
    const answer = await shapes[name]({ target: '/open//b' });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body).code).toBe('empty_segment');
  });
});

describe('a question that is not whole', () => {
  it.each(['/auth-request', '/forward-auth'])('is refused at %s', async (path) => {
    const answer = await ask(judge.port, { path, headers: bearer(token) });
    expect(told(answer).status).toBe(400);
    expect(JSON.parse(told(answer).body).code).toBe('original_request_missing');
  });

  it('is refused where a name came twice, once perhaps of the client', async () => {
    const headers = {
      'x-original-method': 'GET',
      'x-original-uri': ['/open', '/api'],
      'x-original-host': 'api.test',
    };
    const answer = await ask(judge.port, { path: '/auth-request', headers });
    expect(told(answer).status).toBe(400);
  });

  it('is nothing to the judge elsewhere', async () => {
    expect((await ask(judge.port, { path: '/ext-authzz/api' })).status).toBe(404);
    expect((await ask(judge.port, { path: '/' })).status).toBe(404);
  });
});

describe('what the gateway answers itself', () => {
  it('is to be had for proxies to pass on', async () => {
    const metadata = await ask(judge.port, {
      path: '/answers/.well-known/oauth-protected-resource/api',
      headers: { host: 'api.test' },
    });
    expect(metadata.status).toBe(200);
    expect(JSON.parse(metadata.body).resource).toBe('http://api.test/api');
    const preflight = await ask(judge.port, {
      method: 'OPTIONS',
      path: '/answers/page',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'GET' },
    });
    expect(preflight.status).toBe(204);
  });

  it('is nothing else, and above all no request that is let through', async () => {
    const headers = bearer(token);
    expect((await ask(judge.port, { path: '/answers/open', headers })).status).toBe(400);
    const options = { method: 'OPTIONS', path: '/answers/open' };
    expect((await ask(judge.port, options)).status).toBe(404);
  });
});

describe('what a route changes of a request', () => {
  it('is told to the proxy: what the upstream knows us by, and headers by rule', async () => {
    const nodeKeys = { publish: async () => undefined };
    const to = { upstream: upstream.url };
    const other = await openRig(
      [
        { name: 'in', match: { path_prefix: '/in' }, internal_token: {}, ...to },
        { name: 'own', match: { path_prefix: '/own' }, upstream_credential: 'billing', ...to },
        {
          ...{ name: 'out', match: { path_prefix: '/out' }, ...to },
          request_headers: { set: { 'X-Team': 'blue' }, remove: ['x-color'] },
        },
      ],
      ...([{}, [], { nodeKeys }] as const),
    );
    await until(() => other.gateway.keySet().length === 1);
    const { ask: judged } = createHttpJudge(other.gateway, {
      ...{ proxies: loopback, trusted: loopback },
    });
    const listener = await listen({
      ...{ host: '127.0.0.1', port: 0, timers: systemTimers },
      handler: (request) => judged(request)!,
    });
    const presented = other.token();
    const headers = { ...bearer(presented), 'x-color': 'red' };
    const inside = await shapes['ext-authz']({ target: '/in', headers }, listener.port);
    expect(inside.headers['authorization']).toMatch(/^Bearer ey/);
    expect(inside.headers['authorization']).not.toContain(presented);
    expect(inside.headers['x-mintmark-remove']).toBe('x-api-key, dpop');
    const outside = await shapes['ext-authz']({ target: '/out', headers }, listener.port);
    expect(outside.headers['x-team']).toBe('blue');
    expect(String(outside.headers['x-mintmark-remove'])).toContain('x-color');
    const none = await shapes['ext-authz']({ target: '/own', headers }, listener.port);
    expect([none.status, none.headers['authorization']]).toEqual([503, undefined]);
    const credential = { header: 'authorization', value: 'Bearer kept' };
    other.feed.push({ type: 'upstream_credential', name: 'billing', credential });
    await other.caughtUp();
    const own = await shapes['ext-authz']({ target: '/own', headers }, listener.port);
    expect([own.status, own.headers['authorization']]).toEqual([200, 'Bearer kept']);
    await listener.close();
    await other.close();
  });
});

describe('a bound token', () => {
  it('needs a proof for the URL that the client asked for', async () => {
    const sender = await generateKeyPair('ES256');
    const jwk = await exportJWK(sender.publicKey);
    const bound = rig.token({ confirmation: { jkt: await calculateJwkThumbprint(jwk) } });
    const proofFor = (htu: string) =>
      new SignJWT({
        ...{ htm: 'GET', htu, jti: htu, iat: nowSeconds(rig.clock) },
        ath: hash('sha256', bound, 'base64url'),
      })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .sign(sender.privateKey);
    for (const name of names) {
      const asked = async (htu: string) => {
        const headers = { authorization: `DPoP ${bound}`, dpop: await proofFor(htu) };
        return told(await shapes[name]({ host: `${name}.test`, target: '/api', headers })).status;
      };
      expect(await asked(`http://${name}.test/api`)).toBe(200);
      expect(await asked(`http://127.0.0.1:${judge.port}/${name}`)).toBe(401);
    }
  });

  it('is held to the certificate that the proxy names', async () => {
    const { answer } = createHttpJudge(rig.gateway, {
      ...{ proxies: loopback, trusted: loopback },
      certificateHeader: { name: 'client-cert', verified: true },
    });
    const other = await listen({
      ...{ host: '127.0.0.1', port: 0, timers: systemTimers, handler: answer },
    });
    const [one, two] = rootCertificates.map((pem) => new X509Certificate(pem).raw);
    const thumbprint = hash('sha256', one!, 'base64url');
    const bound = rig.token({ confirmation: { 'x5t#S256': thumbprint } });
    for (const name of names) {
      const asked = async (certificate: Buffer | undefined) => {
        const shown = certificate && { 'client-cert': `:${certificate.toString('base64')}:` };
        const headers = { ...bearer(bound), ...shown };
        const answered = await shapes[name]({ target: '/api', headers }, other.port);
        return told(answered).status;
      };
      expect([await asked(one), await asked(two), await asked(undefined)]).toEqual([200, 401, 401]);
    }
    await other.close();
  });
});
