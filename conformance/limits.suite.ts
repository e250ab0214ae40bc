/**
 * Limits in common: three gateways as processes of their own, whose clocks are seconds apart, and
 * a real Redis. `MINTMARK_LIMIT_REQUESTS` says how many requests each is asked at once
 * (`npm run limits:longer`: 10,000).
 */

import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Child, startChild } from './rig/child.ts';
import { exchange } from './rig/exchange.ts';
import {
  apply,
  call,
  type Installation,
  initialise,
  type Running,
  start,
} from './rig/installation.ts';
import { type Folder, freshFolder, command as program } from './rig/mintmark.ts';
import { type RedisServer, startRedis } from './rig/redis.ts';
import { until } from './rig/until.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

/** How far the wall clocks of the nodes are off. */
const skewsMs = [-5_000, 0, 5_000];
const each = Number(process.env['MINTMARK_LIMIT_REQUESTS'] ?? 600);
const quota = each;

let redis: RedisServer;
let folder: Folder;
let installation: Installation;
let authority: Running;
let upstream: Upstream;
let token: string;
const children: Child[] = [];
const gateways: string[] = [];
const operations: string[] = [];

const hour = { by: 'route', window_seconds: 3_600 };

beforeAll(async () => {
  redis = await startRedis();
  folder = freshFolder();
  upstream = await startUpstream();
  installation = await initialise(folder.path);
  authority = await start(installation, {
    ...{ command: 'authority', env: { CACHE: redis.password } },
    flags: ['--cache', redis.url, '--cache-password', 'env:CACHE', '--cache-deadline-ms', '5000'],
  });
  const route = (name: string, limit: object, more: object = {}) => ({
    ...{ name, match: { path_prefix: `/${name}` }, upstream: upstream.origin, credential: 'none' },
    ...{ limits: [{ name: 'all', ...hour, ...limit }], ...more },
  });
  const few = { quota: 5 };
  await apply(installation, {
    routes: [
      route('exact', { quota }, { limits_mode: 'strict' }),
      route('pace', { quota: 1, kind: 'rate', burst: quota }, { limits_mode: 'strict' }),
      route('fast', { quota }),
      { ...route('planned', few, { limits_mode: 'strict' }), limits: [], credential: 'required' },
      route('open', few, { limits_mode: 'strict', on_limits_down: 'open' }),
      route('closed', few, { limits_mode: 'strict', on_limits_down: 'closed' }),
      route('local', few, { limits_mode: 'strict', on_limits_down: 'local' }),
    ],
  });
  const json = { name: 'gateway', permissions: ['feed:read', 'decisions:write'] };
  token = String((await call(installation, 'POST /v1/admin-keys', json)).body['key']);
  for (const skewMs of skewsMs) await startGateway(skewMs);
}, 120_000);

afterAll(async () => {
  for (const child of children) await child.stop('SIGKILL');
  await authority?.child.stop('SIGKILL');
  await upstream?.close();
  await redis?.kill();
  folder?.remove();
});

async function startGateway(skewMs: number): Promise<void> {
  // What the process takes for the wall clock, and what it is by the clock that nobody shifted.
  const shifted =
    `const now=Date.now.bind(Date);Date.now=()=>now()+(${skewMs});` +
    'const {timeOrigin}=performance;' +
    "process.stderr.write('skew '+Math.round(Date.now()-timeOrigin-performance.now())+'\\n')";
  const skew = `--import=data:text/javascript,${encodeURIComponent(shifted)}`;
  const line = [
    ...['gateway', '--json', '--gateway-listen', '127.0.0.1:0', '--cache', redis.url],
    ...['--cache-password', 'env:CACHE', '--cache-deadline-ms', '5000'],
    ...['--gateway-node', `node${children.length}`],
    // A crowd is what is asked for: none of it is to be turned away.
    ...['--overload-delay-ms', '0'],
    ...['--gateway-authority', installation.issuer, '--gateway-token', 'env:KEY'],
  ];
  const child = startChild(process.execPath, [skew, program, ...line], {
    cwd: folder.path,
    env: { KEY: token, CACHE: redis.password },
  });
  children.push(child);
  const event = await until('the gateway listens', () => {
    if (child.ended() !== undefined) throw new Error(`gateway: ${child.stderr()}`);
    return child
      .stdout()
      .split('\n')
      .find((text) => text.includes('"listening"'));
  });
  const said = JSON.parse(event) as Record<string, string>;
  gateways.push(said['gateway']!);
  operations.push(said['operations']!);
  await until('it is ready', async () => {
    return (await exchange(`${said['operations']}/readyz`)).status === 200 ? true : undefined;
  });
}

/** @returns how often each status was answered, all nodes asked at once */
async function crowd(path: string): Promise<Readonly<Record<number, number>>> {
  const pools = gateways.map((url) => new Pool(url, { connections: 200, pipelining: 1 }));
  const seen: Record<number, number> = {};
  const asked = pools.flatMap((pool) =>
    Array.from({ length: each }, async () => {
      const { statusCode, body } = await pool.request({ path, method: 'GET' });
      await body.dump();
      seen[statusCode] = (seen[statusCode] ?? 0) + 1;
    }),
  );
  await Promise.all(asked);
  await Promise.all(pools.map((pool) => pool.close()));
  return seen;
}

