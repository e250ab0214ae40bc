/**
 * A flood that one process cannot serve: what matters most is still answered. The bound is set low,
 * so that any machine is overloaded by the flood; what is asserted is who is answered, never how
 * fast.
 */
import { Agent, request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exchange } from './rig/exchange.ts';
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

let folder: Folder;
let installation: Installation;
let running: Running;
let upstream: Upstream;
let key: string;

beforeAll(async () => {
  folder = freshFolder();
  installation = await initialise(folder.path);
  running = await start(installation, { flags: ['--overload-delay-ms', '8'] });
  upstream = await startUpstream();
  const to = { upstream: upstream.origin };
  await apply(installation, {
    routes: [
      { name: 'batch', match: { path_prefix: '/batch' }, priority: 'low', ...to },
      { name: 'pay', match: { path_prefix: '/pay' }, priority: 'vital', ...to },
    ],
  });
  const made = await call(installation, 'POST /v1/keys', { name: 'k', scopes: [] });
  key = String(made.body['key']);
}, 60_000);

afterAll(async () => {
  await running?.child.stop('SIGKILL');
  await upstream?.close();
  folder?.remove();
});

/** Asks over so many connections, again and again. @returns how often it was answered what */
function flood(url: string, headers: Record<string, string>) {
  const agent = new Agent({ keepAlive: true, maxSockets: 400 });
  const counts = new Map<number, number>();
  let going = true;
  const one = (): void => {
    if (!going) return;
    const sent = request(url, { agent, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => {
        const status = answer.statusCode ?? 0;
        counts.set(status, (counts.get(status) ?? 0) + 1);
        one();
      });
    });
    sent.on('error', () => setImmediate(one));
    sent.end();
  };
  for (let i = 0; i < 400; i++) one();
  return {
    counts,
    stop() {
      going = false;
      agent.destroy();
    },
  };
}

it('serves revocation, sign-in and vital routes while it turns the rest away', async () => {
  const bearer = { authorization: `Bearer ${key}` };
  expect((await exchange(`${installation.gateway}/batch`, { headers: bearer })).status).toBe(200);
  const attack = flood(`${installation.gateway}/batch`, bearer);
  try {
    await until('the flood is turned away', () => (attack.counts.get(503) ?? 0) > 100 || undefined);
    for (let i = 0; i < 20; i++) {
      const pay = await exchange(`${installation.gateway}/pay`, { headers: bearer });
      expect(pay.status).toBe(200);
      const login = await exchange(`${installation.issuer}/login`);
      expect(login.status).not.toBe(503);
    }
    const victim = await until('a key is made in a calm moment', async () => {
      const made = await call(installation, 'POST /v1/keys', { name: 'victim', scopes: [] });
      return made.status === 201 ? made : undefined;
    });
    const target = { kind: 'key', id: victim.body['id'] };
    const json = { target, reason: 'under attack' };
    expect((await call(installation, 'POST /v1/revocations', json)).status).toBe(200);
  } finally {
    attack.stop();
  }
  await until('it is calm again', async () => {
    const { status } = await exchange(`${installation.gateway}/batch`, { headers: bearer });
    return status === 200 ? true : undefined;
  });
}, 120_000);
