/**
 * The real Envoy beside the real gateway, both after one authority that signs whatever a test
 * wants. One Envoy has the gateway behind it: the same requests get the same verdicts. The other
 * has a stranger there, who answers 299: so it is seen what Envoy judges by itself.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningEnvoy, startEnvoy } from './rig/envoy.ts';
import { type Answer, type Asked, exchange } from './rig/exchange.ts';
import {
  type ForgedToken,
  type ForgingAuthority,
  startForgingAuthority,
  strangeSigner,
} from './rig/forging-authority.ts';
import { type GatewayProcess, startGatewayProcess } from './rig/gateway.ts';
import { type Folder, freshFolder } from './rig/mintmark.ts';
import { until } from './rig/until.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

let folder: Folder;
let authority: ForgingAuthority;
let upstream: Upstream;
let stranger: Server;
let gateway: GatewayProcess;
/** With the stranger behind it. */
let alone: RunningEnvoy;
/** With the gateway behind it. */
let chained: RunningEnvoy;

const key = 'mm_admin_any';
/** Answered by the stranger: Envoy did not judge it. */
const elsewhere = 299;

beforeAll(async () => {
  folder = freshFolder();
  authority = await startForgingAuthority();
  upstream = await startUpstream();
  stranger = createServer((_, answer) => answer.writeHead(elsewhere).end());
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  const to = { upstream: upstream.origin };
  const route = (name: string, wire: Readonly<Record<string, unknown>> = {}): void =>
    authority.route(name, { match: { path_prefix: `/${name}` }, ...to, ...wire } as never);
  route('api', { scopes: ['read'] });
  route('admin', { scopes: ['read', 'admin'] });
  route('audience', { audience: 'https://api.example' });
  route('open', { credential: 'none' });
  route('maybe', { credential: 'optional' });
  route('quiet', { identity_headers: false, preserve_host: false });
  route('strip', { strip_prefix: true, upstream: `${upstream.origin}/base` });
  route('methods', { match: { path_prefix: '/methods', methods: ['GET'] } });
  route('hosted', { match: { path_prefix: '/', host: 'hosted.example' } });
  route('pages', { cors: { origins: ['https://app.example'] } });
  route('bucket', {
    limits: [{ name: 'b', kind: 'rate', quota: 2, window_seconds: 60, burst: 2 }],
  });
  route('window', { limits: [{ name: 'w', quota: 3, window_seconds: 3_600 }] });
  const after = { home: folder.path, authority: authority.url, key };
  gateway = await startGatewayProcess(after);
  const common = { home: folder.path, authority: authority.url, key };
  const { port } = stranger.address() as AddressInfo;
  alone = await startEnvoy({ ...common, name: 'alone', chain: `127.0.0.1:${port}` });
  const chain = new URL(gateway.origin).host;
  chained = await startEnvoy({ ...common, name: 'chained', chain });
  await judgesByItself();
}, 90_000);

afterAll(async () => {
  for (const one of [alone, chained]) await one?.stop();
  await gateway?.child.stop('SIGKILL');
  await upstream?.close();
  await authority?.close();
  stranger?.close();
  folder?.remove();
});

const bearer = (token: string): Readonly<Record<string, string>> => ({
  authorization: `Bearer ${token}`,
});
const good = () => ({ headers: bearer(authority.token()) });

function byItself(path: string, asked: Asked): Promise<number> {
  return exchange(alone.origin, { ...asked, rawPath: path }).then(({ status }) => status);
}

async function judgesByItself(): Promise<void> {
  await until('envoy judges by itself', async () => {
    return (await byItself('/api/x', good())) === 200 ? true : undefined;
  });
}

/** What a client acts on: status, challenge, code. Hosts differ, for ports do. */
function verdictOf({ status, headers, body }: Answer) {
  const challenge = headers.get('www-authenticate')?.replaceAll(/127\.0\.0\.1:\d+/g, 'host');
  return { status, challenge, code: body['code'] };
}

/** @param own what Envoy alone answers: 200 where it judges, 299 where it leaves it */
async function expectSame(path: string, asked: Asked, status: number, own: number): Promise<void> {
  const [ours, theirs] = await Promise.all(
    [gateway, chained].map(({ origin }) => exchange(origin, { ...asked, rawPath: path })),
  );
  expect(ours!.status).toBe(status);
  expect(verdictOf(theirs!)).toEqual(verdictOf(ours!));
  expect(await byItself(path, asked)).toBe(own);
}

const now = () => Math.floor(Date.now() / 1000);

