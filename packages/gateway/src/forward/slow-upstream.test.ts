/** Upstreams that keep a client waiting: at the connection, before the answer, within it. */
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { selfSigned } from '@mintmark/net/conformance/certificate';
import { afterEach, describe, expect, it } from 'vitest';
import { ask } from '../conformance/ask.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';
import type { UpstreamOptions } from './upstreams.ts';

let rig: Rig;
let upstream: Server;
const sockets = new Set<Socket>();

afterEach(async () => {
  await rig.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  upstream.close();
});

/** Sends the text as soon as something arrives, and nothing after it. */
async function open(
  text: string,
  options: {
    readonly scheme?: string;
    readonly upstream?: Partial<UpstreamOptions>;
    readonly route?: object;
  },
): Promise<void> {
  upstream = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.write(text));
  });
  await listening(upstream);
  const { port } = upstream.address() as AddressInfo;
  const url = `${options.scheme ?? 'http'}://127.0.0.1:${port}`;
  rig = await openRig(
    [{ name: 'all', match: {}, credential: 'none', upstream: url, ...options.route }],
    { upstream: options.upstream ?? {} },
  );
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

async function answer(method = 'GET'): Promise<readonly unknown[]> {
  const { status, body } = await ask(rig.listener.port, { method });
  return [status, JSON.parse(body).code];
}

const failures = (): number =>
  rig.gateway.metrics.value('mintmark_gateway_upstream_failures_total', 'upstream_timeout');

describe('an upstream that takes too long', () => {
  it.each(['GET', 'POST'])(
    'to begin its answer to a %s is a 504, not asked again',
    async (method) => {
      await open('', { upstream: { headersTimeoutMs: 100 } });
      expect(await answer(method)).toEqual([504, 'upstream_timeout']);
      expect(failures()).toBe(1);
      expect(sockets.size).toBe(1);
      expect(rig.gateway.renderMetrics()).toContain('live_requests 0');
    },
  );

  it('to say hello in TLS is a 504', async () => {
    await open('', { scheme: 'https', upstream: { connectTimeoutMs: 100 } });
    expect(await answer()).toEqual([504, 'upstream_timeout']);
    expect(failures()).toBe(1);
  });

  it('within its answer breaks the client’s', async () => {
    const half = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf';
    await open(half, { upstream: { bodyIdleMs: 100 } });
    await expect(ask(rig.listener.port)).rejects.toThrow();
    await until(() => failures() === 1);
  });

  it('is waited for as its own route says', async () => {
    const patient = { headersTimeoutMs: 60_000, bodyIdleMs: 60_000 };
    const route = { headers_timeout_seconds: 1, idle_timeout_seconds: 1 };
    await open('', { upstream: patient, route });
    expect(await answer()).toEqual([504, 'upstream_timeout']);
  });

  it('is waited for within its answer as its own route says', async () => {
    const half = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf';
    await open(half, { upstream: { bodyIdleMs: 60_000 }, route: { idle_timeout_seconds: 1 } });
    await expect(ask(rig.listener.port)).rejects.toThrow();
    await until(() => failures() === 1);
  });
});

describe('an upstream with a certificate of its own authority', () => {
  const certificate = selfSigned('upstream.test');

  async function openTls(ca: string | undefined): Promise<number> {
    upstream = createHttpsServer(certificate, (_request, response) => response.end('ok'));
    await listening(upstream);
    const { port } = upstream.address() as AddressInfo;
    rig = await openRig(
      [{ name: 'all', match: {}, credential: 'none', upstream: `https://127.0.0.1:${port}` }],
      { upstream: { ca } },
    );
    return (await ask(rig.listener.port)).status;
  }

  it('is believed where that authority was named', async () => {
    expect(await openTls(certificate.cert)).toBe(200);
  });

  it('is not believed otherwise', async () => {
    expect(await openTls(undefined)).toBe(502);
    await rig.close();
    upstream.close();
    expect(await openTls(selfSigned('other.test').cert)).toBe(502);
  });
});

describe('the largest body', () => {
  it('is the one that the route names, more or less than the gateway’s own', async () => {
    upstream = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    });
    await listening(upstream);
    const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const route = { credential: 'none', upstream: url };
    rig = await openRig(
      [
        { name: 'all', match: {}, ...route },
        { name: 'less', match: { path_prefix: '/less' }, body_bytes_max: 4, ...route },
        { name: 'more', match: { path_prefix: '/more' }, body_bytes_max: 100, ...route },
      ],
      { bodyBytesMax: 10 },
    );
    const send = async (path: string, length: number, headers = {}): Promise<number> => {
      const body = 'x'.repeat(length);
      return (await ask(rig.listener.port, { method: 'POST', path, body, headers })).status;
    };
    expect([await send('/', 10), await send('/', 11)]).toEqual([200, 413]);
    expect([await send('/less', 4), await send('/less', 5)]).toEqual([200, 413]);
    expect([await send('/more', 100), await send('/more', 101)]).toEqual([200, 413]);
    const chunked = { 'transfer-encoding': 'chunked' };
    expect(await send('/less', 5, chunked)).toBe(413);
  });
});
