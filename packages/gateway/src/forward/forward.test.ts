import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, turn, until } from '../conformance/rig.ts';

let upstream: Server;
let rig: Rig;
/** What the upstream does with a request. */
let serve: (request: IncomingMessage, response: ServerResponse) => void;
let sockets: Set<Socket>;

beforeAll(async () => {
  sockets = new Set();
  upstream = createServer((request, response) => serve(request, response));
  upstream.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  upstream.closeAllConnections();
  upstream.close();
});

beforeEach(async () => {
  serve = (_request, response) => response.end('ok');
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const open = { credential: 'none', upstream: url };
  rig = await openRig(
    [
      { name: 'open', match: {}, ...open },
      { name: 'closed', match: { path_prefix: '/closed' }, upstream: url },
      { name: 'strip', match: { path_prefix: '/strip' }, strip_prefix: true, ...open },
      {
        name: 'base',
        match: { path_prefix: '/in' },
        credential: 'none',
        upstream: `${url}/base/path/`,
      },
      { name: 'npm', match: { path_prefix: '/npm' }, encoded_slash: 'opaque', ...open },
      {
        name: 'down',
        match: { path_prefix: '/down' },
        credential: 'none',
        upstream: 'http://127.0.0.1:1',
      },
    ],
    { bodyBytesMax: 100_000 },
  );
});
afterEach(() => rig.close());

const echo = (request: IncomingMessage, response: ServerResponse): void => {
  response.end(JSON.stringify([request.method, request.url, request.headers.host]));
};

describe('what is asked of the upstream', () => {
  async function asked(path: string): Promise<unknown> {
    serve = echo;
    const { body } = await ask(rig.listener.port, { path, headers: { host: 'api.test' } });
    return JSON.parse(body);
  }

  it.each([
    ['/a/b?x=1&y=%2f..', '/a/b?x=1&y=%2f..'],
    ['/a?', '/a?'],
    ['//a//b', '/a/b'],
    ['/%61%7E', '/a~'],
    ['/strip', '/'],
    ['/strip/', '/'],
    ['/strip/a', '/a'],
    ['/strip?x', '/?x'],
    ['/in/a', '/base/path/in/a'],
    ['/npm/@a%2fb', '/npm/@a%2fb'],
  ])('%s becomes %s', async (path, becomes) => {
    expect(await asked(path)).toEqual(['GET', becomes, 'api.test']);
  });
});