describe('tokens', () => {
  it.each<[string, string, ForgedToken, number]>([
    ['is good', '/api/x', {}, 200],
    ['is good for several', '/audience', { claims: { aud: ['https://api.example', 'y'] } }, 200],
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
    await expectSame(path, asked, status, status === 200 ? 200 : elsewhere);
  });

  it('are good the second time, and their neighbours still bad', async () => {
    const token = authority.token();
    const neighbour = `${token.slice(0, -4)}${token.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
    for (let times = 0; times < 3; times += 1) {
      await expectSame('/api/x', { headers: bearer(token) }, 200, 200);
      await expectSame('/api/x', { headers: bearer(neighbour) }, 401, elsewhere);
    }
  });

  it('are wanted where none is presented', async () => {
    await expectSame('/api/x', {}, 401, elsewhere);
    await expectSame('/open/x', {}, 200, 200);
    await expectSame('/maybe/x', {}, 200, 200);
    await expectSame('/maybe/x', { headers: bearer('bad.bad.bad') }, 401, elsewhere);
    await expectSame('/open/x', { headers: bearer('bad.bad.bad') }, 200, 200);
  });

  it('do not stand in a query', async () => {
    for (const query of ['access_token=x', '%61ccess_token=x', 'a=mm_key_1', 'a=1;access_token']) {
      await expectSame(`/api/x?${query}`, good(), 400, elsewhere);
    }
    await expectSame('/api/x?page=1', good(), 200, 200);
  });

  it('of other kinds are left to the gateway', async () => {
    const mixed = { ...bearer(authority.token()), 'x-api-key': 'mm_key_x' };
    const dpop = { authorization: `DPoP ${authority.token()}`, dpop: 'a.b.c' };
    const lasting = { ...bearer(authority.token()), accept: 'text/event-stream' };
    for (const headers of [
      { 'x-api-key': 'mm_key_x' },
      { authorization: 'Basic eDp5' },
      mixed,
      dpop,
    ]) {
      const theirs = await exchange(`${chained.origin}/api/x`, { headers });
      const ours = await exchange(`${gateway.origin}/api/x`, { headers });
      expect(verdictOf(theirs)).toEqual(verdictOf(ours));
      expect(await byItself('/api/x', { headers })).toBe(elsewhere);
    }
    expect(await byItself('/api/x', { headers: lasting })).toBe(elsewhere);
  });
});

describe('routes', () => {
  it('are chosen alike', async () => {
    await expectSame('/methods/x', { ...good(), method: 'GET' }, 200, 200);
    await expectSame('/methods/x', { ...good(), method: 'POST' }, 405, elsewhere);
    await expectSame('/apix', good(), 404, elsewhere);
    await expectSame('/api', good(), 200, 200);
    const at = (host: string) => ({ headers: { ...good().headers, host } });
    await expectSame('/anything', at('hosted.example'), 200, 200);
    await expectSame('/anything', at('HOSTED.example:8080'), 200, 200);
    await expectSame('/anything', at('hosted.example.'), 200, elsewhere);
    await expectSame('/anything', at('other.example'), 404, elsewhere);
    await expectSame('/api/x', at('hosted.example:'), 400, elsewhere);
  });

  it('take one normal form of a path, and what is judged is what is sent', async () => {
    for (const path of ['/api/%5c../x', '/api/x;y', '/api/%252e%252e/x', '/api/%c0%af']) {
      expect(await byItself(path, good())).not.toBe(200);
    }
    // Envoy brings ways up to their end before anybody judges; a gateway refuses them.
    for (const path of ['/open/../admin/x', '/open/%2e%2e/admin/x', '//open/..//admin/x']) {
      expect(await byItself(path, good())).toBe(elsewhere);
    }
    for (const path of ['/open/..%2fadmin', '/open/x%2fy', '/open/%5cx']) {
      expect([400, elsewhere]).toContain(await byItself(path, good()));
    }
  });

  it('that Envoy cannot judge go to the gateway', async () => {
    await expectSame('/pages/x', good(), 200, elsewhere);
    await expectSame('/window/x', good(), 200, elsewhere);
  });

  it('are not opened by a verdict that a client brings', async () => {
    const { 'x-mintmark-verdict': _, ...none } = { 'x-mintmark-verdict': '' };
    const names = ['X-Mintmark-Verdict', 'x-mintmark-verdict', 'x_mintmark_verdict'];
    const config = await import('node:fs').then(({ readFileSync }) =>
      readFileSync(`${alone.folder}/routes.json`, 'utf8'),
    );
    const verdict = /"exact":"(api@[0-9a-f]+)"/.exec(config)?.[1];
    expect(verdict).toBeDefined();
    for (const name of names) {
      const headers = { ...none, [name]: verdict! };
      expect(await byItself('/api/x', { headers })).not.toBe(200);
    }
  });
});

describe('what the upstream is told', () => {
  async function told(origin: string, path: string, headers: Readonly<Record<string, string>>) {
    const answer = await exchange(`${origin}${path}`, {
      headers: { host: 'api.example', ...headers },
    });
    const { connection: _, via: __, ...seen } = answer.body['headers'] as Record<string, string>;
    return { path: answer.body['path'], headers: seen };
  }

  it.each(['/api/x?y=1', '/quiet/x', '/strip/a/b?c', '/strip'])(
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
      ...{ 'X-Mintmark-Subject': 'root', 'x.mintmark.tenant': 'root', 'x-real-ip': '6.6.6.6' },
      ...{ 'X-Forwarded-For': '6.6.6.6', 'x.forwarded.host': 'evil', forwarded: 'for=6.6.6.6' },
      ...{ 'X-Original-URL': '/admin', proxy: 'http://evil.example', 'x-custom': 'kept' },
      ...{ 'x-envoy-original-path': '/evil', 'x-http-method-override': 'DELETE' },
    };
    const ours = await told(gateway.origin, '/api/x', headers);
    const theirs = await told(alone.origin, '/api/x', headers);
    expect(theirs).toEqual(ours);
    expect(JSON.stringify(theirs)).not.toMatch(/root|6\.6\.6\.6|evil|DELETE/);
    expect(theirs.headers['x-custom']).toBe('kept');
    expect(theirs.headers['x-mintmark-subject']).toBe('user-1');
    const folded = { ...bearer(authority.token()), x_mintmark_subject: 'root' };
    expect(await byItself('/api/x', { headers: folded })).toBe(400);
  });

  it('cannot be nominated away', async () => {
    const headers = { ...bearer(authority.token()), connection: 'x-mintmark-subject' };
    const answer = await exchange(`${alone.origin}/api/x`, { headers });
    const seen = answer.body['headers'] as Record<string, string> | undefined;
    expect(seen?.['x-mintmark-subject'] ?? 'user-1').toBe('user-1');
  });
});

describe('limits', () => {
  it('deny by the bucket of each caller', async () => {
    const asked = good();
    const statuses: number[] = [];
    for (let times = 0; times < 4; times += 1) statuses.push(await byItself('/bucket/x', asked));
    expect(statuses).toEqual([200, 200, 429, 429]);
    expect(await byItself('/bucket/x', good())).toBe(200);
    const { body, headers } = await exchange(`${alone.origin}/bucket/x`, asked);
    expect(body).toMatchObject({ status: 429, code: 'quota_exceeded' });
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('retry-after')).toBe('30');
  });
});

describe('news', () => {
  it.each([
    ['token', (jti: string) => ({ kind: 'token', id: jti })],
    ['client', () => ({ kind: 'client', id: 'client-x' })],
    ['user', () => ({ kind: 'user', id: 'user-x' })],
    ['family', () => ({ kind: 'family', id: 'family-x' })],
    ['holder', () => ({ kind: 'holder', id: 'client-x user-x' })],
  ] as const)('of a revoked %s arrive, and spare what came after', async (_, target) => {
    const claims = { sub: 'user-x', client_id: 'client-x', mm_family: 'family-x' };
    const jti = `jti-${Math.random()}`;
    const asked = { headers: bearer(authority.token({ claims: { ...claims, jti } })) };
    expect(await byItself('/api/x', asked)).toBe(200);
    authority.revoke(target(jti) as never);
    await until('it is left to the gateway', async () =>
      (await byItself('/api/x', asked)) === elsewhere ? true : undefined,
    );
    const later = { headers: bearer(authority.token({ claims })) };
    expect(await byItself('/api/x', later)).toBe(200);
  });

  it('of what is from before a moment arrive', async () => {
    const claims = { client_id: 'client-m', iat: now() - 100, exp: now() + 600 };
    const asked = { headers: bearer(authority.token({ claims })) };
    expect(await byItself('/api/x', asked)).toBe(200);
    authority.revoke({ kind: 'client', id: 'client-m' } as never, { before: now() - 50 });
    await until('it is left to the gateway', async () =>
      (await byItself('/api/x', asked)) === elsewhere ? true : undefined,
    );
  });

  it('of keys and routes arrive, with no request lost', async () => {
    let failed = 0;
    let going = true;
    const load = (async () => {
      const asked = good();
      while (going) {
        const { status } = await exchange(`${alone.origin}/api/x`, asked).catch(() => ({
          status: 0,
        }));
        if (status !== 200) failed += 1;
      }
    })();
    const before = authority.token();
    await authority.rotate();
    const to = { upstream: upstream.origin };
    authority.route('fresh', { match: { path_prefix: '/fresh' }, ...to } as never);
    await until('the new route is judged', async () =>
      (await byItself('/fresh/x', good())) === 200 ? true : undefined,
    );
    expect(await byItself('/fresh/x', { headers: bearer(before) })).toBe(200);
    going = false;
    await load;
    expect(failed).toBe(0);
  });

  it('end with who brings them, and Envoy leaves everything to the gateway', async () => {
    const asked = good();
    expect(await byItself('/api/x', asked)).toBe(200);
    await alone.sync.stop('SIGKILL');
    await until('everything is left to the gateway', async () =>
      (await byItself('/api/x', asked)) === elsewhere ? true : undefined,
    );
    expect(await byItself('/open/x', {})).toBe(200);
    alone.startSync();
    await judgesByItself();
  });

  it('end where the authority falls silent', async () => {
    const asked = good();
    authority.silence(true);
    await until('everything is left to the gateway', async () =>
      (await byItself('/api/x', asked)) === elsewhere ? true : undefined,
    );
    authority.silence(false);
    await judgesByItself();
  });
});
