/**
 * A gateway apart from an authority with a million API keys: its memory, how soon it answers for a
 * key after its start, how soon it has all of them, and how long a request waits meanwhile.
 *
 * npm run bench:keys -- [--keys 1000000]
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort, startServer } from './server-process.ts';

const { values } = parseArgs({ options: { keys: { type: 'string', default: '1000000' } } });
const main = join(import.meta.dirname, '../packages/cli/src/main.ts');
const directory = mkdtempSync(join(tmpdir(), 'mintmark-keys-'));
const agent = new Agent({ keepAlive: true });
const upstream = createServer((_request, response) => response.end('ok'));
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
const upstreamPort = (upstream.address() as AddressInfo).port;
const stops: (() => Promise<void>)[] = [];

try {
  await measure();
} finally {
  for (const stop of stops.reverse()) await stop();
  upstream.close();
  agent.destroy();
  rmSync(directory, { recursive: true, force: true });
}

async function measure(): Promise<void> {
  const file = join(directory, 'credentials.json');
  const program = join(import.meta.dirname, 'servers/authority-of-keys.ts');
  const ready = /http:\/\/127\.0\.0\.1:\d+/;
  const authority = await startServer([program, join(directory, 'data'), values.keys, file], {
    ready,
  });
  stops.push(authority.stop);
  const server = ready.exec(authority.firstLine)![0];
  const { adminKey, keys } = JSON.parse(readFileSync(file, 'utf8'));
  const headers = { authorization: `Bearer ${adminKey}` };
  const route = { match: { path_prefix: '/' }, upstream: `http://127.0.0.1:${upstreamPort}` };
  const put = { method: 'PUT', headers: { ...headers, 'content-type': 'application/json' } };
  await fetch(`${server}/v1/routes/all`, { ...put, body: JSON.stringify(route) });
  console.log(`authority: ${authority.residentMb().toFixed(0)} MB resident`);
  await measureGateway({ server, adminKey, keys });
  console.log(`snapshot: ${await snapshotSize(server, headers)}`);
}

async function measureGateway(at: {
  readonly server: string;
  readonly adminKey: string;
  readonly keys: readonly string[];
}): Promise<void> {
  const [port, operations] = [await freePort(), await freePort()];
  const startedAt = performance.now();
  const gateway = await startServer(
    [
      ...[main, 'gateway', '--gateway-listen', `127.0.0.1:${port}`],
      ...['--gateway-operations-listen', `127.0.0.1:${operations}`],
      ...['--gateway-authority', at.server, '--gateway-token', 'env:GATEWAY_KEY'],
    ],
    {
      ready: /gateway/,
      core: 1,
      env: { GATEWAY_KEY: at.adminKey, MINTMARK_LOG_LEVEL: 'error' },
    },
  );
  stops.push(gateway.stop);
  const since = (): string => `${((performance.now() - startedAt) / 1000).toFixed(2)} s`;
  // The last of them by its id, so that its page is one of the last too.
  const last = [...at.keys].sort().at(-1)!;
  while ((await get(port, last)).status !== 200) await pause(10);
  console.log(`first right answer, of a key that had not come yet: ${since()}`);
  const waits: number[] = [];
  while (!(await isComplete(operations))) {
    for (const key of at.keys) {
      const { status, ms } = await get(port, key);
      if (status !== 200) throw new Error(`a good key was answered ${status}`);
      waits.push(ms);
    }
    await pause(20);
  }
  waits.sort((a, b) => a - b);
  const of = (share: number): string => waits[Math.floor((waits.length - 1) * share)]!.toFixed(1);
  console.log(`all keys there: ${since()}; requests meanwhile p50 ${of(0.5)}, p99 ${of(0.99)},`);
  console.log(`  most ${of(1)} ms, of ${waits.length}`);
  await pause(3_000);
  console.log(`gateway: ${gateway.residentMb().toFixed(0)} MB resident`);
}

async function isComplete(operations: number): Promise<boolean> {
  const text = await (await fetch(`http://127.0.0.1:${operations}/metrics`)).text();
  return /^mintmark_gateway_view_keys_complete 1$/m.test(text);
}

async function snapshotSize(server: string, headers: Record<string, string>): Promise<string> {
  let path = '/v1/feed/snapshot';
  let [bytes, pages, most] = [0, 0, 0];
  for (;;) {
    const text = await (await fetch(server + path, { headers })).text();
    const { epoch, nextKeys } = JSON.parse(text);
    bytes += text.length;
    pages += 1;
    most = Math.max(most, text.length);
    if (nextKeys === undefined) break;
    path = `/v1/feed/keys?${new URLSearchParams({ epoch, after: nextKeys })}`;
  }
  const mb = (bytes / 1e6).toFixed(0);
  return `${mb} MB in ${pages} pages, the largest of ${(most / 1e3).toFixed(0)} kB`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function get(port: number, key: string): Promise<{ status: number; ms: number }> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const answered = (status: number): void => {
      resolve({ status, ms: performance.now() - startedAt });
    };
    const headers = { authorization: `Bearer ${key}` };
    request({ host: '127.0.0.1', port, path: '/', agent, headers }, (response) => {
      response.resume();
      response.on('end', () => answered(response.statusCode ?? 0));
    })
      .on('error', () => answered(0))
      .end();
  });
}
