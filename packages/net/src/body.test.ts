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

  it('closes idle connections', async () => {
    const port = await open(() => ok, { limits: { keepAliveTimeoutMs: 100 } });
    await talk(port, head('GET / HTTP/1.1')).closed;
  });
});
