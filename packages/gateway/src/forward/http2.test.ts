/** HTTP/2 at both ends of the gateway, and from one version to the other. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer as createHttp1 } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { systemTimers } from '@mintmark/core/system';
import { type Listener, listen } from '@mintmark/net';
import { selfSigned } from '@mintmark/net/conformance/certificate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRig, type Rig, turn, until } from '../conformance/rig.ts';

type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

let serve: Serve;
let upstream: Http2Server;
let upstreamSessions: ServerHttp2Session[];
let rig: Rig;
/** Takes HTTP/2 without TLS, in front of the same gateway. */
let listener: Listener;
let client: ClientHttp2Session;
const servers: Server[] = [];

beforeEach(async () => {
  upstreamSessions = [];
  upstream = createServer({ settings: { maxConcurrentStreams: 4 } });
  upstream.on('session', (session) => upstreamSessions.push(session));
  upstream.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {});
    serve(stream, headers);
  });
  const url = await address(upstream, 'http');
  rig = await openRig([
    { name: 'all', match: {}, protocol: 'http2', upstream: url },
    {
      name: 'open',
      match: { path_prefix: '/open' },
      credential: 'none',
      protocol: 'http2',
      upstream: url,
    },
  ]);
  const at = { host: '127.0.0.1', port: 0, timers: systemTimers, http2: 'clear' } as const;
  listener = await listen({ ...at, streamHandler: rig.gateway.handle });
  client = connect(`http://127.0.0.1:${listener.port}`);
});
afterEach(async () => {
  client.destroy();
  await listener.close();
  await rig.close();
  for (const session of upstreamSessions) session.destroy();
  for (const server of [upstream, ...servers.splice(0)]) server.close();
});

async function address(server: Server, scheme: string): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
  readonly code: number;
}

function request(fields: Record<string, string>, body?: string): Promise<Answer> {
  const stream = client.request({ ':authority': 'a.test', ':path': '/open', ...fields });
  const answer = answerOf(stream);
  stream.end(body);
  return answer;
}

function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve) => {
    let [headers, trailers, body] = [{}, {}, ''] as [
      IncomingHttpHeaders,
      IncomingHttpHeaders,
      string,
    ];
    stream.on('response', (fields) => {
      headers = fields;
    });
    stream.on('trailers', (fields) => {
      trailers = fields;
    });
    stream
      .on('error', () => {})
      .on('data', (data) => {
        body += data;
      });
    stream.on('close', () => resolve({ headers, trailers, body, code: stream.rstCode ?? -1 }));
  });
}