describe('bodies', () => {
  it('pass both ways, announced or chunked', async () => {
    serve = (request, response) => request.pipe(response);
    const body = 'x'.repeat(99_999);
    const announced = await ask(rig.listener.port, { method: 'POST', body });
    expect(announced.body).toBe(body);
    const chunked = await ask(rig.listener.port, {
      method: 'POST',
      body,
      headers: { 'transfer-encoding': 'chunked' },
    });
    expect(chunked.body).toBe(body);
  });

  it('over the bound are refused before anything is sent on', async () => {
    let reached = false;
    serve = () => {
      reached = true;
    };
    const body = 'x'.repeat(100_001);
    const answer = await ask(rig.listener.port, { method: 'POST', body });
    expect(answer.status).toBe(413);
    expect(reached).toBe(false);
  });

  it('over the bound without announcement are cut where they cross it', async () => {
    serve = (request) => request.resume();
    const body = 'x'.repeat(100_001);
    const headers = { 'transfer-encoding': 'chunked' };
    const answer = await ask(rig.listener.port, { method: 'POST', body, headers });
    expect(answer.status).toBe(413);
  });

  it('wait in the client while the upstream does not read', async () => {
    serve = (request) => request.pause();
    const big = await openRig(
      [{ name: 'open', match: {}, credential: 'none', upstream: upstreamUrl() }],
      {},
    );
    const client = connect(big.listener.port, '127.0.0.1');
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000000\r\n\r\n');
    const chunk = Buffer.alloc(1 << 20);
    let written = 0;
    while (written < 100 && (await written_(client, chunk))) written++;
    // The kernel's buffers of three sockets, and little more.
    expect(written).toBeLessThan(40);
    client.destroy();
    await big.close();
  });

  it('wait in the upstream while the client does not read', async () => {
    let sent = 0;
    let cut = false;
    serve = (_request, response) => {
      response.on('close', () => {
        cut = true;
      });
      const chunk = Buffer.alloc(1 << 20);
      const more = (): void => {
        while (sent < 100) {
          sent++;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    };
    const client = connect(rig.listener.port, '127.0.0.1');
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await new Promise((resolve) => client.once('readable', resolve));
    for (let quiet = 0, last = -1; quiet < 50; quiet = sent === last ? quiet + 1 : 0, last = sent) {
      await turn();
    }
    expect(sent).toBeLessThan(40);
    // One that never reads again is cut in the end.
    rig.timers.advance(62_000);
    await until(() => cut);
    expect(rig.gateway.metrics.value('mintmark_gateway_streams_cut_total', 'client_stalled')).toBe(
      1,
    );
    client.destroy();
  });
});

function upstreamUrl(): string {
  return `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
}

/** Writes a chunk; false where the socket has not taken it after a while of turns. */
async function written_(socket: Socket, chunk: Buffer): Promise<boolean> {
  let done = false;
  socket.write(chunk, () => {
    done = true;
  });
  for (let turns = 0; turns < 200 && !done; turns++) await turn();
  return done;
}

describe('answers', () => {
  it('begin with their first byte, not with their last', async () => {
    serve = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
    };
    const client = connect(rig.listener.port, '127.0.0.1');
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    let received = '';
    client.on('data', (data) => {
      received += data;
    });
    await until(() => received.includes('data: 1'));
    expect(received).toContain('HTTP/1.1 200 OK');
    client.destroy();
  });

  it('begin with their head, although no body has come yet', async () => {
    serve = (_request, response) => response.writeHead(200).flushHeaders();
    const client = connect(rig.listener.port, '127.0.0.1');
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const head = await new Promise((resolve) => client.once('data', resolve));
    expect(String(head)).toContain('HTTP/1.1 200 OK');
    client.destroy();
  });

  it('end with their trailers', async () => {
    serve = (_request, response) => {
      response.writeHead(200, { trailer: 'grpc-status, content-length' });
      response.write('body');
      response.addTrailers({ 'grpc-status': '0', 'set-cookie': 'evil=1' });
      response.end();
    };
    const answer = await ask(rig.listener.port, { headers: { te: 'trailers' } });
    expect(answer.body).toBe('body');
    expect(answer.trailers).toEqual({ 'grpc-status': '0' });
  });

  it.each([204, 304])('%s has no body, and the connection goes on', async (status) => {
    serve = (_request, response) => response.writeHead(status, { etag: '"x"' }).end();
    const answer = await ask(rig.listener.port);
    expect([answer.status, answer.headers['etag'], answer.body]).toEqual([status, '"x"', '']);
    expect((await ask(rig.listener.port)).status).toBe(status);
  });

  it('to HEAD keep their length and have no body', async () => {
    serve = (_request, response) => response.writeHead(200, { 'content-length': '5' }).end();
    const answer = await ask(rig.listener.port, { method: 'HEAD' });
    expect([answer.headers['content-length'], answer.body]).toEqual(['5', '']);
  });

  it('keep repeated headers, and lose what is hop-by-hop', async () => {
    serve = (_request, response) => {
      response.writeHead(200, [
        ...['set-cookie', 'a=1', 'set-cookie', 'b=2'],
        ...['connection', 'x-hop', 'x-hop', '1', 'content-length', '0'],
      ]);
      response.end();
    };
    const { headers } = await ask(rig.listener.port);
    expect(headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(headers['x-hop']).toBeUndefined();
  });

  it('come after interim answers', async () => {
    serve = (_request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end('ok');
    };
    const client = connect(rig.listener.port, '127.0.0.1');
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    let received = '';
    client.on('data', (data) => {
      received += data;
    });
    await new Promise((resolve) => client.once('close', resolve));
    expect(received).toMatch(/^HTTP\/1\.1 103 [\s\S]*<\/a\.css>[\s\S]*HTTP\/1\.1 200 /);
  });

  it('that come before the body was read are not lost', async () => {
    serve = (_request, response) => {
      response.writeHead(403, { connection: 'close' }).end('no');
    };
    const answer = await new Promise<string>((resolve) => {
      const client = connect(rig.listener.port, '127.0.0.1');
      client.write(
        'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      );
      let received = '';
      client.on('data', (data) => {
        received += data;
      });
      client.on('close', () => resolve(received));
    });
    expect(answer).toContain('HTTP/1.1 403');
    expect(answer).toContain('no');
  });
});

describe('Expect: 100-continue', () => {
  async function talk(path: string): Promise<string> {
    serve = (request, response) => request.pipe(response);
    const client = connect(rig.listener.port, '127.0.0.1');
    const expectation = 'Expect: 100-continue\r\nContent-Length: 4';
    client.write(`POST ${path} HTTP/1.1\r\nHost: a\r\n${expectation}\r\nConnection: close\r\n\r\n`);
    let received = '';
    client.on('data', (data) => {
      received += data;
      if (/^HTTP\/1\.1 100 [\s\S]*\r\n\r\n$/.test(received)) client.write('body');
    });
    await new Promise((resolve) => client.once('close', resolve));
    return received;
  }

  it('is granted once the request is allowed', async () => {
    expect(await talk('/')).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 [\s\S]*body/);
  });

  it('is never granted to a request that is refused', async () => {
    expect(await talk('/closed')).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe('failures', () => {
  it('an upstream that is not there is a 502', async () => {
    const answer = await ask(rig.listener.port, { path: '/down' });
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([502, 'upstream_unreachable']);
  });

  it('an upstream that breaks off before its answer is a 502', async () => {
    serve = (request) => request.socket.destroy();
    const answer = await ask(rig.listener.port, { method: 'POST' });
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([502, 'upstream_failed']);
  });

  it('an upstream that breaks off within its answer breaks the client’s', async () => {
    serve = (request, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('half', () => request.socket.destroy());
    };
    await expect(ask(rig.listener.port)).rejects.toThrow();
    serve = (_request, response) => response.end('ok');
    expect((await ask(rig.listener.port)).body).toBe('ok');
  });

  it('a client that leaves takes its request to the upstream along', async () => {
    let gone = false;
    serve = (request) => {
      request.socket.on('close', () => {
        gone = true;
      });
    };
    const client = connect(rig.listener.port, '127.0.0.1');
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => rig.gateway.renderMetrics().includes('live_requests 1'));
    client.destroy();
    await until(() => gone);
    await until(() => rig.gateway.renderMetrics().includes('live_requests 0'));
  });

  it('a client that leaves within its body takes its request along', async () => {
    let failed = false;
    serve = (request) => {
      request.on('error', () => {
        failed = true;
      });
      request.resume();
    };
    const client = connect(rig.listener.port, '127.0.0.1');
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf');
    await until(() => sockets.size > 0);
    await until(() => rig.gateway.renderMetrics().includes('live_requests 1'));
    client.destroy();
    await until(() => failed);
  });
});

describe('repetition', () => {
  /**
   * Lets the first request pass, then closes that connection as soon as another request is on it.
   */
  async function staleConnection(method: string): Promise<{ status: number; tries: number }> {
    let tries = 0;
    const seen = new Set<Socket>();
    serve = (request, response) => {
      if (seen.has(request.socket)) {
        tries++;
        request.socket.destroy();
        return;
      }
      seen.add(request.socket);
      tries++;
      response.end('ok');
    };
    await ask(rig.listener.port);
    const { status } = await ask(rig.listener.port, { method });
    return { status, tries };
  }

  it('repeats a GET once on a connection that had just closed', async () => {
    expect(await staleConnection('GET')).toEqual({ status: 200, tries: 3 });
  });

  it('never repeats what may have been acted on', async () => {
    expect(await staleConnection('POST')).toEqual({ status: 502, tries: 2 });
  });

  it('gives up after the second try', async () => {
    let tries = 0;
    serve = (request) => {
      tries++;
      request.socket.destroy();
    };
    expect((await ask(rig.listener.port)).status).toBe(502);
    expect(tries).toBe(2);
  });
});

describe('what arrives upstream', () => {
  let raw: RawUpstream;
  beforeAll(async () => {
    raw = await openRawUpstream(plainAnswer);
  });
  afterAll(() => raw.close());

  it('is exactly the normalised head', async () => {
    const recorded = await openRig([{ name: 'r', match: {}, upstream: raw.url }]);
    const token = recorded.token({ tokenId: 'T1' as never });
    const client = connect(recorded.listener.port, '127.0.0.1');
    client.write(
      [
        'GET http://API.test/%61//b?q=%2f HTTP/1.1',
        'host:  api.TEST ',
        `Authorization: Bearer ${token}`,
        'X-Mintmark-Subject: admin',
        'x_mintmark_subject: admin',
        'X-Forwarded-For: 1.2.3.4',
        'Connection: keep-alive, X-Secret',
        'X-Secret: 1',
        'Accept: */*',
        '\r\n',
      ].join('\r\n'),
    );
    await new Promise((resolve) => client.once('data', resolve));
    client.destroy();
    await recorded.close();
    expect(raw.received()).toBe(
      [
        'GET /a/b?q=%2f HTTP/1.1',
        'host: api.test',
        'connection: keep-alive',
        'Accept: */*',
        'via: 1.1 mintmark',
        'x-forwarded-for: 127.0.0.1',
        'x-forwarded-proto: http',
        'x-forwarded-host: api.test',
        'forwarded: for=127.0.0.1;host="api.test";proto=http',
        'x-mintmark-subject: subject-1',
        'x-mintmark-scopes: read',
        'x-mintmark-credential-id: T1',
        'x-mintmark-credential-kind: jwt',
        'x-mintmark-tenant: default',
        'x-mintmark-client: client-1',
        '\r\n',
      ].join('\r\n'),
    );
  });

  it.each([
    ['GET', 'close'],
    ['DELETE', 'close'],
    ['OPTIONS', 'close'],
    ['POST', 'keep-alive'],
    ['PUT', 'keep-alive'],
  ])('a %s whose body could pass for a request says connection: %s', async (method, connection) => {
    const recording = await openRawUpstream(plainAnswer);
    const recorded = await openRig([
      { name: 'r', match: {}, credential: 'none', upstream: recording.url },
    ]);
    const body = 'GET /admin HTTP/1.1\r\nX-Mintmark-Subject: root\r\n\r\n';
    const headers = { 'content-length': String(body.length) };
    await ask(recorded.listener.port, { method, headers, body });
    expect(recording.received()).toContain(`connection: ${connection}\r\n`);
    await recorded.close();
    await recording.close();
  });

  it('carries no credential, by whatever header it came', async () => {
    const recorded = await openRig([
      { name: 'r', match: {}, upstream: raw.url, accept_basic: true },
    ]);
    const { text } = recorded.key();
    await recorded.caughtUp();
    const basic = Buffer.from(`u:${text}`).toString('base64');
    await ask(recorded.listener.port, { headers: bearer(text) });
    await ask(recorded.listener.port, { headers: { 'x-api-key': text } });
    await ask(recorded.listener.port, { headers: { authorization: `Basic ${basic}` } });
    await recorded.close();
    expect(raw.received()).not.toContain(text);
    expect(raw.received()).not.toContain(basic);
    expect(raw.received().match(/^GET \/ /gm)).toHaveLength(3);
  });
});
