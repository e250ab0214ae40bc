/**
 * What single clients have brought servers of HTTP/2 down with, sent by hand: the attacker is cut
 * or held to his bound, memory stays where it was, and a good client is served meanwhile.
 */
import { connect } from 'node:http2';
import { systemClock, systemTimers } from '@mintmark/core/system';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  endHeaders,
  endStream,
  type Frame,
  type FrameTalk,
  fieldBlock,
  frame,
  frameTypes,
  get,
  headers,
  openFrames,
  reset,
  settings,
} from '../conformance/frames.ts';
import { type Listener, type ListenerLimits, listen } from '../listener.ts';

let listener: Listener;
let talks: FrameTalk[];
let asked: number;
let reasons: string[];
/** What the answer to `/big` holds. */
const big = Buffer.alloc(1 << 20);

beforeEach(() => {
  talks = [];
  asked = 0;
  reasons = [];
});
afterEach(async () => {
  for (const { socket } of talks) socket.destroy();
  await listener.close();
});

async function open(bounds: Partial<ListenerLimits> = {}): Promise<void> {
  listener = await listen({
    ...{ host: '127.0.0.1', port: 0, timers: systemTimers, http2: 'clear', limits: bounds },
    log(event) {
      if (event.type === 'refused') reasons.push(event.reason);
    },
    streamHandler(request, reply) {
      asked++;
      if (request.path === '/wait') return;
      reply.respond({ status: 200, headers: {}, body: request.path === '/big' ? big : 'ok' });
    },
  });
}

function attack(first?: Buffer): FrameTalk {
  const talk = openFrames(listener.port, first);
  talks.push(talk);
  return talk;
}

/** A good client asks, and says how long it waited. */
function served(): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = systemClock.monotonicMs();
    const session = connect(`http://127.0.0.1:${listener.port}`);
    session.on('error', reject);
    const stream = session.request({ ':authority': 'a.test', ':path': '/' });
    stream.on('error', reject).on('response', () => {
      resolve(systemClock.monotonicMs() - began);
      session.destroy();
    });
    stream.end();
  });
}

const isGoaway = ({ type }: Frame): boolean => type === frameTypes.goaway;

