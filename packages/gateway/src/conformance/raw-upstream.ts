/** An upstream that writes down, byte for byte, what reaches it. */

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';

export interface RawUpstream {
  readonly url: string;
  readonly port: number;
  /** Everything received, of all connections, in latin1. */
  readonly received: () => string;
  /** The same, of each connection by itself, in the order of their opening. */
  readonly conversations: () => readonly string[];
  readonly connections: ReadonlySet<Socket>;
  close(): Promise<void>;
}

/** @param answer what to do once a request has arrived whole */
export async function openRawUpstream(
  answer: (socket: Socket, head: string) => void,
): Promise<RawUpstream> {
  const conversations: string[] = [];
  const connections = new Set<Socket>();
  const server: Server = createServer((socket) => {
    connections.add(socket);
    const index = conversations.push('') - 1;
    let parsed = 0;
    socket.setEncoding('latin1');
    socket.on('error', () => socket.destroy());
    socket.on('close', () => connections.delete(socket));
    socket.on('data', (text: string) => {
      conversations[index] += text;
      const { requests, end } = readRequests(conversations[index]!.slice(parsed));
      parsed += end;
      for (const { head, complete } of requests) if (complete) answer(socket, head);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    received: () => conversations.join(''),
    conversations: () => conversations,
    connections,
    close: () =>
      new Promise((resolve) => {
        for (const socket of connections) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

export interface ReceivedRequest {
  readonly head: string;
  /** Whether its body ended too. */
  readonly complete: boolean;
}

/**
 * Cuts what arrived into requests, the last of which may be incomplete.
 *
 * @returns also where the last complete one ended
 */
export function readRequests(text: string): {
  readonly requests: readonly ReceivedRequest[];
  readonly end: number;
} {
  const requests: ReceivedRequest[] = [];
  let end = 0;
  for (;;) {
    const headEnd = text.indexOf('\r\n\r\n', end);
    if (headEnd === -1) return { requests, end };
    const head = text.slice(end, headEnd + 4);
    const bodyEnd = endOfBody(head, text, headEnd + 4);
    requests.push({ head, complete: bodyEnd !== -1 });
    if (bodyEnd === -1) return { requests, end };
    end = bodyEnd;
  }
}

function endOfBody(head: string, text: string, start: number): number {
  const length = /^content-length: ([0-9]+)\r$/im.exec(head);
  if (length !== null) {
    const end = start + Number(length[1]);
    return end <= text.length ? end : -1;
  }
  if (!/^transfer-encoding: chunked\r$/im.test(head)) return start;
  const last = text.indexOf('0\r\n\r\n', start);
  return last === -1 ? -1 : last + 5;
}

export function plainAnswer(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
}
