/**
 * The real HAProxy beside the real gateway, both after one authority that signs whatever a test
 * wants: the same requests, and the same verdicts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Asked, exchange } from './rig/exchange.ts';
import {
  type ForgedToken,
  type ForgingAuthority,
  startForgingAuthority,
  strangeSigner,
} from './rig/forging-authority.ts';
import { type GatewayProcess, startGatewayProcess } from './rig/gateway.ts';
import { answers, type RunningHaproxy, startHaproxy } from './rig/haproxy.ts';
import { type Folder, freshFolder } from './rig/mintmark.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

let folder: Folder;
let authority: ForgingAuthority;
let upstream: Upstream;
let gateway: GatewayProcess;
/** Refuses what it cannot judge, and asks the gateway about it. */
let alone: RunningHaproxy;
let chained: RunningHaproxy;

const key = 'mm_admin_any';

beforeAll(async () => {
  folder = freshFolder();
  authority = await startForgingAuthority();
  upstream = await startUpstream();
  const to = { upstream: upstream.origin };
  const route = (name: string, wire: Readonly<Record<string, unknown>> = {}): void =>
    authority.route(name, { match: { path_prefix: `/${name}` }, ...to, ...wire } as never);
  route('api', { scopes: ['read'] });
  route('admin', { scopes: ['read', 'admin'] });
  route('audience', { audience: 'https://api.example' });
  route('open', { credential: 'none' });
  route('maybe', { credential: 'optional' });
  route('here', { address_ranges: ['127.0.0.1/32'] });
  route('there', { address_ranges: ['10.0.0.0/8'] });
  route('quiet', { identity_headers: false, preserve_host: false });
  route('strip', { strip_prefix: true, upstream: `${upstream.origin}/base` });
  route('methods', { match: { path_prefix: '/methods', methods: ['GET'] } });
  route('hosted', { match: { path_prefix: '/', host: 'hosted.example' } });
  route('pages', { cors: { origins: ['https://app.example'] } });
  route('bucket', { limits: [{ name: 'b', kind: 'rate', quota: 2, window_seconds: 60 }] });
  route('window', { limits: [{ name: 'w', by: 'client', quota: 3, window_seconds: 3_600 }] });
  route('stale', { on_stale: { continue_seconds: 30 } });
  const after = { home: folder.path, authority: authority.url, key };
  gateway = await startGatewayProcess(after);
  const common = { home: folder.path, authority: authority.url, key };
  alone = await startHaproxy({ ...common, name: 'alone' });
  const chain = new URL(gateway.origin).host;
  chained = await startHaproxy({ ...common, name: 'chained', chain });
}, 60_000);

afterAll(async () => {
  for (const one of [alone, chained]) await one?.stop();
  await gateway?.child.stop('SIGKILL');
  await upstream?.close();
  await authority?.close();
  folder?.remove();
});

const bearer = (token: string): Readonly<Record<string, string>> => ({
  authorization: `Bearer ${token}`,
});

/** What a client acts on: status, challenge, code. Hosts differ, for ports do. */
function verdictOf({ status, headers, body }: Answer) {
  const challenge = headers.get('www-authenticate')?.replaceAll(/127\.0\.0\.1:\d+/g, 'host');
  return { status, challenge, code: body['code'] };
}

async function verdicts(path: string, asked: Asked = {}) {
  const all = [gateway, alone, chained].map(({ origin }) =>
    exchange(origin, { ...asked, rawPath: path }),
  );
  const [ours, ...theirs] = (await Promise.all(all)).map(verdictOf);
  return { ours: ours!, alone: theirs[0]!, chained: theirs[1]! };
}

/** HAProxy alone has no use for proofs, and does not offer to take them. */
function withoutProofs<T extends { readonly challenge: string | undefined }>(verdict: T): T {
  return { ...verdict, challenge: verdict.challenge?.replace(/, DPoP .*$/, '') };
}

async function expectSame(path: string, asked: Asked, status: number): Promise<void> {
  const { ours, alone: one, chained: other } = await verdicts(path, asked);
  expect(ours.status).toBe(status);
  expect(other).toEqual(ours);
  expect(one).toEqual(withoutProofs(ours));
}

const now = () => Math.floor(Date.now() / 1000);

