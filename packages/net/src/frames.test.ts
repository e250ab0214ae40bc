/** Frames over TCP, and peers that mean harm. */
import { connect, type Socket } from 'node:net';
import { systemTimers } from '@mintmark/core/system';
import { afterEach, describe, expect, it } from 'vitest';
import type { ListenerEvent } from './answer.ts';
import { type FrameOptions, listenFrames } from './frames.ts';
import type { Listener } from './listener.ts';

let listener: Listener;
const sockets: Socket[] = [];
const events: ListenerEvent[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  events.length = 0;
  await listener.close();
});

async function open(options: Partial<FrameOptions> = {}): Promise<void> {
  listener = await listenFrames({
    ...{ host: '127.0.0.1', port: 0, timers: systemTimers, mayConnect: () => true },
    log: (event) => events.push(event),
    protocol: (connection) => (frame) => {
      const text = frame.toString();
      if (text === 'end') connection.end();
      else if (text === 'fail') connection.fail(new Error('a bug'));
      else if (text === 'flood') for (let i = 0; i < 64; i++) connection.send(Buffer.alloc(65_536));
      else connection.send(Buffer.from(`${connection.peerAddress} ${text}`));
    },
    ...options,
  });
}

interface Peer {
  readonly socket: Socket;
  /** Resolves with all that came until the connection ended. */
  readonly all: Promise<string>;
  /** Resolves once so many frames came. */
  frames(count: number): Promise<string[]>;
}

function peer(): Peer {
  const socket = connect({ host: '127.0.0.1', port: listener.port });
  sockets.push(socket);
  let seen = Buffer.alloc(0);
  let look = (): void => {};
  socket.on('data', (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk]);
    look();
  });
  socket.on('error', () => undefined);
  const all = new Promise<string>((resolve) => {
    socket.on('close', () => resolve(seen.toString('latin1')));
  });
  return {
    socket,
    all,
    frames: (count) =>
      new Promise((resolve) => {
        look = () => {
          const found: string[] = [];
          for (let at = 0; at + 4 <= seen.length; ) {
            const end = at + 4 + seen.readUInt32BE(at);
            if (end > seen.length) break;
            found.push(seen.subarray(at + 4, end).toString());
            at = end;
          }
          if (found.length >= count) resolve(found);
        };
        look();
      }),
  };
}

function framed(text: string): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(text.length);
  return Buffer.concat([head, Buffer.from(text)]);
}

describe('a frame', () => {
  it('is answered by a frame, in whatever pieces it comes', async () => {
    await open();
    const { socket, frames } = peer();
    socket.write(Buffer.concat([framed('a'), framed('b'), framed('long').subarray(0, 5)]));
    expect(await frames(2)).toEqual(['127.0.0.1 a', '127.0.0.1 b']);
    for (const byte of framed('long').subarray(5)) socket.write(Buffer.of(byte));
    expect(await frames(3)).toContain('127.0.0.1 long');
  });

  it('may end the connection, or fail it and say why', async () => {
    await open();
    const first = peer();
    first.socket.write(Buffer.concat([framed('last'), framed('end')]));
    expect(await first.all).toContain('last');
    const second = peer();
    second.socket.write(framed('fail'));
    expect(await second.all).toBe('');
    expect(events).toMatchObject([{ type: 'handler_failed' }]);
  });
});

describe('whoever means harm', () => {
  it('is cut off before a word where he may not connect', async () => {
    await open({ mayConnect: () => false });
    const { socket, all } = peer();
    socket.write(framed('a'));
    expect(await all).toBe('');
    expect(events).toMatchObject([{ reason: 'not_a_proxy' }]);
  });

  it.each([
    ['too long', 'ffffffff'],
    ['just too long', '00000065'],
    ['of no length', '00000000'],
  ])('is cut off for a frame %s', async (_what, head) => {
    await open({ limits: { frameBytesMax: 100 } });
    const { socket, all } = peer();
    socket.write(Buffer.from(head, 'hex'));
    expect(await all).toBe('');
  });

  it('is cut off where he does not read what he asked for', async () => {
    await open({ limits: { frameUnreadBytesMax: 65_536 } });
    const { socket, all } = peer();
    socket.pause();
    for (let i = 0; i < 16; i++) socket.write(framed('flood'));
    socket.resume();
    expect((await all).length).toBeLessThan(16 * 64 * 65_536);
  });

  it('is cut off by his silence', async () => {
    await open({ limits: { frameIdleMs: 30 } });
    expect(await peer().all).toBe('');
  });
});

it('refuses addresses that are not loopback, and a port that is taken', async () => {
  await open();
  const more = { timers: systemTimers, mayConnect: () => true, protocol: () => () => undefined };
  const outside = listenFrames({ ...more, host: '0.0.0.0', port: 0 });
  await expect(outside).rejects.toMatchObject({ code: 'insecure_http' });
  const taken = listenFrames({ ...more, host: '127.0.0.1', port: listener.port });
  await expect(taken).rejects.toMatchObject({ code: 'listen_failed' });
});
