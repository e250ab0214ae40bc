/** A plain server that answers with what reached it. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

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
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await listening;
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
