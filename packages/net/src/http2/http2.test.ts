import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
} from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { systemTimers } from '@mintmark/core/system';
import { afterEach, describe, expect, it } from 'vitest';
import { selfSigned } from '../conformance/certificate.ts';
import {
  endHeaders,
  frame,
  frameTypes,
  get,
  headers,
  openFrames,
  reset,
} from '../conformance/frames.ts';
import { head, last, talk } from '../conformance/talk.ts';
import { type Listener, type ListenOptions, listen } from '../listener.ts';
import type { StreamHandler, StreamRequest } from '../stream.ts';

let listener: Listener | undefined;
let sessions: ClientHttp2Session[] = [];
let events: unknown[] = [];
let folder: string | undefined;

afterEach(async () => {
  for (const session of sessions) session.destroy();
  await listener?.close();
  if (folder !== undefined) rmSync(folder, { recursive: true });
  listener = undefined;
  sessions = [];
  events = [];
  folder = undefined;
});

async function open(
  streamHandler: StreamHandler,
  options: Partial<ListenOptions> = {},
): Promise<number> {
  const { handler: _none, ...rest } = options;
  listener = await listen({
    ...{ host: '127.0.0.1', port: 0, timers: systemTimers, http2: 'clear' },
    log: (event) => events.push(event),
    ...rest,
    streamHandler,
  });
  return listener.port;
}

function session(port: number): ClientHttp2Session {
  const made = connect(`http://127.0.0.1:${port}`);
  made.on('error', () => {});
  sessions.push(made);
  return made;
}

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
  readonly code: number;
}

function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve) => {
    let got: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    let body = '';
    stream.on('response', (fields) => {
      got = fields;
    });
    stream.on('trailers', (fields) => {
      trailers = fields;
    });
    stream.on('error', () => {});
    stream.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    stream.on('close', () => resolve({ headers: got, body, trailers, code: stream.rstCode ?? -1 }));
  });
}

function ask(
  made: ClientHttp2Session,
  fields: Record<string, string | string[]>,
  body?: string,
): Promise<Answer> {
  const stream = made.request({ ':authority': 'a.test', ':path': '/', ...fields });
  const answer = answerOf(stream);
  stream.end(body);
  return answer;
}

const echo: StreamHandler = async (request, reply) => {
  const { method, path, query, host, scheme, remoteAddress, bodyLength } = request;
  const body = await request.body(100_000);
  const read = body === 'too_large' ? body : Buffer.from(body).toString();
  const seen = { method, path, query, host, scheme, remoteAddress, bodyLength, read };
  reply.respond({ status: 200, headers: { 'x-a': ['1', '2'] }, body: JSON.stringify(seen) });
};

