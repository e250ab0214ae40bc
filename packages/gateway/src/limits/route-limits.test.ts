/** Limits of routes, through a whole gateway. */
import {
  defaultTenant,
  type LimitStore,
  NetworkFault,
  type TenantId,
  type UnixMs,
} from '@mintmark/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig } from '../conformance/rig.ts';
import { compileRoute } from '../routes/route-table.ts';
import { createRouteLimiter } from './route-limiter.ts';
import type { Spender, Spent } from './spender.ts';

let upstream: RawUpstream;
let rig: Rig;

beforeAll(async () => {
  const answer = ['HTTP/1.1 200 OK', 'RateLimit: "theirs";r=9;t=9', 'Content-Length: 2', '', 'ok'];
  upstream = await openRawUpstream((socket) => socket.write(answer.join('\r\n')));
});
afterAll(() => upstream.close());

/** Shorter than the lease of the view, so that a test may let it pass. */
const soon = { quota: 3, window_seconds: 3 };

beforeEach(async () => {
  const to = { upstream: upstream.url };
  const route = (name: string, limits: readonly object[], more: object = {}) => ({
    ...{ name, match: { path_prefix: `/${name}` }, limits, ...to, ...more },
  });
  rig = await openRig([
    route('tokens', [{ name: 'burst', ...soon }]),
    route('users', [{ name: 'each', by: 'user', ...soon }]),
    route('clients', [{ name: 'each', by: 'client', ...soon }]),
    route('tenants', [{ name: 'all', by: 'tenant', ...soon }], { credential: 'optional' }),
    route('routes', [{ name: 'all', by: 'route', ...soon }], { credential: 'optional' }),
    route('open', [{ name: 'each', ...soon }], { credential: 'none' }),
    route('paced', [{ name: 'pace', kind: 'rate', ...soon, burst: 2 }]),
    route('dear', [{ name: 'units', ...soon, cost: 2 }]),
    route('both', [
      { name: 'few', ...soon },
      { name: 'fewer', by: 'user', quota: 2, window_seconds: 3600 },
    ]),
    route('page', [{ name: 'burst', ...soon }], { cors: { origins: ['https://app.example'] } }),
  ]);
});
afterEach(() => rig.close());

function get(path: string, credential?: string, more: object = {}): Promise<Answer> {
  const headers = credential === undefined ? {} : bearer(credential);
  return ask(rig.listener.port, { path, headers, ...more });
}

async function statuses(count: number, path: string, credential?: string): Promise<string> {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push((await get(path, credential)).status);
  return seen.join(' ');
}

