/**
 * A limit that follows its caller, through whole processes: an authority that learns, a gateway
 * apart that goes by it, and the commands by which an operator sees and undoes a change. All clocks
 * stand at half past one on a Monday, so that a week has just ended.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Child, startChild } from './rig/child.ts';
import { exchange } from './rig/exchange.ts';
import { freePort } from './rig/free-port.ts';
import { administer, apply, call, type Installation, initialise } from './rig/installation.ts';
import { type Folder, freshFolder, command as program } from './rig/mintmark.ts';
import { until } from './rig/until.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

const hourMs = 3_600_000;
const weekMs = 168 * hourMs;
/** Four days after 1970 began it was Monday. */
const monday = Math.ceil((Date.now() - 4 * 24 * hourMs) / weekMs) * weekMs + 4 * 24 * hourMs;
const startMs = monday + 1.5 * hourMs;
const skewMs = startMs - Date.now();

const caller = '["address","127.0.0.1"]';

let folder: Folder;
let installation: Installation;
let authority: Child;
let gateway: Child;
let upstream: Upstream;
let gatewayUrl: string;
let token: string;

/** A process whose clock stands elsewhere. */
function launch(args: readonly string[], env: Readonly<Record<string, string>> = {}): Child {
  const shifted = `const now=Date.now.bind(Date);Date.now=()=>now()+(${skewMs})`;
  const skew = `--import=data:text/javascript,${encodeURIComponent(shifted)}`;
  return startChild(process.execPath, [skew, program, ...args], { cwd: folder.path, env });
}

beforeAll(async () => {
  folder = freshFolder();
  upstream = await startUpstream();
  installation = await initialise(folder.path);
  authority = launch(['authority', ...installation.flags], installation.env);
  await answering(`${installation.issuer}/readyz`);
  const adaptive = { mode: 'enforce', floor: 5, ceiling: 1_000 };
  const limit = { name: 'each', by: 'address', quota: 100, window_seconds: 60, adaptive };
  const match = { path_prefix: '/api' };
  await apply(installation, {
    routes: [
      { name: 'api', match, upstream: upstream.origin, credential: 'none', limits: [limit] },
    ],
  });
  const json = { name: 'gateway', permissions: ['feed:read', 'decisions:write'] };
  token = String((await call(installation, 'POST /v1/admin-keys', json)).body['key']);
  await startGateway();
}, 120_000);

afterAll(async () => {
  await gateway?.stop('SIGKILL');
  await authority?.stop('SIGKILL');
  await upstream?.close();
  folder?.remove();
});

async function startGateway(): Promise<void> {
  const port = await freePort();
  gatewayUrl = `http://127.0.0.1:${port}`;
  const line = [
    ...['gateway', '--gateway-listen', `127.0.0.1:${port}`],
    ...['--gateway-authority', installation.issuer, '--gateway-token', 'env:KEY'],
  ];
  gateway = launch(line, { KEY: token });
  await until('the gateway answers', async () => {
    const answer = await exchange(`${gatewayUrl}/api`).catch(() => undefined);
    return answer?.status === 200 ? true : undefined;
  });
}

function answering(url: string): Promise<true> {
  return until(`${url} answers`, async () => {
    const answer = await exchange(url).catch(() => undefined);
    return answer?.status === 200 ? true : undefined;
  });
}

async function limitOf(): Promise<string | null> {
  return (await exchange(`${gatewayUrl}/api`)).headers.get('ratelimit-policy');
}

function becomes(quota: number): Promise<true> {
  return until(
    `the limit is ${quota}`,
    async () => ((await limitOf()) === `"each";q=${quota};w=60` ? true : undefined),
    { everyMs: 500 },
  );
}

/** A week in which the caller peaked at ten, and the first hour of the next one. */
async function handIn(): Promise<void> {
  const now = Math.floor(startMs / hourMs);
  const hours = Array.from({ length: 169 }, (_, passed) => now - 169 + passed);
  for (let start = 0; start < hours.length; start += 100) {
    const observations = hours.slice(start, start + 100).map((hour) => ({
      ...{ tenant: 'default', route: 'api', limit: 'each', caller, hour },
      ...{ peak: 10, denied: 0, wouldDeny: 0 },
    }));
    const json = { observations };
    const { status, text } = await call(installation, 'POST /v1/limit-observations', json);
    expect([status, text]).toEqual([204, '']);
  }
}

async function changes(): Promise<readonly Record<string, unknown>[]> {
  const done = await administer(installation, 'limits', 'changes');
  return (JSON.parse(done.stdout) as { items: Record<string, unknown>[] }).items;
}

it('learns a week, changes the limit of its caller, explains that, and takes it back', async () => {
  expect(await limitOf()).toBe('"each";q=100;w=60');
  await handIn();
  await becomes(40);
  const [change, ...others] = await changes();
  expect(others).toEqual([]);
  expect(change).toMatchObject({ caller, before: { high: 100 }, after: { high: 40 } });
  const id = String(change!['id']);
  const told = await administer(installation, 'limits', 'explain', id);
  expect(told.stdout).toContain('median of such hours in its last weeks: 10, 4 times');

  // Another gateway knows it from the beginning.
  await gateway.stop('SIGTERM');
  await startGateway();
  await becomes(40);

  const undone = await administer(installation, 'limits', 'undo', id, '--for', '1d');
  expect(undone).toMatchObject({ code: 0 });
  await becomes(100);
  expect(await changes()).toMatchObject([{ id, status: 'undone' }]);
}, 120_000);
