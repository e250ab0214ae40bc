/** An upstream that writes down, byte for byte, what reaches it. */

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';

export interface RawUpstream {
  readonly url: string;
  readonly port: number;
  /** Everything received, of all connections, in latin1. */
  readonly received: () => string;
  readonly connections: ReadonlySet<Socket>;
  close(): Promise<void>;
}

/**
 * @param answer what to do with each head that is complete; `body` may be incomplete
 */
export async function openRawUpstream(
  answer: (socket: Socket, head: string) => void,
): Promise<RawUpstream> {
  let received = '';
  const connections = new Set<Socket>();
  const server: Server = createServer((socket) => {
    connections.add(socket);
    let pending = '';
    socket.setEncoding('latin1');
    socket.on('error', () => socket.destroy());
    socket.on('close', () => connections.delete(socket));
    socket.on('data', (text: string) => {
      received += text;
      pending += text;
      for (let end = pending.indexOf('\r\n\r\n'); end !== -1; end = pending.indexOf('\r\n\r\n')) {
        const head = pending.slice(0, end + 4);
        pending = pending.slice(end + 4);
        // Bodies pass by; only heads begin with a method.
        if (/^[A-Z]+ \//.test(head)) answer(socket, head);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    received: () => received,
    connections,
    close: () =>
      new Promise((resolve) => {
        for (const socket of connections) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

export function plainAnswer(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
}