/** Bytes held by this process beyond its code. */
function held(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Sends until the server has closed, and waits where the socket is full. */
async function flood(
  talk: FrameTalk,
  make: (count: number) => readonly Buffer[],
  most: number,
): Promise<number> {
  let sent = 0;
  while (sent < most && !talk.closed()) {
    const took = talk.send(...make(sent++));
    if (!took || sent % 64 === 0) {
      await new Promise<void>((resolve) => systemTimers.after(0, () => resolve()));
    }
  }
  await talk.until(() => false);
  return sent;
}

/** The attack, with the memory that it may cost and a good client beside it. */
async function bounded(run: () => Promise<void>): Promise<void> {
  const before = held();
  const attacking = run();
  expect(await served()).toBeLessThan(2_000);
  await attacking;
  expect(await served()).toBeLessThan(2_000);
  expect(held() - before).toBeLessThan(64 << 20);
}

describe('floods that end the connection', () => {
  it('rapid reset (CVE-2023-44487)', async () => {
    await open();
    await bounded(async () => {
      const talk = attack();
      await flood(talk, (n) => [headers(2 * n + 1, get('/wait')), reset(2 * n + 1)], 100_000);
      expect(asked).toBeLessThan(1_000);
    });
  });

  it('streams that the server must reset (CVE-2025-8671)', async () => {
    await open();
    await bounded(async () => {
      // A window of nothing more is an error of the stream (RFC 9113 §6.9).
      const none = (stream: number): Buffer =>
        frame(frameTypes.windowUpdate, { stream, payload: Buffer.alloc(4) });
      const talk = attack();
      await flood(talk, (n) => [headers(2 * n + 1, get('/wait')), none(2 * n + 1)], 100_000);
      expect(asked).toBeLessThan(1_000);
    });
  });

  it('CONTINUATION without end (CVE-2024-27983)', async () => {
    await open();
    await bounded(async () => {
      const talk = attack();
      talk.send(headers(1, get('/'), endStream));
      const more = fieldBlock(['x', 'y'.repeat(1_000)]);
      const sent = await flood(
        talk,
        () => [frame(frameTypes.continuation, { stream: 1, payload: more })],
        100_000,
      );
      expect([asked <= 2, sent < 5_000]).toEqual([true, true]);
    });
  });

  it('SETTINGS', async () => {
    await open();
    await bounded(async () => {
      await flood(attack(), () => [settings(3, 100)], 1_000_000);
      expect(reasons).toContain('http2_too_many_controls');
    });
  });

  it('PING', async () => {
    await open();
    await bounded(async () => {
      const ping = frame(frameTypes.ping, { payload: Buffer.alloc(8) });
      await flood(attack(), () => [ping], 1_000_000);
      expect(reasons).toContain('http2_too_many_controls');
    });
  });

  it('PING by a client that reads no answer', async () => {
    await open();
    await bounded(async () => {
      const talk = attack();
      talk.socket.pause();
      const ping = frame(frameTypes.ping, { payload: Buffer.alloc(8) });
      for (let i = 0; i < 20_000; i++) talk.send(ping);
      talk.socket.resume();
      await talk.until(() => false);
    });
  });
});

describe('bombs', () => {
  it('a table of fields that is named a thousand times makes no request', async () => {
    await open();
    await bounded(async () => {
      const talk = attack();
      const value = Buffer.alloc(3_900, 'a');
      // With incremental indexing (RFC 7541 §6.2.1): name of one byte, value of 3,900.
      const entry = Buffer.concat([Buffer.of(0x40, 1, 0x78, 0x7f, 0xbd, 0x1d), value]);
      const bomb = Buffer.concat([fieldBlock(get('/')), entry, Buffer.alloc(8_000, 0xbe)]);
      const flags = endHeaders | endStream;
      talk.send(frame(frameTypes.headers, { flags, stream: 1, payload: bomb }));
      await talk.until(({ type }) => type === frameTypes.reset || type === frameTypes.goaway);
      expect(asked).toBeLessThanOrEqual(1);
    });
  });

  it('fields beyond the bound are no request either', async () => {
    await open();
    const talk = attack();
    const many = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? `x-${i}` : 'y'));
    talk.send(headers(1, get('/', ...many)));
    await talk.until(({ type }) => type === frameTypes.reset || type === frameTypes.goaway);
    expect(asked).toBe(0);
  });
});

describe('clients that hold on', () => {
  it('with a window of zero are cut, and hold no more than their answers', async () => {
    await open({ clientStallMs: 300, headersTimeoutMs: 100 });
    await bounded(async () => {
      const talk = attack(settings(4, 0));
      for (let i = 0; i < 20; i++) talk.send(headers(2 * i + 1, get('/big')));
      const resets = () => talk.frames.filter(({ type }) => type === frameTypes.reset).length;
      await talk.until(() => resets() === 20);
      expect(resets()).toBe(20);
    });
  });

  it('have so many streams on one connection and no more', async () => {
    await open();
    const talk = attack();
    for (let i = 0; i < 150; i++) talk.send(headers(2 * i + 1, get('/wait')));
    const refused = await talk.until(({ type }) => type === frameTypes.reset);
    expect(refused?.stream).toBe(201);
    expect(asked).toBe(100);
  });

  it('and on all connections together', async () => {
    await open({ http2StreamsMax: 10 });
    const talk = attack();
    for (let i = 0; i < 11; i++) talk.send(headers(2 * i + 1, get('/wait')));
    const refused = await talk.until(({ type }) => type === frameTypes.reset);
    // REFUSED_STREAM: it may be asked again.
    expect([refused?.stream, refused?.payload.readUInt32BE()]).toEqual([21, 7]);
    talk.socket.destroy();
    // Once the server has heard of it, there is room again.
    let waited: number | undefined;
    while (waited === undefined) waited = await served().catch(() => undefined);
  });

  it('without ever asking are let go', async () => {
    await open({ headersTimeoutMs: 100 });
    await attack().until(() => false);
    // A head that never ends is no request.
    const half = attack();
    half.send(headers(1, get('/'), endStream));
    await half.until(() => false);
    expect(asked).toBe(0);
  });

  it('after their last request too, with a farewell', async () => {
    await open({ headersTimeoutMs: 100, keepAliveTimeoutMs: 300 });
    const talk = attack();
    talk.send(headers(1, get('/')));
    expect(await talk.until(isGoaway)).toBeDefined();
    await talk.until(() => false);
    expect(asked).toBe(1);
  });
});
