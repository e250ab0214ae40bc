import { connect, type Socket } from 'node:net';
import type { HttpHandler, HttpRequest, HttpResponse } from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { afterEach, describe, expect, it } from 'vitest';
import { head, last, talk } from './conformance/talk.ts';
import { type Listener, type ListenerLimits, type ListenOptions, listen } from './listener.ts';
import type { StreamHandler } from './stream.ts';

let listener: Listener | undefined;
let events: unknown[] = [];

afterEach(async () => {
  await listener?.close();
  listener = undefined;
  events = [];
});

const ok: HttpResponse = { status: 200, headers: {}, body: 'ok' };

async function open(
  handler: HttpHandler,
  options: Partial<ListenOptions> & { readonly limits?: Partial<ListenerLimits> } = {},
): Promise<number> {
  const { streamHandler: _none, ...rest } = options;
  listener = await listen({
    ...{ host: '127.0.0.1', port: 0, timers: systemTimers },
    log: (event) => events.push(event),
    ...rest,
    handler,
  });
  return listener.port;
}

async function openStream(
  streamHandler: StreamHandler,
  bounds: Partial<ListenerLimits> = {},
): Promise<number> {
  listener = await listen({
    ...{ host: '127.0.0.1', port: 0, timers: systemTimers, limits: bounds },
    log: (event) => events.push(event),
    streamHandler,
  });
  return listener.port;
}

describe('where it listens', () => {
  it.each(['0.0.0.0', '::', '192.0.2.1', 'example.test'])(
    'refuses plain HTTP on %s',
    async (host) => {
      await expect(open(() => ok, { host })).rejects.toMatchObject({ code: 'insecure_http' });
    },
  );

  it('takes plain HTTP elsewhere where it is allowed by name', async () => {
    const port = await open(() => ok, { host: '0.0.0.0', insecureHttp: true });
    expect(await talk(port, head('GET / HTTP/1.1', last)).closed).toContain('200 OK');
  });

  it.each(['127.0.0.1', 'localhost', '::1'])('takes plain HTTP on %s', async (host) => {
    expect(await open(() => ok, { host })).toBeGreaterThan(0);
  });

  it('says so when the port is taken', async () => {
    const port = await open(() => ok);
    const second = listen({ handler: () => ok, host: '127.0.0.1', port, timers: systemTimers });
    await expect(second).rejects.toMatchObject({ code: 'listen_failed' });
  });

  it('refuses trusted proxies that it cannot read', async () => {
    await expect(open(() => ok, { trustedProxies: ['10.0.0.0/40'] })).rejects.toMatchObject({
      code: 'bad_trusted_proxies',
    });
  });
});

describe('what a handler sees', () => {
  async function seenBy(lines: readonly string[], options: Partial<ListenOptions> = {}) {
    let seen: HttpRequest | undefined;
    const port = await open((request) => {
      seen = request;
      return ok;
    }, options);
    await talk(port, head('GET /p?q HTTP/1.1', ...lines, last)).closed;
    return seen!;
  }

  it('is the request in one reading', async () => {
    const request = await seenBy(['X-A: 1', 'x-a: 2', 'Cookie: a=1', 'Cookie: b=2']);
    expect([request.method, request.path, request.query]).toEqual(['GET', '/p', 'q']);
    expect(request.header('x-a')).toBe('1, 2');
    expect(request.header('cookie')).toBe('a=1; b=2');
    expect(request.header('absent')).toBeUndefined();
    expect(request.rawHeaders.slice(0, 4)).toEqual(['Host', 'a.test', 'X-A', '1']);
    expect([request.scheme, request.remoteAddress]).toEqual(['http', '127.0.0.1']);
    expect(request.peerCertificate).toBeUndefined();
  });

  it.each<[string, string, string]>([
    ['nothing', '', '127.0.0.1'],
    ['one address', '1.2.3.4', '1.2.3.4'],
    ['a forged one before it', '6.6.6.6, 1.2.3.4', '1.2.3.4'],
    ['trusted proxies behind it', '1.2.3.4, 10.0.0.1, 10.0.0.2', '1.2.3.4'],
    ['only trusted proxies', '10.0.0.1, 10.0.0.2', '10.0.0.1'],
    ['a port', '1.2.3.4:5678', '1.2.3.4'],
    ['IPv6 in brackets', '[2001:db8::1]:5678', '2001:db8::1'],
    ['IPv4-mapped IPv6', '::ffff:1.2.3.4', '1.2.3.4'],
    ['what cannot be read, last', '1.2.3.4, unknown', '127.0.0.1'],
    ['what cannot be read, behind a proxy', '1.2.3.4, unknown, 10.0.0.1', '10.0.0.1'],
    ['an octal spelling', '0127.0.0.1', '127.0.0.1'],
    ['an empty end', '1.2.3.4,', '127.0.0.1'],
  ])('is the rightmost untrusted address: %s', async (_what, list, address) => {
    const lines = list === '' ? [] : [`X-Forwarded-For: ${list}`];
    const trustedProxies = ['127.0.0.0/8', '10.0.0.0/8'];
    expect((await seenBy(lines, { trustedProxies })).remoteAddress).toBe(address);
  });

  it('joins several X-Forwarded-For in their order', async () => {
    const lines = ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-For: 1.2.3.4'];
    const request = await seenBy(lines, { trustedProxies: ['127.0.0.1'] });
    expect(request.remoteAddress).toBe('1.2.3.4');
  });

  it('is not what a stranger says about himself', async () => {
    const lines = ['X-Forwarded-For: 1.2.3.4', 'X-Forwarded-Proto: https'];
    const request = await seenBy(lines, { trustedProxies: ['10.0.0.0/8'] });
    expect([request.remoteAddress, request.scheme]).toEqual(['127.0.0.1', 'http']);
  });

  it.each([
    ['https', 'https'],
    ['https, http', 'http'],
    ['http, HTTPS', 'https'],
    ['ws', 'http'],
  ])('is the scheme that the last proxy says: %s', async (proto, scheme) => {
    const lines = [`X-Forwarded-Proto: ${proto}`];
    expect((await seenBy(lines, { trustedProxies: ['127.0.0.1'] })).scheme).toBe(scheme);
  });
});