describe('HTTP/2 on both sides', () => {
  it('is judged by the same credential, and passes bodies and trailers both ways', async () => {
    let seen: IncomingHttpHeaders = {};
    serve = (stream, headers) => {
      seen = headers;
      stream.respond({ ':status': 200, 'content-type': 'a/b' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-b': 'y' }));
      stream.pipe(stream);
    };
    const refused = await request({ ':path': '/closed' });
    expect(refused.headers[':status']).toBe(401);
    const path = '/closed?q=%2f';
    const sent = { ':method': 'POST', ':path': path, te: 'trailers', ...bearer(rig.token()) };
    const answer = await request(sent, 'x'.repeat(200_000));
    expect([answer.headers[':status'], answer.body.length]).toEqual([200, 200_000]);
    expect(answer.trailers).toMatchObject({ 'grpc-status': '0', 'x-b': 'y' });
    expect(seen).toMatchObject({
      ...{ ':method': 'POST', ':path': path, ':authority': 'a.test', te: 'trailers' },
      'x-mintmark-subject': 'subject-1',
    });
    expect(seen['authorization']).toBeUndefined();
  });

  it('carries fields of any name, and of any number, both ways', async () => {
    let seen: IncomingHttpHeaders = {};
    serve = (stream, headers) => {
      seen = headers;
      const fields = { ':status': 200, constructor: 'c', ['__proto__']: 'p', 'x-a': ['1', '2'] };
      stream.respond(fields, { endStream: true });
    };
    const sent = {
      constructor: 'a',
      ['__proto__']: 'b',
      'if-none-match': ['"c"', '"d"'],
      dnt: ['0', '1'],
    };
    const { status } = await ask(rig.listener.port, { path: '/open', headers: sent });
    expect(status).toBe(200);
    expect(Object.entries(seen)).toEqual(
      expect.arrayContaining([
        ['constructor', 'a'],
        ['__proto__', 'b'],
        ['if-none-match', '"c", "d"'],
        ['dnt', '0'],
      ]),
    );
    const { headers } = await request({ constructor: 'x' });
    expect([headers[':status'], headers['constructor'], headers['x-a']]).toEqual([
      200,
      'c',
      '1, 2',
    ]);
  });

  it('ends an answer without a body with its head, as gRPC tells its failures', async () => {
    serve = (stream) => stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true });
    const stream = client.request({ ':authority': 'a.test', ':path': '/open', ':method': 'POST' });
    let flags = 0;
    stream.on('response', (_fields, how) => {
      flags = how;
    });
    const answered = answerOf(stream);
    stream.end();
    expect((await answered).headers['grpc-status']).toBe('5');
    expect(flags & 1).toBe(1);
  });

  it('streams in both directions at once', async () => {
    serve = (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    };
    const stream = client.request({ ':authority': 'a', ':path': '/open', ':method': 'POST' });
    let received = '';
    stream.on('data', (data) => {
      received += data;
    });
    for (const word of ['one', 'two', 'three']) {
      stream.write(word);
      await until(() => received.endsWith(word));
    }
    stream.end();
    await new Promise((resolve) => stream.on('close', resolve));
    await until(() => rig.gateway.renderMetrics().includes('live_requests 0'));
  });

  it('shares few connections among many requests, within what the upstream takes', async () => {
    const waiting: ServerHttp2Stream[] = [];
    const finish = (stream: ServerHttp2Stream): void => {
      stream.respond({ ':status': 200 });
      stream.end('ok');
    };
    serve = (stream) => void waiting.push(stream);
    const all = Array.from({ length: 10 }, () => request({}));
    await until(() => waiting.length >= 4);
    serve = finish;
    for (const stream of waiting) finish(stream);
    for (const answer of all) expect((await answer).body).toBe('ok');
    expect(upstreamSessions.length).toBeLessThanOrEqual(3);
  });

  it('passes on a body that ends without a byte, in the first packet of a connection', async () => {
    serve = (stream) =>
      void stream
        .on('end', () => {
          stream.respond({ ':status': 200 }, { endStream: true });
        })
        .resume();
    const { headers } = await request({ ':method': 'POST' });
    expect(headers[':status']).toBe(200);
  });

  it('begins nothing for a client that has gone before it was judged', async () => {
    serve = (stream) => stream.respond({ ':status': 200 }, { endStream: true });
    for (let i = 0; i < 20; i++) {
      const stream = client.request({ ':authority': 'a', ':path': '/open' });
      stream.on('error', () => {});
      stream.close(8);
    }
    expect((await request({})).headers[':status']).toBe(200);
    await until(() => rig.gateway.renderMetrics().includes('live_requests 0\n'));
  });

  it('tells each side that the other has gone', async () => {
    let closed: number | undefined;
    serve = (stream) =>
      stream.on('close', () => {
        closed = stream.rstCode;
      });
    const stream = client.request({ ':authority': 'a', ':path': '/open' });
    stream.on('error', () => {});
    await until(() => rig.gateway.renderMetrics().includes('live_requests 1'));
    stream.close(8);
    await until(() => closed === 8);
    serve = (up) => {
      up.respond({ ':status': 200 });
      up.write('half', () => upstreamSessions[0]!.destroy());
    };
    const half = await request({});
    expect(half.code).not.toBe(0);
  });

  it('asks again what the upstream had not begun, and nothing else', async () => {
    let times = 0;
    serve = (stream) => {
      times++;
      if (times % 2 === 1) return stream.close(7);
      stream.respond({ ':status': 200 });
      stream.end('second');
    };
    expect((await request({})).body).toBe('second');
    times = 0;
    expect((await request({ ':method': 'POST' }, 'x')).headers[':status']).toBe(502);
    expect(times).toBe(1);
  });

  it('finishes what is under way on a connection that the upstream takes leave of', async () => {
    const waiting: ServerHttp2Stream[] = [];
    serve = (stream) => {
      waiting.push(stream);
      if (waiting.length === 1) upstreamSessions[0]!.goaway();
    };
    const first = request({});
    await until(() => waiting.length === 1);
    await turn();
    const second = request({});
    await until(() => waiting.length === 2 && upstreamSessions.length === 2);
    for (const stream of waiting) {
      stream.respond({ ':status': 200 });
      stream.end('ok');
    }
    expect([(await first).body, (await second).body]).toEqual(['ok', 'ok']);
  });

  it('is cut when its token is revoked', async () => {
    serve = (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
      stream.write('first');
    };
    const token = rig.token({ tokenId: 'T' as never });
    const stream = client.request({ ':authority': 'a', ':path': '/', ...bearer(token) });
    const answer = answerOf(stream);
    await new Promise((resolve) => stream.once('data', resolve));
    rig.revoke({ kind: 'token', id: 'T' });
    expect((await answer).code).not.toBe(0);
  });
});

