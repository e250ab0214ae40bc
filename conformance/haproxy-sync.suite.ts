/**
 * What HAProxy hears while it runs: revocations within a second, the end of its lease, new keys and
 * routes without a lost request. And the memory of verified signatures, in each of the four ways in
 * which it could let in what is bad: by what it forgets to judge, by what gets into it, by what it
 * outlives, and by who else may write to it.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange } from './rig/exchange.ts';
import {
  type ForgedToken,
  type ForgingAuthority,
  startForgingAuthority,
  strangeSigner,
} from './rig/forging-authority.ts';
import { answers, type RunningHaproxy, startHaproxy } from './rig/haproxy.ts';
import { type Folder, freshFolder } from './rig/mintmark.ts';
import { until } from './rig/until.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

let folder: Folder;
let authority: ForgingAuthority;
let upstream: Upstream;
/** Takes two seconds for its answer. */
let slow: Upstream;
let proxy: RunningHaproxy;

beforeAll(async () => {
  folder = freshFolder();
  authority = await startForgingAuthority();
  upstream = await startUpstream();
  const to = { upstream: upstream.origin };
  authority.route('api', { match: { path_prefix: '/api' }, ...to, scopes: ['read'] });
  authority.route('open', { match: { path_prefix: '/open' }, ...to, credential: 'none' });
  slow = await startSlow();
  authority.route('slow', { match: { path_prefix: '/slow' }, upstream: slow.origin });
  const onStale = { on_stale: { continue_seconds: 30 } };
  authority.route('stale', { match: { path_prefix: '/stale' }, ...to, ...onStale });
  const common = { home: folder.path, authority: authority.url, key: 'mm_admin_any' };
  proxy = await startHaproxy({ ...common, name: 'proxy' });
}, 60_000);

afterAll(async () => {
  await proxy?.stop();
  await upstream?.close();
  await slow?.close();
  await authority?.close();
  folder?.remove();
});