describe('tokens', () => {
  it.each<[string, string, ForgedToken, number]>([
    ['is good', '/api/x', {}, 200],
    [
      'is good for several audiences',
      '/audience',
      { claims: { aud: ['https://api.example', 'y'] } },
      200,
    ],
    ['has further claims', '/api/x', { claims: { roles: ['dev'], plan: 'gold' } }, 200],
    ['is of a client for itself', '/api/x', { claims: { sub: 'client-1' } }, 200],
    ['has no family', '/api/x', { claims: { mm_family: undefined } }, 200],
    ['has expired', '/api/x', { claims: { exp: now() - 1, iat: now() - 600 } }, 401],
    ['begins later', '/api/x', { claims: { iat: now() + 120, exp: now() + 600 } }, 401],
    ['lives for too long', '/api/x', { claims: { exp: now() + 90_000 } }, 401],
    ['was made for another audience', '/audience', {}, 401],
    ['is of another issuer', '/api/x', { claims: { iss: 'https://other.example' } }, 401],
    ['is of another tenant', '/api/x', { claims: { mm_tenant: 'other' } }, 401],
    ['is an ID token', '/api/x', { header: { typ: 'JWT' } }, 401],
    ['has no type', '/api/x', { header: { typ: undefined as never } }, 401],
    ['names a key that nobody trusts', '/api/x', { header: { kid: 'other' } }, 401],
    ['was signed by a stranger', '/api/x', { signer: strangeSigner() }, 401],
    ['has no signature', '/api/x', { signature: '' }, 401],
    ['is of no algorithm', '/api/x', { header: { alg: 'none' }, signature: '' }, 401],
    ['lacks a scope', '/admin/x', {}, 403],
    ['has no scopes', '/api/x', { claims: { scope: undefined } }, 403],
    ['has a scope that only begins like it', '/api/x', { claims: { scope: 'reader write' } }, 403],
    ['is bound to a key', '/api/x', { claims: { cnf: { jkt: 'x'.repeat(43) } } }, 401],
    ['has an expiry in text', '/api/x', { claims: { exp: String(now() + 600) } }, 401],
    ['has an unknown critical header', '/api/x', { header: { crit: ['x'], x: 1 } }, 401],
  ])('one that %s', async (_, path, forged, status) => {
    const asked = { headers: bearer(authority.token(forged)) };
    const { ours, alone: one, chained: other } = await verdicts(path, asked);
    expect(ours.status).toBe(status);
    expect(other).toEqual(ours);
    expect(one.status).toBe(status);
    // A bound token is told to come back with a proof, which HAProxy alone cannot take.
    if (forged.claims?.['cnf'] === undefined) expect(one).toEqual(withoutProofs(ours));
  });

  it('are not verified with the public key as a secret', async () => {
    const { createHmac } = await import('node:crypto');
    const forged = authority.token({ header: { alg: 'HS256' }, signature: '' });
    const input = forged.slice(0, -1);
    const mac = createHmac('sha256', authority.publicPem()).update(input).digest('base64url');
    await expectSame('/api/x', { headers: bearer(`${input}.${mac}`) }, 401);
  });

  it('are good the second time, and their neighbours still bad', async () => {
    const token = authority.token();
    for (let times = 0; times < 3; times += 1) {
      await expectSame('/api/x', { headers: bearer(token) }, 200);
      await expectSame('/api/x', { headers: bearer(`${token.slice(0, -4)}AAAA`) }, 401);
    }
  });

  it('are wanted where none is presented', async () => {
    await expectSame('/api/x', {}, 401);
    await expectSame('/admin/x', {}, 401);
    await expectSame('/open/x', {}, 200);
    await expectSame('/maybe/x', {}, 200);
    await expectSame('/maybe/x', { headers: bearer('bad.bad.bad') }, 401);
    await expectSame('/open/x', { headers: bearer('bad.bad.bad') }, 200);
  });

  it('do not stand in a query', async () => {
    for (const query of ['access_token=x', '%61ccess_token=x', 'a=mm_key_1', 'a=1;access_token']) {
      await expectSame(`/api/x?${query}`, { headers: bearer(authority.token()) }, 400);
    }
    await expectSame('/api/x?page=1', { headers: bearer(authority.token()) }, 200);
  });

  it('of other kinds are the gateway’s to judge, or refused', async () => {
    const mixed = { ...bearer(authority.token()), 'x-api-key': 'mm_key_x' };
    const dpop = { authorization: `DPoP ${authority.token()}`, dpop: 'a.b.c' };
    for (const headers of [
      { 'x-api-key': 'mm_key_x' },
      { authorization: 'Basic eDp5' },
      mixed,
      dpop,
    ]) {
      const { ours, alone: one, chained: other } = await verdicts('/api/x', { headers });
      expect(other).toEqual(ours);
      expect(one.status).toBe(401);
    }
  });
});

