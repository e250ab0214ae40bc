/** A plain server that answers with what reached it, by events and over WebSockets too. */
import { hash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

export interface Upstream {
  readonly origin: string;
  close(): Promise<void>;
}

export async function startUpstream(): Promise<Upstream> {
  const server = createServer((request, answer) => {
    const { method, url: path, headers } = request;
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (headers.accept === 'text/event-stream') {
        // Never ends by itself.
        answer.writeHead(200, { 'content-type': 'text/event-stream' });
        answer.write(`data: ${JSON.stringify({ method, path, headers })}\n\n`);
        return;
      }
      const body = Buffer.concat(parts).toString('utf8');
      // FAPI 1.0 §6.2.1: each exchange has a name, the client's own if it gave one.
      const name = headers['x-fapi-interaction-id'] ?? randomUUID();
      answer.writeHead(200, {
        'content-type': 'application/json',
        'x-fapi-interaction-id': name,
      });
      answer.end(JSON.stringify({ method, path, headers, body }));
    });
  });
  const upgraded = new Set<Duplex>();
  server.on('upgrade', ({ url: path, headers }, socket) => {
    upgraded.add(socket.on('close', () => upgraded.delete(socket)));
    const key = `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const answer = [
      ...['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'],
      // RFC 6455 §4.2.2: HAProxy looks at it.
      `Sec-WebSocket-Accept: ${hash('sha1', key, 'base64')}`,
    ];
    socket.write(`${answer.join('\r\n')}\r\n\r\n`);
    socket.write(JSON.stringify({ path, headers }));
    socket.on('error', () => socket.destroy());
  });
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await listening;
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
        // They are no longer the server's own.
        for (const socket of upgraded) socket.destroy();
      }),
  };
}