async function startSlow(): Promise<Upstream> {
  const server = createServer(async (_, answer) => {
    for (let times = 0; times < 20; times += 1) {
      answer.write('slow ');
      await pause(100);
    }
    answer.end();
  });
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await listening;
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** On a connection of its own: one that was kept may end at any moment, at every server. */
const asked = (token: string) => ({
  headers: { authorization: `Bearer ${token}`, connection: 'close' },
});

async function status(token: string, path = '/api/x'): Promise<number> {
  return (await exchange(`${proxy.origin}${path}`, asked(token))).status;
}

/** Seen twice: what it says afterwards, it says of a token that it remembers. */
async function remembered(forged: ForgedToken = {}): Promise<string> {
  const token = authority.token(forged);
  expect([await status(token), await status(token)]).toEqual([200, 200]);
  return token;
}

const entriesSeen = async (): Promise<number> =>
  Number(/used:(\d+)/.exec(await proxy.tell('show table seen'))?.[1]);

const now = () => Math.floor(Date.now() / 1000);

describe('revocations', () => {
  it.each<[Parameters<ForgingAuthority['revoke']>[0], ForgedToken['claims']]>([
    [{ kind: 'token', id: 'jti-of-one' }, { jti: 'jti-of-one' }],
    [{ kind: 'family', id: 'family-of-one' }, { mm_family: 'family-of-one' }],
    [{ kind: 'client', id: 'client-of-one' }, { client_id: 'client-of-one' }],
    [{ kind: 'user', id: 'user-of-one' }, { sub: 'user-of-one' }],
    [
      { kind: 'user', id: 'client:self' },
      { sub: 'self', client_id: 'self' },
    ],
    [
      { kind: 'holder', id: 'https%3A%2F%2Fc u' },
      { sub: 'u', client_id: 'https://c' },
    ],
  ])('of %o end what was good, and nothing that comes after them', async (target, claims = {}) => {
    const token = await remembered({ claims });
    const other = await remembered();
    authority.revoke(target);
    await answers(`${proxy.origin}/api/x`, asked(token), 401);
    expect(await status(other)).toBe(200);
    if (target.kind !== 'token') expect(await status(authority.token({ claims }))).toBe(200);
  });

  it('of a client leave a person of the same name alone', async () => {
    const token = await remembered({ claims: { sub: 'twin', client_id: 'other' } });
    authority.revoke({ kind: 'user', id: 'client:twin' });
    await pause(500);
    expect(await status(token)).toBe(200);
  });

  it('arrive within a second, and mostly at once', async () => {
    const delays: number[] = [];
    for (let times = 0; times < 100; times += 1) {
      const jti = `jti-timed-${times}`;
      const token = await remembered({ claims: { jti } });
      const begin = performance.now();
      authority.revoke({ kind: 'token', id: jti });
      await answers(`${proxy.origin}/api/x`, asked(token), 401);
      delays.push(performance.now() - begin);
    }
    delays.sort((a, b) => a - b);
    console.log(`revoked → refused: median ${delays[50]} ms, p99 ${delays[98]} ms`);
    expect(delays[98]).toBeLessThan(500);
    expect(delays[99]).toBeLessThan(1_000);
  });

  it('are in the maps of the next start too', async () => {
    const file = join(proxy.folder, 'maps', 'revoked-token.map');
    await until('the map on disk is new', () =>
      readFileSync(file, 'utf8').includes('jti-timed-99 ') ? true : undefined,
    );
  });
});

describe('the memory of verified signatures', () => {
  it('judges expiry of what it remembers, however often that is used', async () => {
    const token = await remembered({ claims: { exp: now() + 3 } });
    while (now() < JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()).exp) {
      await status(token);
      await pause(50);
    }
    expect(await status(token)).toBe(401);
  });

  it('holds nothing that was not verified, and is not filled by guesses', async () => {
    const before = await entriesSeen();
    const forged = authority.token({ signer: strangeSigner() });
    for (let times = 0; times < 5; times += 1) expect(await status(forged)).toBe(401);
    const tail = authority.token({ signature: 'A'.repeat(86) });
    for (let times = 0; times < 5; times += 1) expect(await status(tail)).toBe(401);
    expect(await entriesSeen()).toBe(before);
  });

  it('remembers the whole token, not a part of it', async () => {
    const token = await remembered();
    const [header, , signature] = token.split('.');
    const [, payload] = authority.token({ claims: { scope: 'read admin' } }).split('.');
    expect(await status(`${header}.${payload}.${signature}`)).toBe(401);
  });

  it('outlives no key', async () => {
    const kid = authority.kid();
    const token = await remembered();
    await authority.rotate();
    const next = authority.token();
    await answers(`${proxy.origin}/api/x`, asked(next), 200);
    expect(await status(token)).toBe(200);
    authority.push({ type: 'signing_key', kid, jwk: {}, status: 'retired' } as never);
    await answers(`${proxy.origin}/api/x`, asked(token), 401);
    expect(await status(next)).toBe(200);
  });

  it('is shared with nobody, and its socket is its owner’s alone', async () => {
    const text = readFileSync(join(proxy.folder, 'haproxy.cfg'), 'utf8');
    expect(text).not.toMatch(/^\s*peers/m);
    expect(text).toMatch(/stats socket .* mode 600 level admin/);
  });
});

describe('a guesser', () => {
  it('pays for no more signature checks, and others still pass', async () => {
    const token = await remembered();
    const from = '127.0.0.77';
    const forged = authority.token({ signer: strangeSigner() });
    const statuses = new Set<number>();
    for (let times = 0; times < 130; times += 1) {
      const answer = await exchange(`${proxy.origin}/api/x`, { ...asked(forged), from });
      statuses.add(answer.status);
    }
    expect([...statuses]).toEqual([401, 429]);
    const good = await exchange(`${proxy.origin}/api/x`, { ...asked(token), from });
    expect(good.status).toBe(200);
  });
});

