/** `mintmark gateway` as a process of its own, watched through its operations listener. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Child } from './rig/child.ts';
import { type Answer, exchange } from './rig/exchange.ts';
import { freePort } from './rig/free-port.ts';
import { type GatewayProcess, startGatewayProcess } from './rig/gateway.ts';
import {
  administer,
  apply,
  call,
  type Installation,
  initialise,
  type Running,
  start,
} from './rig/installation.ts';
import { type Folder, freshFolder } from './rig/mintmark.ts';
import { until } from './rig/until.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

let folder: Folder;
let installation: Installation;
let authority: Running;
let token: string;
const gateways: Child[] = [];

beforeAll(async () => {
  folder = freshFolder();
  installation = await initialise(folder.path);
  authority = await start(installation, { command: 'authority' });
  const json = { name: 'gateway', permissions: ['feed:read', 'decisions:write'] };
  token = String((await call(installation, 'POST /v1/admin-keys', json)).body['key']);
}, 60_000);

afterAll(async () => {
  for (const gateway of gateways) await gateway.stop('SIGKILL');
  await authority?.child.stop('SIGKILL');
  folder?.remove();
});

async function startGateway(...flags: readonly string[]): Promise<GatewayProcess> {
  const to = { home: folder.path, authority: installation.issuer, key: token };
  const started = await startGatewayProcess(to, ...flags);
  gateways.push(started.child);
  return started;
}

function readiness({ operations }: GatewayProcess, wanted: number): Promise<Answer> {
  return until(`readiness is ${wanted}`, async () => {
    const answer = await exchange(`${operations}/readyz`);
    return answer.status === wanted ? answer : undefined;
  });
}

describe('the operations of a gateway apart', () => {
  it('are on loopback, and shadow no path of the routes', async () => {
    const gateway = await startGateway();
    expect(new URL(gateway.operations).hostname).toBe('127.0.0.1');
    await readiness(gateway, 200);
    expect((await exchange(`${gateway.origin}/livez`)).status).toBe(404);
  });

  it('listen where they are told, or not at all', async () => {
    const at = `127.0.0.1:${await freePort()}`;
    const first = await startGateway('--gateway-operations-listen', at);
    expect(first.operations).toBe(`http://${at}`);
    const second = startGateway('--gateway-operations-listen', at);
    await expect(second).rejects.toThrow('listen_failed');
    await expect(startGateway('--gateway-operations-listen', '0.0.0.0:0')).rejects.toThrow(
      'insecure_http',
    );
  });

  it('and its judge listen apart from the routes', async () => {
    const gateway = await startGateway('--judge-listen', '127.0.0.1:0');
    await readiness(gateway, 200);
    const asked = await exchange(`${gateway.judge}/ext-authz/nowhere`);
    expect(asked).toMatchObject({ status: 404, body: { code: 'no_route' } });
    expect((await exchange(`${gateway.origin}/ext-authz/nowhere`)).status).toBe(404);
    expect((await exchange(`${gateway.operations}/ext-authz/nowhere`)).body['code']).toBe(
      'not_found',
    );
  });

  it('leave room for a second gateway on the same machine', async () => {
    const first = await startGateway();
    const second = await startGateway();
    expect(first.operations).not.toBe(second.operations);
    await Promise.all([readiness(first, 200), readiness(second, 200)]);
  });

  it('count what the gateway decides, for nobody but those who reach them', async () => {
    const upstream: Upstream = await startUpstream();
    const route = { match: { path_prefix: '/up' }, credential: 'none', upstream: upstream.origin };
    await apply(installation, { routes: [{ name: 'up', ...route }] });
    const gateway = await startGateway();
    await readiness(gateway, 200);
    await until('the route is there', async () =>
      (await exchange(`${gateway.origin}/up`)).status === 200 ? true : undefined,
    );
    const { text } = await exchange(`${gateway.operations}/metrics`);
    expect(text).toMatch(/^mintmark_gateway_allowed_total\{kind="none"\} [1-9]/m);
    await upstream.close();
    // The authority shows its own at its public port, and to its administrators alone.
    expect((await exchange(`${installation.issuer}/metrics`)).status).toBe(401);
    const shown = await call(installation, 'GET /metrics');
    expect(shown.text).toMatch(/^mintmark_feed_head \d+$/m);
    const other = await call({ ...installation, adminKey: token }, 'GET /metrics');
    expect(other.status).toBe(403);
  });

  it('are alive, not ready, without an authority: before the first view and after it', async () => {
    const gateway = await startGateway();
    await readiness(gateway, 200);
    await authority.child.stop('SIGKILL');
    expect((await readiness(gateway, 503)).body['code']).toBe('status_stale');
    expect((await exchange(`${gateway.operations}/livez`)).status).toBe(200);
    const late = await startGateway();
    expect((await exchange(`${late.operations}/readyz`)).body['code']).toBe('status_absent');
    expect((await exchange(`${late.operations}/livez`)).status).toBe(200);
    authority = await start(installation, { command: 'authority' });
    await Promise.all([readiness(gateway, 200), readiness(late, 200)]);
  }, 60_000);
});

describe('the bounds of a gateway apart', () => {
  it('are the ones that it was told, and a route’s own', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const upstream = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const open = { credential: 'none', upstream };
    await apply(installation, {
      routes: [
        { name: 'silent', match: { path_prefix: '/silent' }, ...open },
        { name: 'small', match: { path_prefix: '/small' }, body_bytes_max: 4, ...open },
      ],
    });
    const gateway = await startGateway('--gateway-upstream-headers-timeout-seconds', '1');
    await readiness(gateway, 200);
    const body = '12345';
    const large = await exchange(`${gateway.origin}/small`, { method: 'POST', body });
    expect([large.status, large.body['code']]).toEqual([413, 'body_too_large']);
    const late = await exchange(`${gateway.origin}/silent`);
    expect([late.status, late.body['code']]).toEqual([504, 'upstream_timeout']);
    silent.closeAllConnections();
    silent.close();
  });
});

describe('a route from a file', () => {
  it('brings its bounds, its origins and its metadata to a gateway', async () => {
    const upstream = await startUpstream();
    const file = join(folder.path, 'pages.json');
    const route = {
      name: 'pages',
      match: { path_prefix: '/pages' },
      upstream: upstream.origin,
      scopes: ['pages:read'],
      headers_timeout_seconds: 5,
      idle_timeout_seconds: 6,
      body_bytes_max: 7,
      cors: { origins: ['https://app.example'], max_age_seconds: 8 },
    };
    writeFileSync(file, JSON.stringify({ routes: [route] }));
    const applied = await administer(installation, 'apply', file);
    expect([applied.code, applied.stderr]).toEqual([0, '']);
    const shown = await administer(installation, 'route', 'show', 'pages');
    expect(JSON.parse(shown.stdout)).toMatchObject(route);
    const again = await administer(installation, 'apply', '--dry-run', file);
    expect(again.stdout).not.toContain('"update"');

    const gateway = await startGateway();
    await readiness(gateway, 200);
    const url = `${gateway.origin}/pages/1`;
    const origin = 'https://app.example';
    const asks = { origin, 'access-control-request-method': 'PUT' };
    const preflight = await exchange(url, { method: 'OPTIONS', headers: asks });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    expect(preflight.headers.get('access-control-max-age')).toBe('8');
    const refused = await exchange(url, { headers: { origin } });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([
      401,
      origin,
    ]);
    const challenge = refused.headers.get('www-authenticate') ?? '';
    const metadata = await exchange(/resource_metadata="([^"]+)"/.exec(challenge)![1]!);
    expect(metadata.body).toEqual({
      resource: `${gateway.origin}/pages`,
      authorization_servers: [installation.issuer],
      bearer_methods_supported: ['header'],
      scopes_supported: ['pages:read'],
    });
    await upstream.close();
  });
});
