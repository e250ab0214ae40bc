/** `mintmark gateway --workers`: several processes on one port, through a crash and to the end. */
import { readFileSync } from 'node:fs';
import { Agent, createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
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
import { until } from './rig/until.ts';

let folder: Folder;
let installation: Installation;
let authority: Running;
let child: Child;
let gateway: string;
let operations: string;
const held: ServerResponse[] = [];
const upstream = createServer((asked, answer) => {
  if (asked.url === '/hold') held.push(answer.writeHead(200));
  else answer.end('ok');
  if (asked.url === '/hold') answer.write('begun');
});

beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  folder = freshFolder();
  installation = await initialise(folder.path);
  authority = await start(installation, { command: 'authority' });
  const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  await apply(installation, {
    routes: [{ name: 'all', match: {}, credential: 'none', upstream: origin }],
  });
  const json = { name: 'gateway', permissions: ['feed:read', 'decisions:write'] };
  const token = String((await call(installation, 'POST /v1/admin-keys', json)).body['key']);
  const line = ['gateway', '--json', '--workers', '3', '--gateway-listen', '127.0.0.1:0'];
  const apart = ['--gateway-authority', installation.issuer, '--gateway-token', 'env:KEY'];
  const own = ['--gateway-operations-listen', '127.0.0.1:0'];
  child = startChild(process.execPath, [program, ...line, ...apart, ...own], {
    cwd: folder.path,
    env: { KEY: token },
  });
  const event = await until(
    'the workers listen',
    () => {
      if (child.ended() !== undefined) throw new Error(`gateway: ${child.stderr()}`);
      return child
        .stdout()
        .split('\n')
        .find((text) => text.includes('"listening"'));
    },
    { deadlineMs: 90_000 },
  );
  ({ gateway, operations } = JSON.parse(event) as { gateway: string; operations: string });
  await ready();
}, 120_000);

afterAll(async () => {
  upstream.closeAllConnections();
  upstream.close();
  await child?.stop('SIGKILL');
  await authority?.child.stop('SIGKILL');
  folder?.remove();
});

function ready(): Promise<true> {
  return until(
    'all are ready',
    async () => ((await exchange(`${operations}/readyz`)).status === 200 ? true : undefined),
    { deadlineMs: 60_000 },
  );
}

function pids(): number[] {
  const text = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
  return text.trim().split(' ').map(Number);
}

/** How many requests each of them let through. */
async function allowed(): Promise<number[]> {
  const { text } = await exchange(`${operations}/metrics`);
  return [...text.matchAll(/allowed_total\{kind="[a-z]+",worker="\d"\} (\d+)/g)].map(([, n]) =>
    Number(n),
  );
}

/** On a connection of its own, which the system gives to one of them. */
const get = (path = '/') => exchange(`${gateway}${path}`, { headers: { connection: 'close' } });

it('share the connections of one port', async () => {
  for (let i = 0; i < 100; i++) expect((await get()).status).toBe(200);
  const counts = await allowed();
  expect(counts).toHaveLength(3);
  expect(counts.reduce((sum, one) => sum + one)).toBe(100);
});

it('go on while one that crashed is started again', async () => {
  const before = pids();
  expect(before).toHaveLength(3);
  process.kill(before[1]!, 'SIGKILL');
  await until('it is missed', async () =>
    (await exchange(`${operations}/readyz`)).status === 503 ? true : undefined,
  );
  for (let i = 0; i < 20; i++) expect((await get()).status).toBe(200);
  await ready();
  const after = pids();
  expect(after).toHaveLength(3);
  expect(after.filter((pid) => before.includes(pid))).toHaveLength(2);
  expect(child.stderr()).toContain('worker 1 ended');
});

it('finish what is under way when they are told to stop, and begin nothing more', async () => {
  const agent = new Agent({ keepAlive: true });
  const whole = new Promise<string>((resolve, reject) => {
    const sent = request(`${gateway}/hold`, { agent }, (answer) => {
      let text = '';
      answer.on('data', (data) => {
        text += data;
      });
      answer.on('end', () => resolve(text)).on('error', reject);
    });
    sent.on('error', reject).end();
  });
  await until('it has begun', () => (held.length === 1 ? true : undefined));
  const stopped = child.stop('SIGTERM');
  await until('it says so first', async () =>
    (await exchange(`${operations}/readyz`)).text === 'stopping\n' ? true : undefined,
  );
  await until(
    'nobody is let in',
    async () =>
      await get().then(
        () => undefined,
        () => true,
      ),
  );
  held[0]!.end(' and ended');
  expect(await whole).toBe('begun and ended');
  expect(await stopped).toBe(0);
  agent.destroy();
});