describe('a limit of a route', () => {
  it('says what is left, and denies what is beyond with the problem of the draft', async () => {
    const token = rig.token();
    const first = await get('/tokens', token);
    expect(first.headers).toMatchObject({
      'ratelimit-policy': '"burst";q=3;w=3',
      ratelimit: '"burst";r=2;t=3',
    });
    expect(await statuses(2, '/tokens', token)).toBe('200 200');
    const denied = await get('/tokens', token);
    expect(denied).toMatchObject({
      status: 429,
      headers: {
        'content-type': 'application/problem+json',
        'cache-control': 'no-store',
        'retry-after': '3',
        'ratelimit-policy': '"burst";q=3;w=3',
        ratelimit: '"burst";r=0;t=3',
      },
    });
    expect(JSON.parse(denied.body)).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Too Many Requests',
      status: 429,
      code: 'quota_exceeded',
      'violated-policies': ['burst'],
    });
    expect(rig.gateway.metrics.value('mintmark_gateway_denied_total', 'quota_exceeded')).toBe(1);
    rig.clock.advanceMs(3_000);
    expect((await get('/tokens', rig.token())).status).toBe(200);
  });

  it('counts each token, user and client by itself', async () => {
    const [one, two] = [
      rig.token({ tokenId: 'T1' as never }),
      rig.token({ tokenId: 'T2' as never }),
    ];
    expect(await statuses(4, '/tokens', one)).toBe('200 200 200 429');
    expect(await statuses(1, '/tokens', two)).toBe('200');
    expect(await statuses(2, '/users', one)).toBe('200 200');
    expect(await statuses(2, '/users', two)).toBe('200 429');
    const other = rig.token({ tokenId: 'T3' as never, subject: 'subject-2' as never });
    expect(await statuses(1, '/users', other)).toBe('200');
    expect(await statuses(4, '/clients', one)).toBe('200 200 200 429');
    expect(await statuses(1, '/clients', other)).toBe('429');
    const elsewhere = rig.token({ tokenId: 'T4' as never, clientId: 'client-2' as never });
    expect(await statuses(1, '/clients', elsewhere)).toBe('200');
  });

  it('counts keys, which have no client, by their owner', async () => {
    const key = rig.key().text;
    await rig.caughtUp();
    expect(await statuses(4, '/clients', key)).toBe('200 200 200 429');
    expect(await statuses(4, '/tokens', key)).toBe('200 200 200 429');
  });

  it('counts who has no credential by address', async () => {
    expect(await statuses(4, '/open')).toBe('200 200 200 429');
    const from = { localAddress: '127.0.0.2' };
    expect((await get('/open', undefined, from)).status).toBe(200);
  });

  it('counts everybody together where it says so', async () => {
    const token = rig.token();
    expect(await statuses(2, '/routes', token)).toBe('200 200');
    expect(await statuses(2, '/routes')).toBe('200 429');
    expect(await statuses(2, '/tenants', token)).toBe('200 200');
    expect(await statuses(2, '/tenants')).toBe('200 429');
  });

  it('lets a burst through and then the rate', async () => {
    const token = rig.token();
    const first = await get('/paced', token);
    expect(first.headers['ratelimit-policy']).toBe('"pace";q=2;w=2');
    expect(await statuses(2, '/paced', token)).toBe('200 429');
    rig.clock.advanceMs(1_000);
    expect(await statuses(2, '/paced', token)).toBe('200 429');
  });

  it('charges what a request costs', async () => {
    expect(await statuses(2, '/dear', rig.token())).toBe('200 429');
  });

  it('spends all limits or none', async () => {
    const one = rig.token({ tokenId: 'T1' as never });
    expect(await statuses(2, '/both', one)).toBe('200 200');
    const denied = await get('/both', one);
    expect(JSON.parse(denied.body)['violated-policies']).toEqual(['fewer']);
    expect(denied.headers['ratelimit']).toBe('"few";r=1;t=3, "fewer";r=0;t=3600');
    expect((await get('/both', one)).headers['ratelimit']).toContain('"few";r=1');
  });

  it('spends nothing of a request that is refused otherwise', async () => {
    expect(await statuses(5, '/tokens', 'nothing')).toBe('401 401 401 401 401');
    expect(await statuses(3, '/tokens', rig.token())).toBe('200 200 200');
  });

  it('is given back where the key has no use left to spend', async () => {
    const { text } = rig.key({ metered: true });
    await rig.caughtUp();
    let uses = 1;
    rig.spend = async () =>
      uses-- > 0
        ? { spent: true }
        : { spent: false, code: 'uses_spent', retryAfterSeconds: undefined };
    expect(await statuses(4, '/tokens', text)).toBe('200 429 429 429');
    const denied = await get('/tokens', text);
    expect(JSON.parse(denied.body).code).toBe('uses_spent');
    uses = 9;
    expect(await statuses(3, '/tokens', text)).toBe('200 200 429');
  });

  it.each([
    ['open', '200 200 200 200'],
    ['closed', '503 503 503 503'],
    ['local', '200 200 200 429'],
  ])('goes on %s where the store in common is away, and says so', async (choice, seen) => {
    const fault = () => Promise.reject(new NetworkFault('limit_store_unavailable', 'away'));
    const common = { ...rig.limits.local, isCommon: true, spend: fault } as LimitStore;
    const own = { name: 'away', match: { path_prefix: '/' }, upstream: upstream.url };
    const each = [{ name: 'l', by: 'client', ...soon }];
    const route = { ...own, limits: each, on_limits_down: choice };
    const other = await openRig([route], {}, [], { limits: { ...rig.limits, common } });
    const answers: Answer[] = [];
    for (let i = 0; i < 4; i++) {
      const headers = bearer(other.token());
      answers.push(await ask(other.listener.port, { path: '/', headers }));
    }
    expect(answers.map(({ status }) => status).join(' ')).toBe(seen);
    if (choice === 'closed') {
      expect(answers[0]!.headers['retry-after']).toBe('1');
      expect(JSON.parse(answers[0]!.body)).toMatchObject({
        type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
        code: 'limits_unavailable',
      });
    }
    await other.close();
    expect(other.decisions.map(({ degraded }) => degraded)).toEqual([true, true, true, true]);
    expect(other.gateway.metrics.value('mintmark_gateway_limits_down_total', choice)).toBe(4);
  });

  it('is given back where the request cannot be audited', async () => {
    const own = { name: 'kept', match: { path_prefix: '/' }, upstream: upstream.url };
    const audited = { ...own, limits: [{ name: 'l', by: 'client', ...soon }], audit: 'required' };
    let isFull = true;
    const decisions = {
      accept: async () => undefined,
      record: async () => {
        if (isFull) throw new Error('disk full');
      },
    };
    const other = await openRig([audited], {}, [], { decisions });
    const path = '/';
    const get = () => ask(other.listener.port, { path, headers: bearer(other.token()) });
    expect((await get()).status).toBe(503);
    isFull = false;
    expect((await get()).headers['ratelimit']).toBe('"l";r=2;t=3');
    await other.close();
  });

  it('of gateways of two tenants is not one, where they count at the same store', async () => {
    const own = { name: 'r', match: { path_prefix: '/' }, upstream: upstream.url };
    const route = { ...own, limits: [{ name: 'l', by: 'route', ...soon }], credential: 'none' };
    const { limits } = rig;
    const one = await openRig([route], {}, [], { limits });
    const two = await openRig([route], {}, [], { limits });
    const left = async (at: Rig) => (await ask(at.listener.port)).headers['ratelimit'];
    expect([await left(one), await left(two)]).toEqual(['"l";r=2;t=3', '"l";r=1;t=3']);
    await Promise.all([one.close(), two.close()]);
    const seen: string[] = [];
    const keyOf = (home: string) => {
      const spender: Spender = {
        spend({ charges }) {
          seen.push(charges[0]!.key);
          return { refusal: undefined } as Spent;
        },
      };
      const compiled = compileRoute(route)!;
      const request = { route: compiled, tenant: defaultTenant, address: '::1' };
      const counting = { nowMs: () => 0 as UnixMs, home: home as TenantId };
      const asked = { ...request, identity: undefined, plans: undefined };
      return createRouteLimiter(spender, counting).spend(asked);
    };
    keyOf('acme');
    keyOf('umbrella');
    expect(seen[0]).not.toBe(seen[1]);
  });

  it('gives back what was spent while the credential was revoked', async () => {
    const { local } = rig.limits;
    const own = { name: 'slow', match: { path_prefix: '/' }, upstream: upstream.url };
    const route = { ...own, limits: [{ name: 'l', by: 'client', ...soon }] };
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    const spend: LimitStore['spend'] = async (charges) => {
      asked.resolve();
      await answered.promise;
      return local.spend(charges);
    };
    const common = { ...local, isCommon: true, spend } as LimitStore;
    const other = await openRig([route], {}, [], { limits: { ...rig.limits, common } });
    const path = '/';
    const token = other.token({ tokenId: 'T1' as never });
    const answer = ask(other.listener.port, { path, headers: bearer(token) });
    await asked.promise;
    other.revoke({ kind: 'token', id: 'T1' });
    await other.caughtUp();
    answered.resolve();
    expect((await answer).status).toBe(401);
    const next = other.token({ tokenId: 'T2' as never });
    const { headers } = await ask(other.listener.port, { path, headers: bearer(next) });
    expect(headers['ratelimit']).toBe('"l";r=2;t=3');
    await other.close();
  });

  it('is told to a page of another origin', async () => {
    const headers = { ...bearer(rig.token()), origin: 'https://app.example' };
    const { headers: said } = await ask(rig.listener.port, { path: '/page', headers });
    expect(said['access-control-expose-headers']).toContain('RateLimit');
    expect(said['ratelimit']).toBe('"burst";r=2;t=3');
  });
});