describe('requests', () => {
  it('are the same to a handler as those of HTTP/1.1', async () => {
    const port = await open(echo);
    const made = session(port);
    const fields = { ':method': 'POST', ':path': '/a?b=c', 'content-length': '5' };
    const { headers: got, body } = await ask(made, fields, 'hello');
    const seen = JSON.parse(body);
    expect(seen).toEqual({
      ...{ method: 'POST', path: '/a', query: 'b=c', host: 'a.test', scheme: 'http' },
      ...{ remoteAddress: '127.0.0.1', bodyLength: 5, read: 'hello' },
    });
    expect(got).toMatchObject({
      ':status': 200,
      'x-a': '1, 2',
      'content-length': `${body.length}`,
    });
    const lines = ['POST /a?b=c HTTP/1.1', 'Host: a.test', 'Content-Length: 5', last];
    const text = await talk(port, `${lines.join('\r\n')}\r\n\r\nhello`).closed;
    expect(JSON.parse(text.slice(text.indexOf('{')))).toEqual(seen);
  });

  it('without a length show it on the way, and without a body have none', async () => {
    const made = session(await open(echo));
    const sent = await ask(made, { ':method': 'POST' }, 'abc');
    expect(JSON.parse(sent.body)).toMatchObject({ bodyLength: 'chunked', read: 'abc' });
    const bare = made.request({ ':authority': 'a.test', ':path': '/' }, { endStream: true });
    expect(JSON.parse((await answerOf(bare)).body)).toMatchObject({ bodyLength: 0, read: '' });
  });

  it('of one connection are served side by side', async () => {
    const waiting: (() => void)[] = [];
    const made = session(
      await open((request, reply) => {
        waiting.push(() =>
          reply.respond({ status: 200, headers: {}, body: request.path.slice(1) }),
        );
        if (waiting.length === 3) for (const run of waiting.reverse()) run();
      }),
    );
    const all = await Promise.all(['/a', '/b', '/c'].map((path) => ask(made, { ':path': path })));
    expect(all.map(({ body }) => body)).toEqual(['a', 'b', 'c']);
  });

  it('bring their cookies in one piece, as HTTP/1.1 knows them', async () => {
    let raw: readonly string[] = [];
    const made = session(
      await open((request, reply) => {
        raw = request.rawHeaders;
        reply.respond({ status: 200, headers: {}, body: request.header('cookie') });
      }),
    );
    expect((await ask(made, { cookie: ['a=1', 'b=2'] })).body).toBe('a=1; b=2');
    expect(raw.filter((name) => name === 'cookie')).toHaveLength(1);
  });

  it('may wait for 100 Continue', async () => {
    const made = session(await open(echo));
    const stream = made.request({
      ...{ ':method': 'POST', ':authority': 'a.test', ':path': '/', expect: '100-continue' },
    });
    const answer = answerOf(stream);
    await new Promise((resolve) => stream.once('continue', resolve));
    stream.end('late');
    expect(JSON.parse((await answer).body).read).toBe('late');
  });

  it('whose body is too long, or is not read, still get their answer', async () => {
    const made = session(
      await open(async (request, reply) => {
        if (request.path === '/unread') {
          return reply.respond({ status: 403, headers: {}, body: 'no' });
        }
        const failed = await new Promise<Error>((resolve) =>
          request.bodyStream(1_000).on('error', resolve).resume(),
        );
        reply.respond({ status: 413, headers: {}, body: (failed as { code?: string }).code });
      }),
    );
    const body = 'x'.repeat(60_000);
    const long = await ask(made, { ':method': 'POST' }, body);
    expect([long.headers[':status'], long.body]).toEqual([413, 'body_too_large']);
    const unread = await ask(made, { ':method': 'POST', ':path': '/unread' }, body);
    expect([unread.headers[':status'], unread.body, unread.code]).toEqual([403, 'no', 0]);
  });

  it.each([0, 8])('reset with %i within their body are never taken for whole', async (code) => {
    const heard: unknown[] = [];
    let begun = (): void => {};
    const gone = new Promise<void>((resolve) => {
      const hear = (what: unknown): void => {
        if (heard.push(what) === 2) resolve();
      };
      void open((request, reply) => {
        reply.onGone(() => hear('answer'));
        const body = request.bodyStream(1_000);
        body.on('error', (error) => hear((error as { code?: string }).code));
        body.on('end', () => hear('whole body'));
        body.once('data', () => begun());
      }).then((port) => {
        const frames = openFrames(port);
        begun = () => void frames.send(reset(1, code));
        const post = [':method', 'POST', ...get('/').slice(2)];
        frames.send(headers(1, post, endHeaders));
        frames.send(frame(frameTypes.data, { stream: 1, payload: Buffer.from('begun') }));
      });
    });
    await gone;
    expect(heard.sort()).toEqual(['answer', 'client_gone']);
  });
});

it('a connection that closes takes its requests with it', async () => {
  const gone = new Promise<void>((resolve) => {
    void open((_request, reply) => {
      reply.onGone(resolve);
      talked.socket.end();
    }).then((port) => {
      talked = openFrames(port);
      talked.send(headers(1, get('/')));
    });
  });
  let talked: ReturnType<typeof openFrames>;
  await gone;
});