describe('order', () => {
  it('serves what was sent ahead one by one, in order', async () => {
    const log: string[] = [];
    const port = await open(async (request) => {
      log.push(`begin ${request.path}`);
      await request.body(10);
      await new Promise<void>((resolve) => systemTimers.after(0, resolve));
      log.push(`end ${request.path}`);
      return ok;
    });
    const all =
      `${head('POST /1 HTTP/1.1', 'Content-Length: 1')}x` +
      head('GET /2 HTTP/1.1') +
      head('GET /3 HTTP/1.1', last);
    await talk(port, all).closed;
    expect(log).toEqual(['begin /1', 'end /1', 'begin /2', 'end /2', 'begin /3', 'end /3']);
  });

  it('cuts a client that sends too far ahead', async () => {
    let served = 0;
    const port = await open(() => {
      served++;
      return new Promise(() => {});
    });
    const client = talk(port, head('GET / HTTP/1.1').repeat(300));
    await client.closed;
    expect(served).toBe(1);
  });
});

describe('failures', () => {
  it('of a handler are told to the log and, without details, to the client', async () => {
    const port = await open(() => {
      throw new Error('secret detail');
    });
    const answer = await talk(port, head('GET / HTTP/1.1', last)).closed;
    expect(answer).toContain('500 Internal Server Error');
    expect(answer).not.toContain('secret');
    expect(events).toMatchObject([{ type: 'handler_failed' }]);
  });

  it('of a promise are the same', async () => {
    const port = await open(() => Promise.reject(new Error('late')));
    expect(await talk(port, head('GET / HTTP/1.1', last)).closed).toContain('500 Internal');
  });

  it('of an answer that cannot be sent are the same', async () => {
    const port = await open(() => ({ ...ok, headers: { 'x-bad': 'a\r\nb: c' } }));
    const answer = await talk(port, head('GET / HTTP/1.1', last)).closed;
    expect(answer).toContain('500 Internal');
    expect(answer).not.toContain('b: c');
  });

  it('of a stream break the answer off', async () => {
    const port = await openStream(async (_request, reply) => {
      reply.head(200, ['content-length', '10']);
      reply.write(Buffer.from('half'));
      throw new Error('late');
    });
    const answer = await talk(port, head('GET / HTTP/1.1')).closed;
    expect(answer).not.toContain('500');
  });
});

