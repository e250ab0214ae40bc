/**
 * The judge in other people's proxies: the real nginx, HAProxy and Envoy, with the configurations
 * of deploy/ as they stand, are asked what our own proxy is asked, before the same API.
 */
import { randomBytes } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:http2';
import { connect as connectFrom } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange } from './rig/exchange.ts';
import { type ForeignProxy, startEnvoy, startHaproxy, startNginx } from './rig/foreign-proxy.ts';
import { call } from './rig/installation.ts';
import { type JudgedWorld, startJudgedWorld } from './rig/judged-world.ts';
import { type Folder, freshFolder } from './rig/mintmark.ts';
import { askRow, expectedOf, rows } from './rig/proxy-table.ts';
import { until } from './rig/until.ts';

let folder: Folder;
let world: JudgedWorld;
const proxies: Record<string, ForeignProxy> = {};
const names = ['nginx', 'haproxy', 'envoy-http', 'envoy-grpc'];

beforeAll(async () => {
  folder = freshFolder();
  const at = (name: string): string => join(folder.path, name);
  world = await startJudgedWorld(at('mintmark'));
  const { around } = world;
  proxies['nginx'] = await startNginx(at('nginx'), around);
  proxies['haproxy'] = await startHaproxy(at('haproxy'), around);
  proxies['envoy-http'] = await startEnvoy(at('http'), 'ext-authz-http.yaml', around);
  proxies['limits'] = await startEnvoy(at('limits'), 'rate-limit.yaml', around);
  proxies['envoy-grpc'] = await startEnvoy(at('grpc'), 'ext-authz-grpc.yaml', around);
}, 120_000);

afterAll(async () => {
  for (const { child } of Object.values(proxies)) await child.stop();
  await world?.close();
  folder?.remove();
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const originOf = (name: string): string => proxies[name]!.origin;

describe.each(names)('%s', (name) => {
  it.each(rows.map((row) => [row.name, row] as const))('%s', async (_name, row) => {
    const theirs = await askRow(row, world, originOf(name));
    expect(theirs).toEqual(await expectedOf(row, name, world));
  });

  it('refuses what is revoked within a second', async () => {
    const made = await call(world.installation, 'POST /v1/keys', { name: 'k', scopes: ['read'] });
    const { key, id } = made.body as Record<string, string>;
    const asked = async () =>
      (
        await exchange(`${originOf(name)}/api`, {
          headers: { 'x-api-key': key! },
        })
      ).status;
    await until('the key works', async () => ((await asked()) === 200 ? true : undefined));
    const revocation = { target: { kind: 'key', id }, reason: 'a test' };
    await call(world.installation, 'POST /v1/revocations', revocation);
    await until('it is refused', async () => ((await asked()) === 401 ? true : undefined), {
      deadlineMs: 1_000,
    });
  });

  it('opens a WebSocket to whoever may, and to nobody else', async () => {
    const { status, seen } = await openWebSocket(originOf(name), world.credentials.jwt);
    expect(status).toBe(101);
    expect(seen['headers']).toMatchObject({ 'x-mintmark-client': 'worker' });
    expect(seen['headers']).not.toHaveProperty('authorization');
    expect((await openWebSocket(originOf(name), 'nothing')).status).toBe(401);
  });

  it('passes events on as they come', async () => {
    const headers = { ...bearer(world.credentials.jwt), accept: 'text/event-stream' };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request(`${originOf(name)}/api/events`, { headers, agent: false }, resolve)
        .on('error', reject)
        .end();
    });
    const [first] = await new Promise<Buffer[]>((resolve) => {
      answer.once('data', (part: Buffer) => resolve([part]));
    });
    expect(first!.toString()).toContain('"x-mintmark-client":"worker"');
    answer.destroy();
  });

  it('passes a body on, unseen by the judge', async () => {
    const body = JSON.stringify({ text: 'x'.repeat(20_000) });
    const answer = await exchange(`${originOf(name)}/api/body`, {
      ...{ method: 'POST', body, headers: bearer(world.credentials.jwt) },
    });
    expect(answer.body).toMatchObject({ method: 'POST', path: '/api/body', body });
  });
});

describe('Envoy’s rate limits', () => {
  it('are those of the route, in its own words', async () => {
    const asked = () => exchange(`${originOf('limits')}/counted/x`);
    for (const left of [2, 1, 0]) {
      const { status, headers } = await asked();
      expect(status).toBe(200);
      expect(headers.get('ratelimit')).toMatch(new RegExp(`^"few";r=${left};t=\\d+$`));
    }
    const denied = await asked();
    expect(denied.status).toBe(429);
    expect(Number(denied.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(denied.headers.get('content-type')).toBe('application/problem+json');
    expect(denied.body).toMatchObject({ code: 'quota_exceeded', 'violated-policies': ['few'] });
    expect((await exchange(`${originOf('limits')}/open`)).status).toBe(200);
  });
});

describe('the judge', () => {
  it('hears nobody but the proxies that were named', async () => {
    const { judge, grpc } = world.around;
    const asked = await exchange(`http://${judge}/ext-authz/open`, { from: '127.0.0.2' });
    expect(asked.status).toBe(403);
    expect((await exchange(`http://${judge}/ext-authz/open`)).status).toBe(200);
    const { hostname: host, port } = new URL(`http://${grpc}`);
    const session = connect(`http://${grpc}`, {
      createConnection: () => connectFrom({ host, port: Number(port), localAddress: '127.0.0.2' }),
    });
    session.on('error', () => undefined);
    await new Promise<void>((resolve) => session.once('close', () => resolve()));
  });

  it('answers at the authority’s port too, and to others as if it were not there', async () => {
    const { issuer } = world.installation;
    expect((await exchange(`${issuer}/ext-authz/open`)).status).toBe(200);
    const headers = { 'x-original-method': 'GET', 'x-original-uri': '/api' };
    const asked = { headers: { ...headers, 'x-original-host': 'api.test' } };
    expect((await exchange(`${issuer}/auth-request`, asked)).status).toBe(401);
    expect((await exchange(`${issuer}/ext-authz/open`, { from: '127.0.0.2' })).status).toBe(404);
  });

  it('is missed by nobody: without it everything is refused', async () => {
    await world.close();
    for (const name of names) {
      const headers = bearer(world.credentials.jwt);
      expect((await exchange(`${originOf(name)}/api`, { headers })).status).toBe(503);
      expect((await exchange(`${originOf(name)}/open`)).status).toBe(503);
    }
    expect((await exchange(`${originOf('limits')}/counted`)).status).toBe(503);
  });
});

/** The handshake of RFC 6455, and what the server sees of it. */
function openWebSocket(
  origin: string,
  token: string,
): Promise<{ readonly status: number; readonly seen: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const sent = request(`${origin}/api/socket`, {
      agent: false,
      headers: {
        ...bearer(token),
        ...{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
        'sec-websocket-key': randomBytes(16).toString('base64'),
      },
    });
    sent.on('response', (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode ?? 0, seen: {} });
    });
    sent.on('upgrade', (answer, socket: Duplex, head: Buffer) => {
      const done = (part: Buffer): void => {
        socket.destroy();
        resolve({ status: answer.statusCode ?? 0, seen: JSON.parse(part.toString()) });
      };
      if (head.length > 0) done(head);
      else socket.once('data', done);
    });
    sent.on('error', reject);
    sent.end();
  });
}