async function statuses(count: number, path: string, node = 0): Promise<string> {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push((await exchange(`${gateways[node]}${path}`)).status);
  return seen.join(' ');
}

describe('three gateways whose clocks are ten seconds apart', () => {
  it('have clocks that are apart', () => {
    const skews = children.map((child) => Number(/^skew (-?\d+)$/m.exec(child.stderr())?.[1]));
    expect(skews.map((skew) => (skew / 1_000).toFixed(0).replace('-0', '0'))).toEqual([
      ...['-5', '0', '5'],
    ]);
  });

  it.each(['exact', 'pace'])('let through exactly the quota together: %s', async (name) => {
    const seen = await crowd(`/${name}`);
    expect(seen).toEqual({ 200: quota, 429: 3 * each - quota });
  });

  it('let through fast at most a batch of each too many', async () => {
    const { 200: allowed = 0, ...rest } = await crowd('/fast');
    expect(allowed).toBeGreaterThanOrEqual(quota);
    expect(allowed).toBeLessThanOrEqual(quota + 3 * Math.max(1, Math.floor(quota / 100)));
    expect(rest).toEqual({ 429: 3 * each - allowed });
  });

  it('hold a key to its plan together with the authority, and see what was raised', async () => {
    const monthly = { name: 'monthly', kind: 'calendar', period: 'month', quota: 4 };
    await call(installation, 'PUT /v1/plans/small', { limits: [monthly] });
    const settings = { name: 'k', scopes: [], plan: 'small' };
    const made = await call(installation, 'POST /v1/keys', settings);
    const { key, id } = made.body as { key: string; id: string };
    const get = async (node: number) => {
      const headers = { authorization: `Bearer ${key}` };
      return exchange(`${gateways[node]}/planned`, { headers });
    };
    await until('the plan is known', async () => {
      return (await get(0)).headers.get('ratelimit') === null ? undefined : true;
    });
    await call(installation, `POST /v1/limits/key/${id}/reset`, { reason: 'test' });
    expect((await call(installation, 'POST /v1/keys/verify', { key })).body).toMatchObject({
      ...{ active: true, limits: { plan: [{ name: 'monthly', remaining: 3 }] } },
    });
    const statuses = [];
    for (const node of [0, 1, 2, 0]) statuses.push((await get(node)).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect((await call(installation, 'POST /v1/keys/verify', { key })).body).toMatchObject({
      ...{ active: false, code: 'quota_exceeded' },
    });
    const shown = await call(installation, `GET /v1/limits/key/${id}`);
    expect(shown.body).toMatchObject({ counted: 'in_common', limits: [{ remaining: 0 }] });
    const raised = [{ limit: 'monthly', quota: 6 }];
    await call(installation, `PUT /v1/limits/key/${id}`, { raised, reason: 'test' });
    const left = await until('more is let through', async () => {
      const answer = await get(1);
      return answer.status === 200 ? answer.headers.get('ratelimit') : undefined;
    });
    expect(left).toMatch(/^"monthly";r=1;/);
  });

  it('do what each route says while the store is gone, and count again after', async () => {
    expect(await statuses(3, '/open', 0)).toBe('200 200 200');
    expect(await statuses(3, '/open', 1)).toBe('200 200 429');
    const load = Promise.all(gateways.map((_, node) => statuses(40, '/closed', node)));
    await redis.kill();
    const outcome = (await load).join(' ').split(' ');
    expect(outcome.filter((status) => status === '200').length).toBeLessThanOrEqual(5);
    expect(outcome.filter((status) => !['200', '429', '503'].includes(status))).toEqual([]);
    expect(outcome.at(-1)).toBe('503');
    expect(await statuses(7, '/open', 0)).toBe('200 200 200 200 200 200 200');
    expect(await statuses(2, '/closed', 1)).toBe('503 503');
    for (const node of [0, 1])
      expect(await statuses(6, '/local', node)).toBe('200 200 200 200 200 429');
    const metrics = (await exchange(`${operations[0]}/metrics`)).text;
    expect(metrics).toMatch(/mintmark_gateway_limits_down_total\{kind="open"\} \d/);
    expect(metrics).toMatch(/mintmark_gateway_degraded_total\{kind="allow"\} \d/);
    await redis.restart();
    await until('the nodes are connected again', async () => {
      const seen = await Promise.all(gateways.map((_, node) => statuses(1, '/closed', node)));
      return seen.includes('503') ? undefined : true;
    });
    // It came back empty: the count begins anew, for all together.
    const after = `${await statuses(4, '/local', 0)} ${await statuses(4, '/local', 2)}`;
    expect(after).toBe('200 200 200 200 200 429 429 429');
  });
});
