/** Answers under way when the routes change: what would not begin any more does not go on. */
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { UnixSeconds } from '@mintmark/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openRig, type Rig, turn, until } from './conformance/rig.ts';

let upstream: Server;
let url: string;
let rig: Rig;

beforeAll(async () => {
  upstream = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('first');
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
});
afterAll(() => {
  upstream.closeAllConnections();
  upstream.close();
});

const stream = { name: 'stream', match: { path_prefix: '/s' }, scopes: ['read'] };
const open = { name: 'open', match: { path_prefix: '/open' }, credential: 'none' };

beforeEach(async () => {
  rig = await openRig([
    { ...stream, upstream: url },
    { ...open, upstream: url },
  ]);
});
afterEach(() => rig.close());

interface Stream {
  readonly socket: Socket;
  readonly closed: () => boolean;
}

async function openStream(path: string, method = 'GET'): Promise<Stream> {
  const socket = connect(rig.listener.port, '127.0.0.1');
  let received = '';
  let closed = false;
  socket.on('data', (data) => {
    received += data.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
  });
  const authorization = `Authorization: Bearer ${rig.token()}`;
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: a.test\r\n${authorization}\r\n\r\n`);
  await until(() => received.includes('first'));
  return { socket, closed: () => closed };
}

async function change(route: Record<string, unknown>): Promise<void> {
  rig.route({ upstream: url, ...route });
  await rig.caughtUp();
  await turn();
}

const cuts = (): number =>
  rig.gateway.metrics.value('mintmark_gateway_streams_cut_total', 'route_changed');

describe('an answer under way', () => {
  it.each([
    ['demands another scope', { ...stream, scopes: ['read', 'write'] }],
    ['wants another audience', { ...stream, audience: 'https://other.test' }],
    ['takes other methods', { ...stream, match: { path_prefix: '/s', methods: ['POST'] } }],
    ['lies elsewhere', { ...stream, match: { path_prefix: '/elsewhere' } }],
    ['takes other addresses', { ...stream, address_ranges: ['192.0.2.0/24'] }],
    ['is for another host', { ...stream, match: { path_prefix: '/s', host: 'b.test' } }],
  ])('is cut once its route %s', async (_what, route) => {
    const { closed } = await openStream('/s/1');
    await change(route);
    await until(closed);
    expect(cuts()).toBe(1);
  });

  it('is cut once its route is deleted', async () => {
    const { closed } = await openStream('/s/1');
    rig.feed.push({ type: 'route', name: 'stream', route: null });
    await until(closed);
    expect(cuts()).toBe(1);
  });

  it('is cut once a more specific route demands more', async () => {
    const { closed } = await openStream('/s/1');
    await change({ name: 'inner', match: { path_prefix: '/s/1' }, scopes: ['admin'] });
    await until(closed);
  });

  it('is cut once its route asks for a credential, which was never looked at', async () => {
    const { closed } = await openStream('/open');
    await change({ ...open, credential: 'required' });
    await until(closed);
  });

  it('goes on where it would still be let in', async () => {
    const mine = await openStream('/s/1');
    const anonymous = await openStream('/open');
    await change({ ...stream, scopes: [] });
    await change({ name: 'unrelated', match: { path_prefix: '/u' }, scopes: ['admin'] });
    await change({ ...stream, credential: 'none', scopes: [], audience: 'https://other.test' });
    rig.timers.advance(2_000);
    await turn();
    expect([mine.closed(), anonymous.closed(), cuts()]).toEqual([false, false, 0]);
    // And is still judged by what came last.
    await change({ ...stream, scopes: ['admin'] });
    await until(mine.closed);
    anonymous.socket.destroy();
  });

  it('that began while the routes changed is judged by the new ones', async () => {
    const { text } = rig.secret('at');
    let introspected = (): void => {};
    rig.introspect = async () => {
      await new Promise<void>((resolve) => {
        introspected = resolve;
      });
      return {
        ...{ active: true, kind: 'opaque', id: 'T', subject: 's', clientId: 'client-1' },
        ...{ scopes: ['read'], audience: [rig.feed.issuer], expiresAt: undefined },
        ...{
          position: rig.feed.head,
          family: undefined,
          binding: undefined,
          issuedAt: 0 as UnixSeconds,
        },
      };
    };
    const socket = connect(rig.listener.port, '127.0.0.1');
    let closed = false;
    socket
      .on('error', () => {})
      .on('close', () => {
        closed = true;
      });
    socket.resume();
    const lines = ['Host: a.test', 'Connection: close', `Authorization: Bearer ${text}`];
    socket.write(['GET /s HTTP/1.1', ...lines, '\r\n'].join('\r\n'));
    await until(() => rig.asked.length === 1);
    rig.feed.push({ type: 'route', name: 'stream', route: null });
    await rig.caughtUp();
    introspected();
    await until(() => rig.gateway.renderMetrics().includes('live_requests 1'));
    rig.timers.advance(1_000);
    await until(() => closed);
    expect(cuts()).toBe(1);
  });
});
