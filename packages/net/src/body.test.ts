import type { Readable } from 'node:stream';
import type { HttpHandler, HttpRequest, HttpResponse, Timers } from '@mintmark/core';
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

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    systemTimers.after(0, resolve);
  });

async function passed(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

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

describe('bodies', () => {
  const size = async (request: HttpRequest): Promise<HttpResponse> => {
    const body = await request.body(10);
    return { ...ok, body: body === 'too_large' ? body : `${body.length} bytes` };
  };

  it('are read up to their bound', async () => {
    const port = await open(size);
    const post = (length: number): string =>
      `${head('POST / HTTP/1.1', `Content-Length: ${length}`, last)}${'x'.repeat(length)}`;
    expect(await talk(port, post(10)).closed).toContain('10 bytes');
    expect(await talk(port, post(11)).closed).toContain('too_large');
  });

  it('in chunks are bounded too, and what follows is not read', async () => {
    const port = await open(size);
    const chunk = `8\r\n${'x'.repeat(8)}\r\n`;
    const send = `${head('POST / HTTP/1.1', 'Transfer-Encoding: chunked')}${chunk}${chunk}`;
    const answer = await talk(port, send).closed;
    expect(answer).toContain('too_large');
    expect(answer).toMatch(/connection: close/i);
  });

  it('that nobody reads, if short, leave the connection usable', async () => {
    const port = await open(() => ok);
    const first = `${head('POST / HTTP/1.1', 'Content-Length: 3')}abc`;
    const answer = await talk(port, first + head('GET / HTTP/1.1', last)).closed;
    expect(answer.match(/200 OK/g)).toHaveLength(2);
  });

  it('that nobody reads, if long, end the connection after the answer', async () => {
    const port = await open(() => ok);
    const answer = await talk(port, head('POST / HTTP/1.1', 'Content-Length: 1000000')).closed;
    expect(answer).toMatch(/200 OK[\s\S]*connection: close/i);
  });

  it('an answer given within a body reaches a client that reads it late', async () => {
    const port = await open(() => ({ ...ok, status: 413 }));
    const client = talk(port, head('POST / HTTP/1.1', 'Content-Length: 100000000'));
    client.socket.pause();
    // Had the server closed already, its reset to what still comes would take the answer away.
    for (let turns = 0; turns < 100; turns++) {
      client.socket.write(Buffer.alloc(65_536));
      await new Promise<void>((resolve) => systemTimers.after(0, resolve));
    }
    client.socket.resume();
    expect(await client.closed).toContain('413');
  });

  it('of clients that leave are faults, not answers', async () => {
    let fault: unknown;
    let done = (): void => {};
    const failed = new Promise<void>((resolve) => {
      done = resolve;
    });
    const port = await open(async (request) => {
      try {
        await request.body(100);
      } catch (error) {
        fault = error;
        done();
        throw error;
      }
      return ok;
    });
    const client = talk(port, `${head('POST / HTTP/1.1', 'Content-Length: 9')}half`);
    client.socket.once('connect', () => client.socket.end());
    await failed;
    expect(fault).toMatchObject({ code: 'client_gone' });
    expect(events).toEqual([]);
  });

  it('may be read once only', async () => {
    const port = await open(async (request) => {
      await request.body(10);
      await request.body(10);
      return ok;
    });
    const send = `${head('POST / HTTP/1.1', 'Content-Length: 1', last)}x`;
    expect(await talk(port, send).closed).toContain('500 Internal');
  });
});

describe('time', () => {
  it('cuts clients that are slow with their headers', async () => {
    const port = await open(() => ok, { limits: { headersTimeoutMs: 150 } });
    expect(await talk(port, 'GET / HTTP/1.1\r\nHost: a\r\n').closed).toContain('408 Request');
  });

  it('cuts clients that say nothing', async () => {
    const port = await open(() => ok, { limits: { headersTimeoutMs: 150 } });
    await talk(port).closed;
  });

  it('cuts clients that are slow with their body', async () => {
    const port = await open(async (request) => ({ ...ok, body: `${await request.body(9)}` }), {
      limits: { headersTimeoutMs: 100, requestTimeoutMs: 200 },
    });
    const send = `${head('POST / HTTP/1.1', 'Content-Length: 9')}half`;
    expect(await talk(port, send).closed).toContain('408 Request');
  });

  it('cuts streams whose client pauses within its body', async () => {
    const port = await openStream(
      async (request, reply) => {
        try {
          for await (const _chunk of request.bodyStream(100));
        } catch (fault) {
          reply.respond({ ...ok, body: (fault as { code: string }).code });
        }
      },
      { bodyIdleMs: 100 },
    );
    const send = `${head('POST / HTTP/1.1', 'Content-Length: 9')}half`;
    expect(await talk(port, send).closed).toContain('slow_body');
  });

  describe('of a streamed body', () => {
    /** The windows of the pace, ended by hand. */
    let windows: (() => void)[] = [];
    const timers: Timers = {
      after: systemTimers.after,
      every(_ms, run) {
        windows.push(run);
        return () => {
          windows = windows.filter((one) => one !== run);
        };
      },
    };

    /** A handler that reads while it is told to, and answers what became of the body. */
    async function openPaced(reading: (body: Readable) => void): Promise<number> {
      windows = [];
      listener = await listen({
        ...{ host: '127.0.0.1', port: 0, timers, log: () => {} },
        limits: { bodyBytesPerSecondMin: 10, bodyRateWindowMs: 1_000 },
        streamHandler(request, reply) {
          const body = request.bodyStream(1e9);
          body.once('error', (fault: Error & { code?: string }) =>
            reply.respond({ ...ok, body: fault.code }),
          );
          body.once('end', () => reply.respond({ ...ok, body: 'whole' }));
          reading(body);
        },
      });
      return listener.port;
    }

    const begin = head('POST / HTTP/1.1', 'Content-Length: 1000000', last);

    it('cuts a client that drips', async () => {
      let read = 0;
      const port = await openPaced((body) => {
        body.on('data', (chunk: Buffer) => {
          read += chunk.length;
        });
      });
      const client = talk(port, `${begin}0123456789`);
      await passed(() => read === 10);
      windows[0]!();
      client.socket.write('012345678');
      await passed(() => read === 19);
      windows[0]!();
      expect(await client.closed).toContain('slow_body');
      expect(windows).toEqual([]);
    });

    it.each([
      ['zeros before the size of a chunk', '3\r\nabc\r\n', '0'],
      ['an extension of a chunk', '3\r\nabc\r\n3;', 'a'],
      ['trailers', '3\r\nabc\r\n0\r\nX: ', 'a'],
    ])('cuts a client that drips %s, of which no body comes', async (_what, first, drop) => {
      let read = 0;
      const port = await openPaced((body) => {
        body.on('data', (chunk: Buffer) => {
          read += chunk.length;
        });
      });
      const client = talk(
        port,
        head('POST / HTTP/1.1', 'Transfer-Encoding: chunked', last) + first,
      );
      await passed(() => read === 3);
      windows[0]!();
      for (let i = 0; i < 20; i++) {
        client.socket.write(drop);
        await turn();
      }
      windows[0]?.();
      expect(await client.closed).toContain('slow_body');
    });

    it('keeps one that brings enough in each window', async () => {
      let read = 0;
      const port = await openPaced((body) => {
        body.on('data', (chunk: Buffer) => {
          read += chunk.length;
        });
      });
      const client = talk(port, head('POST / HTTP/1.1', 'Content-Length: 30', last));
      for (let sent = 10; sent <= 20; sent += 10) {
        client.socket.write('0123456789');
        await passed(() => read === sent);
        windows[0]!();
      }
      client.socket.write('0123456789');
      expect(await client.closed).toContain('whole');
      expect(windows).toEqual([]);
    });

    it('does not blame the client for a reader that does not read', async () => {
      const port = await openPaced((body) => body.pause());
      const client = talk(port, begin);
      let written = 0;
      const chunk = Buffer.alloc(100_000);
      while (written < 9) {
        client.socket.write(chunk);
        written += 1;
      }
      await passed(() => windows.length === 1);
      // The buffer of the body fills, and what is left stays in the socket.
      await passed(() => client.socket.writableLength === 0 || client.socket.writableNeedDrain);
      for (let i = 0; i < 50; i++) await turn();
      for (let i = 0; i < 3; i++) windows[0]!();
      await turn();
      expect(client.text()).toBe('');
      expect(windows).toHaveLength(1);
      client.socket.destroy();
    });
  });

  describe('of an answer that nobody reads', () => {
    const large = Buffer.alloc(30_000_000);
    const request = head('GET / HTTP/1.1');

    async function stuck(port: number): Promise<ReturnType<typeof talk>> {
      const client = talk(port);
      client.socket.pause();
      client.socket.write(request + request);
      await new Promise((resolve) => client.socket.once('ready', resolve));
      return client;
    }

    it.each(['whole', 'streamed'])('is bounded: %s', async (kind) => {
      let asked = 0;
      let gone = 0;
      const bounds = { clientStallMs: 150 };
      const port =
        kind === 'whole'
          ? await open(
              (sent) => {
                asked++;
                sent.signal.addEventListener('abort', () => gone++);
                return { ...ok, body: large };
              },
              { limits: bounds },
            )
          : await openStream((_request, reply) => {
              asked++;
              reply.onGone(() => gone++);
              reply.head(200, []);
              reply.write(large);
              reply.end();
            }, bounds);
      const client = await stuck(port);
      await passed(() => gone === 1);
      // What waited behind it is not served to a client that is gone.
      expect(asked).toBe(1);
      client.socket.destroy();
    });

    it('does not cut one that reads, nor the connection after it', async () => {
      const port = await open(() => ({ ...ok, body: large }), {
        limits: { clientStallMs: 150, keepAliveTimeoutMs: 60_000 },
      });
      const client = await stuck(port);
      client.socket.resume();
      await passed(() => client.text().length > 2 * large.length);
      client.socket.write(head('GET / HTTP/1.1', last));
      expect((await client.closed).length).toBeGreaterThan(3 * large.length);
    });
  });

  it('closes idle connections', async () => {
    const port = await open(() => ok, { limits: { keepAliveTimeoutMs: 100 } });
    await talk(port, head('GET / HTTP/1.1')).closed;
  });
});
