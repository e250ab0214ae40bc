/**
 * How many connections one address may have open: without a bound whoever has the patience to open
 * them takes all that the listener has, and everybody else finds it closed.
 */
import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { formatAddress, type IpAddress, parseAddress, type RangeSet } from '@mintmark/core';

export function boundAddresses(
  server: Server | TlsServer,
  options: {
    /** 0: no bound. */
    readonly connectionsMax: number;
    /** They hold the connections of many. */
    readonly trusted: RangeSet | undefined;
    readonly dropped: () => void;
  },
): void {
  const { connectionsMax, trusted, dropped } = options;
  if (connectionsMax === 0) return;
  const open = new Map<string, number>();
  const listeners = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const address = parseAddress((socket.remoteAddress ?? '').split('%', 1)[0]!);
    if (address !== undefined && trusted?.contains(address) !== true) {
      const key = networkOf(address);
      const count = open.get(key) ?? 0;
      if (count >= connectionsMax) {
        socket.destroy();
        dropped();
        return;
      }
      open.set(key, count + 1);
      socket.once('close', () => {
        const left = open.get(key)! - 1;
        if (left === 0) open.delete(key);
        else open.set(key, left);
      });
    }
    for (const serve of listeners) serve.call(server, socket);
  });
}

/** Of IPv6 the first 64 bits: one customer has all that follows (RFC 6177). */
function networkOf(address: IpAddress): string {
  const text = formatAddress(address);
  if (!text.includes(':')) return text;
  const [front = '', back = ''] = text.split('::');
  const groups = front === '' ? [] : front.split(':');
  const behind = back === '' ? [] : back.split(':');
  while (text.includes('::') && groups.length + behind.length < 8) groups.push('0');
  return [...groups, ...behind].slice(0, 4).join(':');
}
