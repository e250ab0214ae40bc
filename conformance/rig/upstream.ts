/** A plain server that answers with what reached it. */
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
      // FAPI 1.0 §6.2.1: a resource repeats the name that its client gave to the exchange.
      const name = headers['x-fapi-interaction-id'];
      const named = typeof name === 'string' ? { 'x-fapi-interaction-id': name } : {};
      answer.writeHead(200, { 'content-type': 'application/json', ...named });
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