describe('routes', () => {
  it('change under load without a lost request, or a download that ends early', async () => {
    const token = await remembered();
    const download = exchange(`${proxy.origin}/slow/x`, asked(token));
    let isOver = false;
    const seen = new Map<string, number>();
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!isOver) {
          const said = await status(token).catch((error: unknown) => String(error));
          seen.set(String(said), (seen.get(String(said)) ?? 0) + 1);
        }
      }),
    );
    const pid = await pidOf();
    const to = { upstream: upstream.origin };
    authority.route('added', { match: { path_prefix: '/added' }, ...to });
    await answers(`${proxy.origin}/added/x`, asked(token), 200);
    expect(await pidOf()).not.toBe(pid);
    authority.push({ type: 'route', name: 'added', route: null } as never);
    await answers(`${proxy.origin}/added/x`, asked(token), 404);
    isOver = true;
    await load;
    expect([...seen.keys()]).toEqual(['200']);
    expect(seen.get('200')).toBeGreaterThan(50);
    expect((await download).text).toBe('slow '.repeat(20));
  });

  it('are judged elsewhere as soon as a policy has a say', async () => {
    const token = await remembered();
    authority.push({ type: 'policy', name: 'p', policy: { versions: [] } } as never);
    await answers(`${proxy.origin}/api/x`, asked(token), 403);
    authority.push({ type: 'policy', name: 'p', policy: null } as never);
    await answers(`${proxy.origin}/api/x`, asked(token), 200);
  });
});

const pidOf = async (): Promise<string | undefined> =>
  /^Pid: (\d+)/m.exec(await proxy.tell('show info'))?.[1];

describe('a tenant that is disabled', () => {
  it('has no good token, and has them again afterwards', async () => {
    const token = await remembered();
    authority.push({ type: 'tenant', status: 'disabled' } as never);
    await answers(`${proxy.origin}/api/x`, asked(token), 401);
    authority.push({ type: 'tenant', status: 'active' } as never);
    await answers(`${proxy.origin}/api/x`, asked(token), 200);
  });
});

describe('without news', () => {
  /** Milliseconds until a token that was good is refused. */
  async function endsAfter(token: string): Promise<number> {
    const begin = performance.now();
    await answers(`${proxy.origin}/api/x`, asked(token), 503);
    return performance.now() - begin;
  }

  async function comesBack(token: string): Promise<void> {
    await answers(`${proxy.origin}/api/x`, asked(token), 200);
  }

  it('HAProxy refuses when the lease ends, but what needs no token or may go on', async () => {
    const token = await remembered();
    await status(token, '/stale/x');
    authority.silence(true);
    expect(await endsAfter(token)).toBeLessThan(5_300);
    const said = await exchange(`${proxy.origin}/api/x`, asked(token));
    expect(said.body['code']).toBe('status_stale');
    expect(await status(token, '/stale/x')).toBe(200);
    expect(await status(token, '/open/x')).toBe(200);
    authority.silence(false);
    await comesBack(token);
  });

  it('HAProxy refuses when the node that tells it has died', async () => {
    const token = await remembered();
    await proxy.sync.stop('SIGKILL');
    expect(await endsAfter(token)).toBeLessThan(5_300);
    // What was revoked meanwhile is known before it lets anybody in.
    const ended = authority.token({ claims: { jti: 'jti-meanwhile' } });
    authority.revoke({ kind: 'token', id: 'jti-meanwhile' });
    proxy.startSync();
    await comesBack(token);
    expect(await status(ended)).toBe(401);
  });

  it('a process that somebody starts anew refuses until it is told all', async () => {
    const token = await remembered({ claims: { jti: 'jti-before-start' } });
    authority.revoke({ kind: 'token', id: 'jti-before-start' });
    await answers(`${proxy.origin}/api/x`, asked(token), 401);
    const pid = await pidOf();
    process.kill(proxy.haproxy.pid, 'SIGUSR2');
    await until('another process', async () => {
      const found = await pidOf().catch(() => undefined);
      return found !== undefined && found !== pid ? true : undefined;
    });
    const seen = new Set<number>();
    const end = performance.now() + 1_000;
    while (performance.now() < end) seen.add(await status(token));
    expect(seen).not.toContain(200);
    await comesBack(authority.token());
  });
});

// Last: from then on every request takes the closer look, and none the short way.
describe('revocations by date', () => {
  it('end what was issued before it', async () => {
    const client = { client_id: 'client-of-dates' };
    const old = await remembered({ claims: { ...client, iat: now() - 100 } });
    const young = await remembered({ claims: { ...client, iat: now() - 10 } });
    authority.revoke({ kind: 'client', id: 'client-of-dates' }, { before: now() - 50 });
    await answers(`${proxy.origin}/api/x`, asked(old), 401);
    expect(await status(young)).toBe(200);
  });
});