describe('answers', () => {
  it('may have trailers, interim ones before them, and no body', async () => {
    const made = session(
      await open((request, reply) => {
        if (request.path === '/bare') {
          reply.head(200, ['grpc-status', '5']);
          return reply.end();
        }
        reply.inform(103, ['link', '</a>']);
        reply.head(200, ['content-type', 'text/plain', 'Set-Cookie', 'a', 'set-cookie', 'b']);
        reply.write(Buffer.from('body'));
        reply.end(['grpc-status', '0']);
      }),
    );
    const stream = made.request({ ':authority': 'a.test', ':path': '/' });
    let informed: unknown;
    stream.on('headers', (fields) => {
      informed = fields['link'];
    });
    const full = await answerOf(stream);
    expect([informed, full.body, full.trailers['grpc-status']]).toEqual(['</a>', 'body', '0']);
    expect(full.headers['set-cookie']).toEqual(['a', 'b']);
    // Trailers-Only of gRPC: the head itself must end the stream.
    let flags = 0;
    const bare = made.request({ ':authority': 'a.test', ':path': '/bare' });
    bare.on('response', (_fields, how) => {
      flags = how;
    });
    expect((await answerOf(bare)).headers['grpc-status']).toBe('5');
    expect(flags & 1).toBe(1);
  });

  it('to HEAD have a length and no body', async () => {
    const made = session(
      await open((request, reply) => {
        if (request.path === '/whole') {
          return reply.respond({ status: 200, headers: {}, body: 'abc' });
        }
        reply.head(200, ['content-length', '3']);
        reply.write(Buffer.from('abc'));
        reply.end();
      }),
    );
    for (const path of ['/whole', '/piece']) {
      const got = await ask(made, { ':method': 'HEAD', ':path': path });
      expect([got.headers['content-length'], got.body, got.code]).toEqual(['3', '', 0]);
    }
  });

  it('that fail on the way are seen to have failed', async () => {
    const made = session(
      await open((_request, reply) => {
        reply.head(200, []);
        reply.write(Buffer.from('half'));
        systemTimers.after(10, () => reply.abort());
      }),
    );
    expect((await ask(made, {})).code).not.toBe(0);
  });

  it('of handlers that throw are 500', async () => {
    const made = session(
      await open(() => {
        throw new Error('broken');
      }),
    );
    expect((await ask(made, {})).headers[':status']).toBe(500);
    expect(events).toEqual([{ type: 'handler_failed', error: new Error('broken') }]);
  });
});

