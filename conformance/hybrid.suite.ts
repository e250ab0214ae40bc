/**
 * Hybrid operation: keys and secrets stay where the authority is; a gateway in another network
 * reaches it by one outbound link alone. The link is lost, the gateway is killed and starts again
 * meanwhile, and what goes on and what stops is what the routes declare.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Child } from './rig/child.ts';
import { type Answer, exchange } from './rig/exchange.ts';
import { type GatewayProcess, startGatewayProcess } from './rig/gateway.ts';
import {
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
import { startWire, type Wire } from './rig/wire.ts';

let folder: Folder;
let installation: Installation;
let authority: Running;
let upstream: Upstream;
let link: Wire;
let token: string;
let gateway: GatewayProcess;
const children: Child[] = [];

beforeAll(async () => {
  folder = freshFolder();
  installation = await initialise(folder.path);
  authority = await start(installation, { command: 'authority' });
  upstream = await startUpstream();
  link = await startWire(Number(new URL(installation.issuer).port));
  const to = { upstream: upstream.origin, scopes: ['read'] };
  await apply(installation, {
    routes: [
      { name: 'strict', match: { path_prefix: '/strict' }, ...to },
      {
        name: 'lasting',
        match: { path_prefix: '/lasting' },
        ...to,
        on_stale: { continue_seconds: 3600 },
      },
    ],
  });
  const json = { name: 'edge', permissions: ['feed:read', 'decisions:write'] };
  token = String((await call(installation, 'POST /v1/admin-keys', json)).body['key']);
  gateway = await startGateway(...keeping());
  await until('the gateway is ready', () => isReady(gateway));
}, 60_000);

afterAll(async () => {
  for (const child of children) await child.stop('SIGKILL');
  await authority?.child.stop('SIGKILL');
  await link?.close();
  await upstream?.close();
  folder?.remove();
});

const keeping = (): readonly string[] => ['--gateway-state', join(folder.path, 'edge')];

async function startGateway(...flags: readonly string[]): Promise<GatewayProcess> {
  const authority = `http://127.0.0.1:${link.port}`;
  const started = await startGatewayProcess({ home: folder.path, authority, key: token }, ...flags);
  children.push(started.child);
  return started;
}

async function isReady({ operations }: GatewayProcess): Promise<true | undefined> {
  return (await exchange(`${operations}/readyz`)).status === 200 ? true : undefined;
}

async function makeKey(name: string): Promise<{ readonly id: string; readonly key: string }> {
  const { body } = await call(installation, 'POST /v1/keys', { name, scopes: ['read'] });
  return { id: String(body['id']), key: String(body['key']) };
}

async function revoke(id: string): Promise<void> {
  const json = { target: { kind: 'key', id }, reason: 'a test' };
  const { status } = await call(installation, 'POST /v1/revocations', json);
  expect(status).toBe(200);
}

function ask(path: string, key: string): Promise<Answer> {
  return exchange(`${gateway.origin}${path}`, { headers: { authorization: `Bearer ${key}` } });
}

function answered(path: string, key: string, wanted: number): Promise<Answer> {
  return until(`${path} is ${wanted}`, async () => {
    const answer = await ask(path, key);
    return answer.status === wanted ? answer : undefined;
  });
}

describe('a gateway whose link is lost', () => {
  it('goes on by what the routes declare, through a restart, and catches up in order', async () => {
    const [good, heard, unheard] = await Promise.all(['good', 'heard', 'unheard'].map(makeKey));
    await answered('/lasting', good!.key, 200);
    await answered('/lasting', heard!.key, 200);
    await answered('/lasting', unheard!.key, 200);
    await revoke(heard!.id);
    await answered('/lasting', heard!.key, 401);

    link.cut();
    // Until its lease ends, nothing has changed; then each route does as it declares.
    await answered('/strict', good!.key, 503);
    expect((await ask('/strict', good!.key)).body['code']).toBe('status_stale');
    expect((await ask('/lasting', good!.key)).status).toBe(200);
    expect((await ask('/lasting', heard!.key)).status).toBe(401);
    const { text } = await exchange(`${gateway.operations}/metrics`);
    expect(text).toMatch(/^mintmark_gateway_degraded_total\{kind="allow"\} [1-9]/m);

    // What happens meanwhile on the other side is not known here.
    await revoke(unheard!.id);
    const late = await makeKey('late');
    await gateway.child.stop('SIGKILL');
    gateway = await startGateway(...keeping());
    await answered('/lasting', good!.key, 200);
    expect((await ask('/lasting', heard!.key)).status).toBe(401);
    expect((await ask('/lasting', unheard!.key)).status).toBe(200);
    expect((await ask('/strict', good!.key)).body['code']).toBe('status_stale');
    expect((await ask('/lasting', late.key)).status).toBe(503);

    link.mend();
    await answered('/strict', good!.key, 200);
    expect((await ask('/lasting', unheard!.key)).status).toBe(401);
    expect((await ask('/lasting', heard!.key)).status).toBe(401);
    expect((await ask('/strict', late.key)).status).toBe(200);
  }, 120_000);

  it('lets nobody in without a view: a first start needs the authority', async () => {
    const { key } = await makeKey('another');
    link.cut();
    const cold = gateway;
    gateway = await startGateway();
    expect((await ask('/lasting', key)).body['code']).toBe('status_absent');
    await gateway.child.stop('SIGKILL');
    gateway = cold;
    link.mend();
  }, 60_000);

  it('keeps nothing that who steals its disk could read', () => {
    const files = readdirSync(join(folder.path, 'edge'));
    expect(files.sort().map((name) => name.replace(/^.*-default/, ''))).toEqual([
      '.feed',
      '.proof',
    ]);
    for (const name of files) {
      const text = readFileSync(join(folder.path, 'edge', name)).toString('latin1');
      expect(text).not.toMatch(/lasting|path_prefix|verifier/);
    }
  });
});
