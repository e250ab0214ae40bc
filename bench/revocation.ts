/**
 * How long a revoked token is still accepted: from the acknowledgement of the revocation to the
 * first request that the gateway refuses, in one process and apart. Requests are sent one after the
 * other without a pause; the load of a second client goes on meanwhile.
 *
 * npm run bench:revocation -- [--count 300]
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type GatewayPort, startApart, startTogether } from './mintmark.ts';
import { credentialsOf } from './scenarios.ts';

const { values } = parseArgs({ options: { count: { type: 'string', default: '300' } } });
const count = Number(values.count);
const agent = new Agent({ keepAlive: true });

const upstream = createServer((_request, response) => response.end('ok'));
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
const upstreamPort = (upstream.address() as AddressInfo).port;
const directory = mkdtempSync(join(tmpdir(), 'mintmark-revocation-'));

try {
  await measure('in one process', startTogether);
  await measure('apart', startApart);
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
    for (let i = 0; i < count; i++) delays.push(await revokeOne(at));
    delays.sort((a, b) => a - b);
    const of = (share: number): string =>
      (delays[Math.min(count - 1, Math.floor(count * share))] ?? Number.NaN).toFixed(1);
    console.log(`${name}: p50 ${of(0.5)} ms, p99 ${of(0.99)} ms, most ${of(1)} ms, of ${count}`);
  } finally {
    await at.stop();
  }
}

async function revokeOne({ server, gatewayPort }: GatewayPort): Promise<number> {
  const token = await server.issue();
  await until(async () => (await get(gatewayPort, token)) === 200);
  const [, payload = ''] = token.split('.');
  const { jti } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { jti: string };
  const target = { kind: 'token', id: jti };
  await server.call('POST', '/v1/revocations', { target, reason: 'benchmark' });
  const acknowledgedAt = performance.now();
  let sentAt = acknowledgedAt;
  await until(async () => {
    sentAt = performance.now();
    return (await get(gatewayPort, token)) === 401;
  });
  return sentAt - acknowledgedAt;
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