describe('refusals', () => {
  it('are told to the log without what was sent', async () => {
    const port = await open(() => ok);
    await talk(port, 'GET / HTTP/1.1\r\nHost: a\r\nHost: secret\r\n\r\n').closed;
    await talk(port, 'GET / HTTP/1.1\r\nHost: secret\r\nX: \0\r\n\r\n').closed;
    expect(events).toEqual([
      { type: 'refused', reason: 'duplicate_header', address: '127.0.0.1' },
      { type: 'refused', reason: 'HPE_INVALID_HEADER_TOKEN', address: '127.0.0.1' },
    ]);
  });

  it('are problem documents', async () => {
    const port = await open(() => ok);
    const answer = await talk(port, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n').closed;
    expect(answer).toMatch(/content-type: application\/problem\+json/i);
    expect(answer).toContain('"code":"duplicate_header"');
  });

  it('connections beyond the bound are closed at once, and counted', async () => {
    const port = await open(() => ok, { limits: { connectionsMax: 1 } });
    const first = talk(port, head('GET / HTTP/1.1'));
    await first.until('ok');
    await talk(port, head('GET / HTTP/1.1')).closed;
    expect(events).toContainEqual({ type: 'connection_dropped' });
  });
});

describe('connections of one address', () => {
  const from = (port: number, localAddress: string): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', localAddress });
      sockets.push(socket);
      socket.on('error', () => {}).on('close', () => resolve(false));
      socket.on('data', () => resolve(true));
      socket.write(head('GET / HTTP/1.1'));
    });
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  it('are bounded, so that a hoarder keeps nobody else out', async () => {
    const port = await open(() => ok, { limits: { connectionsPerAddressMax: 3 } });
    const taken = [];
    for (let i = 0; i < 50; i++) taken.push(await from(port, '127.0.0.2'));
    expect(taken.filter(Boolean)).toHaveLength(3);
    expect(await from(port, '127.0.0.3')).toBe(true);
    expect(events).toHaveLength(47);
    // Whoever closes one may open another.
    sockets[0]!.destroy();
    let again = false;
    while (!again) again = await from(port, '127.0.0.2');
  });

  it('have no bound where they are of a trusted proxy, or where none is wanted', async () => {
    const limits = { connectionsPerAddressMax: 1 };
    const port = await open(() => ok, { limits, trustedProxies: ['127.0.0.2'] });
    for (let i = 0; i < 3; i++) expect(await from(port, '127.0.0.2')).toBe(true);
    await listener!.close();
    const free = await open(() => ok, { limits: { connectionsPerAddressMax: 0 } });
    for (let i = 0; i < 3; i++) expect(await from(free, '127.0.0.2')).toBe(true);
  });
});

describe('closing', () => {
  it('waits for no connection whose answer had begun before and has ended', async () => {
    let finish = (): void => {};
    const port = await openStream((_request, reply) => {
      reply.head(200, []);
      reply.write(Buffer.from('begun'));
      finish = () => reply.end();
    });
    const client = talk(port, head('GET / HTTP/1.1'));
    await client.until('begun');
    const closed = listener!.close({ drainMs: 60_000 });
    finish();
    await closed;
    expect(await client.closed).toContain('begun');
  });

  it('lets answers under way finish, and takes no more', async () => {
    let answer = (_response: HttpResponse): void => {};
    const port = await open(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const client = talk(port, head('GET / HTTP/1.1'));
    const idle = talk(port);
    await new Promise((resolve) => idle.socket.once('connect', resolve));
    await new Promise<void>((resolve) => systemTimers.after(5, resolve));
    const closing = listener!.close({ drainMs: 10_000 });
    answer(ok);
    expect(await client.closed).toMatch(/200 OK[\s\S]*connection: close/i);
    idle.socket.destroy();
    await closing;
  });

  it('cuts what has not finished in time', async () => {
    const port = await open(() => new Promise(() => {}));
    const client = talk(port, head('GET / HTTP/1.1'));
    await new Promise<void>((resolve) => systemTimers.after(5, resolve));
    await listener!.close({ drainMs: 20 });
    expect(await client.closed).toBe('');
  });
});

describe('the signal of a request', () => {
  it('aborts when the client leaves, and not when it was served', async () => {
    const signals: AbortSignal[] = [];
    let gone = (): void => {};
    const left = new Promise<void>((resolve) => {
      gone = resolve;
    });
    const port = await open((request) => {
      signals.push(request.signal);
      if (request.path === '/served') return ok;
      request.signal.addEventListener('abort', () => gone());
      return new Promise(() => {});
    });
    const client = talk(port, head('GET /served HTTP/1.1'));
    await client.until('ok');
    client.socket.write(head('GET /left HTTP/1.1'));
    while (signals.length < 2) await new Promise<void>((r) => systemTimers.after(0, r));
    client.socket.destroy();
    await left;
    expect(signals.map((signal) => signal.aborted)).toEqual([false, true]);
  });
});
