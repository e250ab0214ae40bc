import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { UnixSeconds } from '@mintmark/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../conformance/ask.ts';
import { openRig, type Rig, startMs, turn, until } from '../conformance/rig.ts';

let upstream: Server;
let rig: Rig;
/** Requests for an upgrade that reached the upstream, with their raw connections. */
let upgraded: { readonly request: IncomingMessage; readonly socket: Socket; closed: boolean }[];

beforeAll(async () => {
  upstream = createServer((request, response) => {
    if (request.url === '/download') {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
    } else {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
    }
    response.write('first');
  });
  upstream.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (request.url === '/refused') {
      socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nX-Why: none\r\n\r\nnone');
      return;
    }
    const one = { request, socket, closed: false };
    upgraded.push(one);
    socket.on('error', () => {});
    socket.on('close', () => {
      one.closed = true;
    });
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n`,
    );
    socket.write(head);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  upstream.closeAllConnections();
  upstream.close();
});

beforeEach(async () => {
  upgraded = [];
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  rig = await openRig([
    { name: 'all', match: {}, upstream: url },
    { name: 'scoped', match: { path_prefix: '/scoped' }, scopes: ['read'], upstream: url },
    {
      name: 'lasting',
      match: { path_prefix: '/lasting' },
      on_stale: { continue_seconds: 60 },
      upstream: url,
    },
  ]);
});
afterEach(() => rig.close());

interface Talk {
  readonly socket: Socket;
  readonly received: () => string;
  readonly closed: () => boolean;
}

/** Opens a connection and sends a head. */
function open(path: string, lines: readonly string[]): Talk {
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
  socket.write([`GET ${path} HTTP/1.1`, 'Host: a.test', ...lines, '\r\n'].join('\r\n'));
  return { socket, received: () => received, closed: () => closed };
}

const websocket = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
];

async function openWebsocket(token: string, path = '/ws'): Promise<Talk> {
  const talk = open(path, [...websocket, `Authorization: Bearer ${token}`]);
  await until(() => talk.received().includes('\r\n\r\n') && upgraded.length === 1);
  return talk;
}

describe('WebSockets', () => {
  it('pass both ways after the same judgement', async () => {
    const talk = await openWebsocket(rig.token());
    expect(talk.received()).toMatch(/^HTTP\/1\.1 101 /);
    expect(talk.received()).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    expect(talk.received()).toContain('Sec-WebSocket-Protocol: chat');
    const { headers } = upgraded[0]!.request;
    expect(headers).toMatchObject({
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'x-mintmark-subject': 'subject-1',
    });
    expect(headers.authorization).toBeUndefined();
    talk.socket.write('hello');
    await until(() => talk.received().endsWith('hello'));
    talk.socket.destroy();
    await until(() => upgraded[0]!.closed);
    await until(() => rig.gateway.renderMetrics().includes('live_requests 0'));
  });

  it('carry on what the client sent behind its head', async () => {
    const lines = [...websocket, `Authorization: Bearer ${rig.token()}`];
    const talk = open('/ws', lines);
    talk.socket.write('early');
    await until(() => talk.received().endsWith('early'));
    talk.socket.destroy();
  });

  it('are refused like any request', async () => {
    const talk = open('/ws', websocket);
    await until(talk.closed);
    expect(talk.received()).toMatch(/^HTTP\/1\.1 401 [\s\S]*unauthenticated/);
    expect(upgraded).toHaveLength(0);
  });

  it('get the upstream’s own refusal', async () => {
    const talk = open('/refused', [...websocket, `Authorization: Bearer ${rig.token()}`]);
    await until(talk.closed);
    expect(talk.received()).toMatch(/^HTTP\/1\.1 404 [\s\S]*X-Why: none[\s\S]*none$/);
  });

  it('end when a policy would not let them begin any more', async () => {
    const talk = await openWebsocket(rig.token());
    const version = { version: 1, uses: ['gateway'], entities: [] } as const;
    const others =
      'permit(principal, action, resource); forbid(principal, action == Action::"PUT", resource);';
    rig.policy('own', { enforced: { ...version, cedar: others } });
    await rig.caughtUp();
    rig.timers.advance(1_000);
    await turn();
    expect(talk.closed()).toBe(false);
    rig.policy('own', { shadow: { ...version, cedar: 'forbid(principal, action, resource);' } });
    await rig.caughtUp();
    rig.timers.advance(1_000);
    await turn();
    expect(talk.closed()).toBe(false);
    const mine = 'permit(principal, action, resource) unless { principal == User::"subject-1" };';
    rig.policy('own', { enforced: { ...version, version: 2, cedar: mine } });
    await until(talk.closed);
    expect(rig.gateway.renderMetrics()).toContain('streams_cut_total{kind="policy_changed"} 1');
  });

  it('end when the upstream ends them, with its last words', async () => {
    const talk = await openWebsocket(rig.token());
    upgraded[0]!.socket.unpipe();
    upgraded[0]!.socket.end('bye');
    await until(talk.closed);
    expect(talk.received()).toMatch(/bye$/);
  });

  it('are cut when their client does not read, and hold little until then', async () => {
    const talk = await openWebsocket(rig.token(), '/lasting/ws');
    talk.socket.pause();
    const { socket } = upgraded[0]!;
    socket.unpipe();
    let sent = 0;
    while (sent < 100 && socket.write(Buffer.alloc(1 << 20))) sent++;
    // What the kernel's buffers take, and no more, goes out of the upstream.
    for (let turns = 0; turns < 50; turns++) {
      await turn();
      while (sent < 100 && socket.writableLength === 0) {
        socket.write(Buffer.alloc(1 << 20));
        sent++;
      }
    }
    expect(sent).toBeLessThan(40);
    rig.timers.advance(62_000);
    await until(() => upgraded[0]!.closed);
    expect(rig.gateway.metrics.value('mintmark_gateway_streams_cut_total', 'client_stalled')).toBe(
      1,
    );
    talk.socket.destroy();
  });

  it('are cut on both sides when their token is revoked', async () => {
    const talk = await openWebsocket(rig.token({ tokenId: 'T' as never }));
    rig.revoke({ kind: 'token', id: 'T' });
    await until(() => talk.closed() && upgraded[0]!.closed);
    expect(rig.gateway.metrics.value('mintmark_gateway_streams_cut_total', 'revoked')).toBe(1);
  });

  it('are cut when their token expires', async () => {
    const expiresAt = (startMs / 1000 + 30) as UnixSeconds;
    const talk = await openWebsocket(rig.token({ expiresAt }), '/lasting/ws');
    rig.timers.advance(29_000);
    await turn();
    expect(talk.closed()).toBe(false);
    rig.timers.advance(2_000);
    await until(() => talk.closed() && upgraded[0]!.closed);
  });

  it('are cut when the gateway closes', async () => {
    const talk = await openWebsocket(rig.token());
    await rig.gateway.close();
    await until(() => talk.closed() && upgraded[0]!.closed);
  });
});

describe('answers that last', () => {
  async function openStream(path: string, credential: string): Promise<Talk> {
    const talk = open(path, [`Authorization: Bearer ${credential}`]);
    await until(() => talk.received().includes('first'));
    return talk;
  }

  it('are cut when their token is revoked, and others are not', async () => {
    const mine = await openStream('/sse', rig.token({ clientId: 'mine' as never }));
    const other = await openStream('/sse', rig.token({ clientId: 'other' as never }));
    rig.revoke({ kind: 'client', id: 'mine' });
    await until(mine.closed);
    expect(other.closed()).toBe(false);
    other.socket.destroy();
  });

  it('are cut when their key is disabled', async () => {
    const { text, id } = rig.key();
    await rig.caughtUp();
    const talk = await openStream('/download', text);
    const { view } = rig.gateway.view.key(id)!;
    rig.feed.push({ type: 'key', key: { ...view, status: 'disabled' } });
    await until(talk.closed);
  });

  it('are cut when their key loses a scope of the route, and no other', async () => {
    const { text, id } = rig.key();
    await rig.caughtUp();
    const talks = [await openStream('/scoped', text), await openStream('/download', text)];
    const { view } = rig.gateway.view.key(id)!;
    rig.feed.push({ type: 'key', key: { ...view, scopes: ['other'] } });
    await until(talks[0]!.closed);
    expect(talks[1]!.closed()).toBe(false);
    talks[1]!.socket.destroy();
  });

  it('are cut when their token expires, where they have no end of their own', async () => {
    const expiresAt = (startMs / 1000 + 30) as UnixSeconds;
    const claims = { expiresAt };
    const events = await openStream('/lasting/sse', rig.token(claims));
    rig.timers.advance(31_000);
    await until(events.closed);
  });

  it('may be downloaded to their end after that', async () => {
    const expiresAt = (startMs / 1000 + 3) as UnixSeconds;
    const talk = await openStream('/download', rig.token({ expiresAt }));
    rig.timers.advance(4_000);
    await turn();
    expect(talk.closed()).toBe(false);
    talk.socket.destroy();
  });

  it('are cut when their token is revoked, although it has expired', async () => {
    const expiresAt = (startMs / 1000 + 3) as UnixSeconds;
    const talk = await openStream('/download', rig.token({ expiresAt, clientId: 'mine' as never }));
    rig.timers.advance(4_000);
    await turn();
    expect(talk.closed()).toBe(false);
    rig.revoke({ kind: 'client', id: 'mine' });
    await until(talk.closed);
  });

  it('are cut when the lease ends, but where their route declares otherwise', async () => {
    const strict = await openStream('/sse', rig.token());
    const lasting = await openStream('/lasting/sse', rig.token());
    rig.feed.fault = new Error('gone');
    rig.feed.heartbeat();
    rig.timers.advance(6_000);
    await until(strict.closed);
    expect(lasting.closed()).toBe(false);
    lasting.socket.destroy();
  });

  it('are cut in a new epoch', async () => {
    const talk = await openStream('/sse', rig.token());
    await until(() => rig.feed.waiting === 1);
    rig.feed.restore('epoch-2', []);
    await until(talk.closed);
  });

  it('before they began are refused, not cut', async () => {
    const slow = createServer(() => {});
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    rig.route({ name: 'slow', match: { path_prefix: '/slow' }, upstream: url });
    await rig.caughtUp();
    const token = rig.token({ tokenId: 'T' as never });
    const headers = { authorization: `Bearer ${token}` };
    const answer = ask(rig.listener.port, { path: '/slow', headers });
    await until(() => rig.gateway.renderMetrics().includes('live_requests 1'));
    rig.revoke({ kind: 'token', id: 'T' });
    expect((await answer).status).toBe(503);
    slow.closeAllConnections();
    slow.close();
  });
});