describe('routes', () => {
  it('are chosen alike', async () => {
    const headers = bearer(authority.token());
    await expectSame('/methods/x', { headers, method: 'GET' }, 200);
    await expectSame('/methods/x', { headers, method: 'POST' }, 405);
    await expectSame('/apix', { headers }, 404);
    await expectSame('/api', { headers }, 200);
    await expectSame('/here/x', { headers }, 200);
    await expectSame('/there/x', { headers }, 403);
    await expectSame('/anything', { headers: { ...headers, host: 'hosted.example' } }, 200);
    await expectSame('/anything', { headers: { ...headers, host: 'HOSTED.example.:8080' } }, 200);
    await expectSame('/anything', { headers: { ...headers, host: 'other.example' } }, 404);
  });

  it.each([
    ...[
      '/api/../admin/x',
      '/api/%2e%2e/admin/x',
      '/api/..%2fadmin',
      '/api/%5c../x',
      '/api/;x/../y',
    ],
    ...['/api/%00', '/api/x%2fy', '/api/%252e%252e/x', '/api/%', '/api/%c0%af', '/api/x#/../y'],
  ])('let %s through to nobody', async (path) => {
    const asked = { headers: bearer(authority.token()) };
    const { ours, alone: one, chained: other } = await verdicts(path, asked);
    expect([ours.status, one.status, other.status]).toEqual([400, 400, 400]);
  });

  it('are not moved by a host with a slash in it', async () => {
    const headers = { ...bearer(authority.token()), host: 'hosted.example/api' };
    const { alone: one, chained: other } = await verdicts('/nowhere', { headers });
    expect([one.status, other.status]).toEqual([400, 400]);
  });

  it.each([
    'x,hosted.example/api',
    'hosted.example/api,x',
    'x, hosted.example',
    'hosted.example,hosted.example',
    'hosted..example',
    'hosted.example:65536',
  ])('are nobody’s by a host of several, as %s is', async (host) => {
    const headers = { ...bearer(authority.token()), host };
    const { ours, alone: one, chained: other } = await verdicts('/nowhere', { headers });
    expect([ours.status, one.status, other.status]).toEqual([400, 400, 400]);
  });

  it('take paths that are in their normal form, and the gateway takes the others', async () => {
    const headers = bearer(authority.token());
    await expectSame('/api/caf%C3%A9/.well-known/x', { headers }, 200);
    const odd = await verdicts('/api//x/%7euser', { headers });
    expect([odd.ours.status, odd.alone.status, odd.chained.status]).toEqual([200, 400, 200]);
  });

  it('that HAProxy cannot judge go to the gateway, or are refused', async () => {
    const headers = { ...bearer(authority.token()), origin: 'https://app.example' };
    const { ours, alone: one, chained: other } = await verdicts('/pages/x', { headers });
    expect(other).toEqual(ours);
    expect(one).toMatchObject({ status: 403, code: 'not_judged_here' });
  });

  it('say where a token is to be had', async () => {
    const path = '/.well-known/oauth-protected-resource/admin';
    for (const { origin } of [gateway, alone, chained]) {
      const { status, body, headers } = await exchange(`${origin}${path}`);
      expect(status).toBe(200);
      expect(headers.get('access-control-allow-origin')).toBe('*');
      expect(body).toEqual({
        resource: `${origin}/admin`,
        authorization_servers: [authority.issuer],
        bearer_methods_supported: ['header'],
        scopes_supported: ['admin', 'read'],
      });
    }
  });
});

