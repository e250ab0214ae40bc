/**
 * A TCP listener for protocols whose messages have their length before them, for peers that are
 * trusted proxies and still may be faulty or taken over. It knows no protocol: who does gets whole
 * frames, and sends whole frames.
 */

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { ConfigFault, formatAddress, limits, parseAddress, type Timers } from '@mintmark/core';
import type { ListenerEvent } from './answer.ts';
import { type Listener, refuseInsecureHttp } from './listener.ts';

/** One peer, as its protocol sees it. */
export interface FrameConnection {
  readonly peerAddress: string;
  /** Sends a frame; its length is put before it. Nothing happens once the peer has gone. */
  send(frame: Uint8Array): void;
  /** Ends the connection, behind what was sent. */
  end(): void;
  /** Ends it at once, and tells an operator why. */
  fail(error: unknown): void;
}

/** @returns what is done with each frame */
export type FrameProtocol = (connection: FrameConnection) => (frame: Buffer) => void;

export interface FrameOptions {
  readonly timers: Timers;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Allows addresses that are not loopback: frames are not encrypted. */
  readonly insecureHttp?: boolean;
  readonly protocol: FrameProtocol;
  /** Whoever it refuses is cut off before a word is read. */
  readonly mayConnect: (address: string) => boolean;
  readonly limits?: Partial<FrameLimits>;
  readonly log?: (event: ListenerEvent) => void;
}

export interface FrameLimits {
  readonly frameBytesMax: number;
  readonly frameConnectionsMax: number;
  /** Of a peer that does not read what it asked for. */
  readonly frameUnreadBytesMax: number;
  readonly frameIdleMs: number;
}

/**
 * Opens a listener for frames.
 *
 * @throws ConfigFault `insecure_http` outside loopback where that was not allowed, `listen_failed`
 */
export async function listenFrames(options: FrameOptions): Promise<Listener> {
  refuseInsecureHttp(options);
  const { mayConnect, protocol, log = () => {}, timers } = options;
  const bounds: FrameLimits = { ...limits, ...options.limits };
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    const peerAddress = addressOf(socket);
    socket.on('error', () => socket.destroy());
    if (!mayConnect(peerAddress)) {
      log({ type: 'refused', reason: 'not_a_proxy', address: peerAddress });
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.setTimeout(bounds.frameIdleMs, () => socket.destroy());
    const take = protocol(connectionOf(socket, { peerAddress, bounds, log }));
    readFrames(socket, bounds.frameBytesMax, take);
  });
  server.maxConnections = bounds.frameConnectionsMax;
  await bind(server, options);
  const { address, port } = server.address() as AddressInfo;
  return {
    address,
    port,
    async close({ drainMs = 0 } = {}) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const cut = (): void => {
        for (const socket of sockets) socket.destroy();
      };
      const cancel = drainMs > 0 ? timers.after(drainMs, cut) : undefined;
      if (drainMs <= 0) cut();
      else for (const socket of sockets) socket.end();
      await closed;
      cancel?.();
    },
  };
}

function connectionOf(
  socket: Socket,
  of: {
    readonly peerAddress: string;
    readonly bounds: FrameLimits;
    readonly log: (event: ListenerEvent) => void;
  },
): FrameConnection {
  const { peerAddress, bounds, log } = of;
  return {
    peerAddress,
    send(frame) {
      if (socket.destroyed || socket.writableEnded) return;
      const head = Buffer.allocUnsafe(4);
      head.writeUInt32BE(frame.length);
      socket.cork();
      socket.write(head);
      socket.write(frame);
      socket.uncork();
      if (socket.writableLength > bounds.frameUnreadBytesMax) socket.destroy();
    },
    end: () => socket.end(),
    fail(error) {
      log({ type: 'handler_failed', error });
      socket.destroy();
    },
  };
}

/** Cuts what arrives into frames; one that is too long, or of no length, ends the connection. */
function readFrames(socket: Socket, bytesMax: number, take: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && !socket.destroyed) {
      const length = rest.readUInt32BE(0);
      if (length === 0 || length > bytesMax) {
        socket.destroy();
        return;
      }
      if (rest.length < 4 + length) return;
      const frame = rest.subarray(4, 4 + length);
      rest = rest.subarray(4 + length);
      take(frame);
    }
  });
}

function addressOf({ remoteAddress = '' }: Socket): string {
  const address = parseAddress(remoteAddress.split('%', 1)[0]!);
  return address === undefined ? remoteAddress : formatAddress(address);
}

function bind(server: Server, { host, port }: Pick<FrameOptions, 'host' | 'port'>): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new ConfigFault('listen_failed', `cannot listen on ${host} port ${port}`, {
          cause,
          hint: 'another process may hold the port: stop it, or choose another port',
        }),
      ),
    );
    server.listen({ host, port }, resolve);
  });
}
