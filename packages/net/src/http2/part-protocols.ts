/**
 * Sets apart, on one port, who speaks HTTP/2 and who HTTP/1.1: by ALPN over TLS, by the first bytes
 * without. An upgrade from one to the other on the way (`Upgrade: h2c`) is refused by `vetHead`.
 */
import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Timers } from '@mintmark/core';

/** RFC 9113 §3.4. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export function partProtocols(
  server: Server | TlsServer,
  options: {
    readonly isTls: boolean;
    readonly serveHttp2: (socket: Socket) => void;
    readonly timers: Pick<Timers, 'after'>;
    /** Until the first bytes have come. */
    readonly headersTimeoutMs: number;
  },
): void {
  const { isTls, serveHttp2 } = options;
  const event = isTls ? 'secureConnection' : 'connection';
  const serveHttp1 = server.listeners(event) as ((socket: Socket) => void)[];
  server.removeAllListeners(event);
  const speakHttp1 = (socket: Socket): void => {
    for (const serve of serveHttp1) serve.call(server, socket);
  };
  server.on(event, (socket: Socket) => {
    if (!isTls) return sniff(socket, { ...options, speakHttp1 });
    if ((socket as TLSSocket).alpnProtocol === 'h2') serveHttp2(socket);
    else speakHttp1(socket);
  });
}

function sniff(
  socket: Socket,
  options: {
    readonly serveHttp2: (socket: Socket) => void;
    readonly speakHttp1: (socket: Socket) => void;
    readonly timers: Pick<Timers, 'after'>;
    readonly headersTimeoutMs: number;
  },
): void {
  const { serveHttp2, speakHttp1, timers, headersTimeoutMs } = options;
  let seen: Buffer = Buffer.alloc(0);
  const fail = (): void => void socket.destroy();
  const cancel = timers.after(headersTimeoutMs, fail);
  const settle = (): void => {
    cancel();
    socket.off('readable', look).off('error', fail).off('end', fail).off('close', cancel);
  };
  const look = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, preface.length);
    const isPreface = seen.subarray(0, length).equals(preface.subarray(0, length));
    if (isPreface && length < preface.length) return;
    settle();
    socket.unshift(seen);
    if (isPreface) serveHttp2(socket);
    else speakHttp1(socket);
  };
  socket.on('readable', look).on('error', fail).on('end', fail).on('close', cancel);
}
