/** Certificates on both sides: what clients prove, and what the gateway proves to upstreams. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { systemTimers } from '@mintmark/core/system';
import { listen } from '@mintmark/net';
import { selfSigned } from '@mintmark/net/conformance/certificate';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask } from '../conformance/ask.ts';
import { openRig } from '../conformance/rig.ts';

const [own, upstreamPair, gatewayPair, client, stranger] = [
  ...['service.test', 'upstream.test', 'gateway.test', 'client.test', 'stranger.test'].map(
    selfSigned,
  ),
] as [TestPair, TestPair, TestPair, TestPair, TestPair];
type TestPair = ReturnType<typeof selfSigned>;

/** Takes only clients that the gateway's certificate names. */
const upstream = createServer(
  { ...upstreamPair, ca: gatewayPair.cert, requestCert: true, rejectUnauthorized: true },
  (asked, answer) => {
    answer.end((asked.socket as TLSSocket).getPeerX509Certificate()!.subject);
  },
);
let origin: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  origin = `https://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
});
afterAll(() => {
  upstream.closeAllConnections();
  upstream.close();
});

it('the gateway proves itself by what a route names', async () => {
  const route = { credential: 'none', upstream: origin };
  const shown = { cert: gatewayPair.cert, key: gatewayPair.key, serverName: 'upstream.test' };
  const tls = { good: { ...shown, ca: upstreamPair.cert }, wrong: { ...shown, ca: stranger.cert } };
  const rig = await openRig(
    [
      { name: 'good', match: {}, ...route, upstream_tls: 'good' },
      { name: 'wrong', match: { path_prefix: '/wrong' }, ...route, upstream_tls: 'wrong' },
      { name: 'none', match: { path_prefix: '/none' }, ...route },
      { name: 'unknown', match: { path_prefix: '/unknown' }, ...route, upstream_tls: 'other' },
    ],
    { upstream: { tls, ca: upstreamPair.cert } },
  );
  const get = (path: string) => ask(rig.listener.port, { path });
  expect(await get('/')).toMatchObject({ status: 200, body: 'CN=gateway.test' });
  expect((await get('/wrong')).status).toBe(502);
  expect((await get('/none')).status).toBe(502);
  const unknown = await get('/unknown');
  expect([unknown.status, JSON.parse(unknown.body).code]).toEqual([503, 'upstream_down']);
  await rig.close();
});

it('a route may demand a certificate of clients, of an authority that is trusted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mintmark-'));
  const put = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const shown = { cert: gatewayPair.cert, key: gatewayPair.key, ca: upstreamPair.cert };
  const to = { credential: 'none', upstream: origin, upstream_tls: 'own' };
  const rig = await openRig(
    [
      { name: 'open', match: {}, ...to },
      { name: 'closed', match: { path_prefix: '/closed' }, ...to, client_certificate: 'required' },
    ],
    { upstream: { tls: { own: shown } } },
  );
  const listener = await listen({
    ...{ host: '127.0.0.1', port: 0, timers: systemTimers, streamHandler: rig.gateway.handle },
    tls: {
      certFile: put('cert', own.cert),
      keyFile: put('key', own.key),
      clientCaFile: put('ca', client.cert),
    },
  });
  const get = (path: string, pair?: TestPair): Promise<string> =>
    new Promise((resolve, reject) => {
      const at = {
        host: '127.0.0.1',
        port: listener.port,
        path,
        ca: own.cert,
        agent: false as const,
      };
      request({ ...at, ...pair }, (answer: IncomingMessage) => {
        let text = `${answer.statusCode} `;
        answer.on('data', (data) => {
          text += data;
        });
        answer.on('end', () => resolve(text));
      })
        .on('error', reject)
        .end();
    });
  expect(await get('/open')).toContain('200 ');
  expect(await get('/closed', client)).toContain('200 ');
  for (const pair of [undefined, stranger]) {
    expect(await get('/closed', pair)).toMatch(/^403 .*client_certificate_required/);
  }
  await listener.close();
  await rig.close();
  rmSync(folder, { recursive: true });
});
