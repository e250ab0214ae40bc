/**
 * How long a revoked token is still accepted: from the acknowledgement of the revocation to the
 * first request that the gateway refuses, in one process, apart, and at the last of three gateways
 * that each have as much to do as they can. Requests are sent one after the other without a pause.
 * And how long a stream goes on that was opened before.
 *
 * npm run bench:revocation -- [--count 300] [--streams 20]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type GatewayPort,
  type MintmarkServer,
  startApart,
  startGateway,
  startMintmark,
  startTogether,
} from './mintmark.ts';
import { credentialsOf } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '300' },
    streams: { type: 'string', default: '20' },
  },
});
const count = Number(values.count);
const streams = Number(values.streams);
const agent = new Agent({ keepAlive: true });

const upstream = createServer((request, response) => {
  if (request.url !== '/stream') return response.end('ok');
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  return response.write('data: 1\n\n');
});
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
const upstreamPort = (upstream.address() as AddressInfo).port;
const directory = mkdtempSync(join(tmpdir(), 'mintmark-revocation-'));

try {
  await measure('in one process', startTogether);
  await measure('apart', startApart);
  await measureNodes();
} finally {
  upstream.close();
  agent.destroy();
  rmSync(directory, { recursive: true, force: true });
}

async function measure(
  name: string,
  start: (folder: string, options: typeof credentialsOf) => Promise<GatewayPort>,
): Promise<void> {
  const folder = join(directory, randomBytes(4).toString('hex'));
  mkdirSync(folder);
  const at = await start(folder, credentialsOf);
  try {
    await at.server.call('PUT', '/v1/routes/all', {
      match: { path_prefix: '/' },
      upstream: `http://127.0.0.1:${upstreamPort}`,
    });
    const delays: number[] = [];
    const { server, gatewayPort } = at;
    for (let i = 0; i < count; i++) delays.push(await revokeOne(server, [gatewayPort]));
    print(name, delays);
  } finally {
    await at.stop();
  }
}

/** Three gateways, each under load; what counts is the last of them. */
async function measureNodes(): Promise<void> {
  const folder = join(directory, randomBytes(4).toString('hex'));
  mkdirSync(folder);
  const server = await startMintmark(folder, credentialsOf);
  const nodes = await Promise.all(['a', 'b', 'c'].map((node) => startGateway(server, node)));
  const ports = nodes.map(({ gatewayPort }) => gatewayPort);
  const loads: ChildProcess[] = [];
  try {
    await server.call('PUT', '/v1/routes/all', {
      match: { path_prefix: '/' },
      upstream: `http://127.0.0.1:${upstreamPort}`,
    });
    const busy = await server.issue();
    for (const port of ports) {
      await until(async () => (await get(port, busy)) === 200);
      loads.push(loadOn(port, busy));
    }
    const delays: number[] = [];
    for (let i = 0; i < count; i++) delays.push(await revokeOne(server, ports));
    print('three gateways under load, the last of them', delays);
    const cuts: number[] = [];
    for (let i = 0; i < streams; i++) cuts.push(await cutOne(server, ports[i % ports.length]!));
    print('streams at them', cuts);
  } finally {
    for (const load of loads) load.kill('SIGKILL');
    await Promise.all(nodes.map(({ gateway }) => gateway.stop()));
    await server.process.stop();
  }
}

function loadOn(port: number, token: string): ChildProcess {
  const header = `Authorization: Bearer ${token}`;
  const args = ['-t1', '-c16', '-d600s', '-H', header, `http://127.0.0.1:${port}/`];
  return spawn('taskset', ['-c', '1', 'wrk', ...args], { stdio: 'ignore' });
}

function print(name: string, delays: number[]): void {
  delays.sort((a, b) => a - b);
  const of = (share: number): string =>
    (delays[Math.min(delays.length - 1, Math.floor(delays.length * share))] ?? Number.NaN).toFixed(
      1,
    );
  console.log(
    `${name}: p50 ${of(0.5)} ms, p99 ${of(0.99)} ms, most ${of(1)} ms, of ${delays.length}`,
  );
}

async function revokeOne(server: MintmarkServer, ports: readonly number[]): Promise<number> {
  const token = await server.issue();
  for (const port of ports) await until(async () => (await get(port, token)) === 200);
  const acknowledgedAt = await revoke(server, token);
  const refusedAt = ports.map(async (port) => {
    let sentAt = acknowledgedAt;
    await until(async () => {
      sentAt = performance.now();
      return (await get(port, token)) === 401;
    });
    return sentAt - acknowledgedAt;
  });
  return Math.max(...(await Promise.all(refusedAt)));
}

/** @returns when it was acknowledged */
async function revoke(server: MintmarkServer, token: string): Promise<number> {
  const [, payload = ''] = token.split('.');
  const { jti } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { jti: string };
  const target = { kind: 'token', id: jti };
  await server.call('POST', '/v1/revocations', { target, reason: 'benchmark' });
  return performance.now();
}

async function cutOne(server: MintmarkServer, port: number): Promise<number> {
  const token = await server.issue();
  const { ended } = await openStream(port, token);
  const acknowledgedAt = await revoke(server, token);
  return Math.max(0, (await ended) - acknowledgedAt);
}

/** @returns once its first event is there: when it ended */
function openStream(port: number, token: string): Promise<{ readonly ended: Promise<number> }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    request({ host: '127.0.0.1', port, path: '/stream', headers }, (response) => {
      const ended = new Promise<number>((end) => {
        response.on('close', () => end(performance.now()));
        response.on('error', () => {});
      });
      response.once('data', () => resolve({ ended }));
      response.resume();
    })
      .on('error', reject)
      .end();
  });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('it did not come to hold in 10 s');
  }
}

function get(port: number, token: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    request({ host: '127.0.0.1', port, path: '/', agent, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', reject)
      .end();
  });
}