describe('WebSockets over HTTP/2', () => {
  const asked = {
    ...{ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http' },
    ...{ ':authority': 'a.test', ':path': '/chat', 'sec-websocket-version': '13' },
  };

  async function openConnect(handler: StreamHandler): Promise<ClientHttp2Session> {
    const made = session(await open(handler));
    await new Promise((resolve) => made.once('remoteSettings', resolve));
    expect(made.remoteSettings.enableConnectProtocol).toBe(true);
    return made;
  }

  it('are the GET that asks for one in HTTP/1.1, and pass both ways', async () => {
    let seen: StreamRequest | undefined;
    const made = await openConnect((request, reply) => {
      seen = request;
      const socket = reply.switchProtocols(['Sec-WebSocket-Accept', 'x', 'X-B', 'y']);
      socket.pipe(socket);
    });
    const stream = made.request(asked);
    const echoed = new Promise<string>((resolve) =>
      stream.setEncoding('utf8').once('data', resolve),
    );
    const answered = new Promise<IncomingHttpHeaders>((resolve) => stream.on('response', resolve));
    stream.write('ping');
    expect(await answered).toMatchObject({ ':status': 200, 'x-b': 'y' });
    expect(await answered).not.toHaveProperty('sec-websocket-accept');
    expect(await echoed).toBe('ping');
    expect(seen).toMatchObject({ method: 'GET', path: '/chat', websocket: true, bodyLength: 0 });
    stream.close();
  });

  it.each([
    ['of another protocol', { ':protocol': 'connect-udp' }],
    ['of another version', { 'sec-websocket-version': '8' }],
  ])('are refused %s', async (_, change) => {
    const made = await openConnect(echo);
    const stream = made.request({ ...asked, ...change });
    expect((await answerOf(stream)).body).toContain('upgrade_refused');
  });
});

describe('what is spoken on a port', () => {
  it('without TLS is HTTP/1.1 alone where nothing else is said', async () => {
    const { socket, text, closed } = talk(
      await open(echo, { http2: undefined }),
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    );
    await closed;
    expect(text()).toContain('400 Bad Request');
    socket.destroy();
  });

  it('refuses an upgrade to HTTP/2, and HTTP/2 in the line of a request', async () => {
    const port = await open(echo);
    const upgrade = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AA'];
    expect(await talk(port, head('GET / HTTP/1.1', ...upgrade)).closed).toContain(
      'upgrade_refused',
    );
    expect(await talk(port, head('GET / HTTP/2.0', last)).closed).toContain('505 ');
  });

  it('is told apart though the first bytes come one by one', async () => {
    const port = await open(echo);
    const slow = talk(port);
    for (const byte of head('PUT / HTTP/1.1', last, 'Content-Length: 0')) {
      slow.socket.write(byte);
      await new Promise((resolve) => systemTimers.after(0, () => resolve(undefined)));
    }
    expect(await slow.closed).toContain('200 OK');
    const frames = openFrames(port);
    frames.send(headers(1, get('/')));
    expect(await frames.until(({ type }) => type === frameTypes.headers)).toBeDefined();
    frames.socket.destroy();
  });

  it('is not waited for without end', async () => {
    const port = await open(echo, { limits: { headersTimeoutMs: 100 } });
    await talk(port, 'PRI').closed;
    await talk(port).closed;
  });

  it('over TLS is what ALPN says', async () => {
    const made = selfSigned('a.test');
    folder = mkdtempSync(join(tmpdir(), 'mintmark-'));
    const [certFile, keyFile] = [join(folder, 'c'), join(folder, 'k')];
    writeFileSync(certFile, made.cert);
    writeFileSync(keyFile, made.key);
    const port = await open(echo, { http2: 'tls', tls: { certFile, keyFile } });
    const client = connect(`https://127.0.0.1:${port}`, { ca: made.cert });
    client.on('error', () => {});
    sessions.push(client);
    const { headers: got, body } = await ask(client, { ':scheme': 'https' });
    expect(JSON.parse(body).scheme).toBe('https');
    expect(got['strict-transport-security']).toBeDefined();
    // Whoever says http over TLS speaks of another connection.
    expect((await ask(client, { ':scheme': 'http' })).body).toContain('malformed_pseudo');
    const socket = connectTls({
      port,
      host: '127.0.0.1',
      ca: made.cert,
      ALPNProtocols: ['http/1.1'],
    });
    socket.write(head('GET / HTTP/1.1', last));
    let text = '';
    socket.on('data', (data) => {
      text += data;
    });
    await new Promise((resolve) => socket.on('close', resolve));
    expect(text).toContain('HTTP/1.1 200 OK');
  });

  it('ends with a farewell that lets what is under way finish', async () => {
    let finish = (): void => {};
    const begun = new Promise<void>((resolve) => {
      void open((_request, reply) => {
        finish = () => reply.respond({ status: 200, headers: {}, body: 'whole' });
        resolve();
      }).then((port) => {
        made = session(port);
        answer = ask(made, {});
      });
    });
    let made: ClientHttp2Session;
    let answer: Promise<Answer>;
    await begun;
    const farewell = new Promise((resolve) => made!.once('goaway', resolve));
    const closed = listener!.close({ drainMs: 5_000 });
    await farewell;
    finish();
    expect((await answer!).body).toBe('whole');
    await closed;
  });
});

it('a frame of an unknown kind is passed over', async () => {
  const frames = openFrames(await open(echo));
  frames.send(frame(0xfa, { payload: Buffer.from('x') }), headers(1, get('/')));
  expect(await frames.until(({ type }) => type === frameTypes.headers)).toBeDefined();
  frames.socket.destroy();
});