describe('from one version to the other', () => {
  it('HTTP/1.1 clients reach upstreams of HTTP/2, trailers and all', async () => {
    serve = (stream) => {
      stream.respond({ ':status': 201, 'x-a': ['1', '2'] } as never, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '9' }));
      stream.pipe(stream);
    };
    const answer = await ask(rig.listener.port, { method: 'PUT', path: '/open', body: 'hello' });
    expect([answer.status, answer.body, answer.trailers['x-sum']]).toEqual([201, 'hello', '9']);
  });

  it('an upstream that is slow, refuses, or is not there is told as by HTTP/1.1', async () => {
    const nowhere = { credential: 'none', protocol: 'http2' };
    const routes = [
      { name: 'down', match: { path_prefix: '/down' }, ...nowhere, upstream: 'http://127.0.0.1:1' },
      { name: 'slow', match: { path_prefix: '/slow' }, ...nowhere, headers_timeout_seconds: 1 },
    ];
    const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    for (const route of routes) rig.route({ upstream: url, ...route });
    await rig.caughtUp();
    serve = () => {};
    const down = await request({ ':path': '/down' });
    expect([down.headers[':status'], JSON.parse(down.body).code]).toEqual([
      502,
      'upstream_unreachable',
    ]);
    const slow = await request({ ':path': '/slow' });
    expect([slow.headers[':status'], JSON.parse(slow.body).code]).toEqual([
      504,
      'upstream_timeout',
    ]);
  });
});

describe('protocol: auto', () => {
  async function openTls(server: Http2SecureServer | Server): Promise<Rig> {
    servers.push(server);
    const upstreamUrl = await address(server, 'https');
    const ca = certificate.cert;
    return openRig(
      [{ name: 'all', match: {}, credential: 'none', protocol: 'auto', upstream: upstreamUrl }],
      { upstream: { ca } },
    );
  }
  const certificate = selfSigned('a.test');

  it('speaks HTTP/2 to an upstream that agrees to it', async () => {
    const server = createSecureServer(certificate);
    server.on('session', (session) => upstreamSessions.push(session));
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.respond({ ':status': 200 });
      stream.end('by two');
    });
    const secure = await openTls(server);
    expect((await ask(secure.listener.port, {})).body).toBe('by two');
    await secure.close();
  });

  it('speaks HTTP/1.1 to one that does not', async () => {
    const server = createHttp1(certificate, (_request, response) => response.end('by one'));
    const secure = await openTls(server);
    for (let i = 0; i < 2; i++) expect((await ask(secure.listener.port, {})).body).toBe('by one');
    await secure.close();
    server.closeAllConnections();
  });

  it('http2 alone fails where the upstream does not agree', async () => {
    const server = createHttp1(certificate);
    const secure = await openTls(server);
    const upstreamUrl = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    secure.route({
      name: 'all',
      match: {},
      credential: 'none',
      protocol: 'http2',
      upstream: upstreamUrl,
    });
    await secure.caughtUp();
    expect((await ask(secure.listener.port, {})).status).toBe(502);
    await secure.close();
  });
});