describe('what the upstream is told', () => {
  /** As it arrived, but for what differs from one connection to another. */
  async function told(origin: string, path: string, headers: Readonly<Record<string, string>>) {
    const answer = await exchange(origin, {
      rawPath: path,
      headers: { host: 'api.example', ...headers },
    });
    const { connection: _, ...seen } = answer.body['headers'] as Record<string, string>;
    return { path: answer.body['path'], headers: seen };
  }

  it.each(['/api/x?y=1', '/quiet/x', '/strip/a/b?c', '/strip', 'http://api.example/quiet/x?z'])(
    'is the same on %s',
    async (path) => {
      const headers = bearer(authority.token({ claims: { sub: 'client-1' } }));
      const ours = await told(gateway.origin, path, headers);
      expect(await told(alone.origin, path, headers)).toEqual(ours);
      expect(ours.headers).not.toHaveProperty('authorization');
    },
  );

  it('is not what a client says in our name, under no spelling', async () => {
    const headers = {
      ...bearer(authority.token()),
      ...{ 'X-Mintmark-Subject': 'root', X_Mintmark_Subject: 'root', 'x.mintmark.tenant': 'root' },
      ...{ 'X-Forwarded-For': '6.6.6.6', x_forwarded_for: '6.6.6.6', 'x-real-ip': '6.6.6.6' },
      ...{ forwarded: 'for=6.6.6.6', 'X-Original-URL': '/admin', x_http_method_override: 'DELETE' },
      ...{ proxy: 'http://evil.example', 'transfer.encoding': 'chunked', 'x-custom': 'kept' },
    };
    const ours = await told(gateway.origin, '/api/x', headers);
    const theirs = await told(alone.origin, '/api/x', headers);
    expect(theirs).toEqual(ours);
    expect(JSON.stringify(theirs)).not.toMatch(/root|6\.6\.6\.6|evil|DELETE/);
    expect(theirs.headers['x-custom']).toBe('kept');
    expect(theirs.headers['x-mintmark-subject']).toBe('user-1');
  });

  it('cannot be nominated away', async () => {
    const headers = { ...bearer(authority.token()), connection: 'x-mintmark-subject' };
    const { headers: seen } = await told(alone.origin, '/api/x', headers);
    expect(seen['x-mintmark-subject']).toBe('user-1');
  });
});

describe('limits', () => {
  it('deny by the same bucket', async () => {
    const asked = { headers: bearer(authority.token()) };
    const statuses: number[][] = [];
    for (let times = 0; times < 4; times += 1) {
      const { ours, alone: one } = await verdicts('/bucket/x', asked);
      statuses.push([ours.status, one.status]);
    }
    expect(statuses).toEqual([
      [200, 200],
      [200, 200],
      // The first of them went through HAProxy with a gateway behind as well, but not by it.
      [429, 429],
      [429, 429],
    ]);
    const { headers, body } = await exchange(`${alone.origin}/bucket/x`, asked);
    expect(body).toMatchObject({ code: 'quota_exceeded', 'violated-policies': ['b'] });
    expect(headers.get('ratelimit-policy')).toBe('"b";q=2;w=60');
    expect(headers.get('ratelimit')).toMatch(/^"b";r=0;t=(?:5|6)\d$/);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(20);
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(30);
  });

  it('count by client, whatever its token', async () => {
    const claims = { client_id: 'client-of-windows' };
    const statuses: number[] = [];
    for (let times = 0; times < 5; times += 1) {
      const headers = bearer(authority.token({ claims }));
      statuses.push((await exchange(`${alone.origin}/window/x`, { headers })).status);
    }
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    const other = bearer(authority.token({ claims: { client_id: 'another' } }));
    expect((await exchange(`${alone.origin}/window/x`, { headers: other })).status).toBe(200);
  });

  it('are not spent by who is refused', async () => {
    const claims = { client_id: 'client-denied', aud: 'https://wrong.example' };
    for (let times = 0; times < 5; times += 1) {
      const headers = bearer(authority.token({ claims }));
      await answers(`${alone.origin}/window/x`, { headers }, 401);
    }
    const headers = bearer(authority.token({ claims: { client_id: 'client-denied' } }));
    expect((await exchange(`${alone.origin}/window/x`, { headers })).status).toBe(200);
  });
});
