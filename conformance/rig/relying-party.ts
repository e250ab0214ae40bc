/** An application's web server: where people come back to, and where it is told of their end. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RelyingParty {
  readonly origin: string;
  /** Parameters of each return to `/cb`, by redirect or by form. */
  readonly returns: readonly URLSearchParams[];
  /** Forms that came to `/backchannel`. */
  readonly told: readonly URLSearchParams[];
  close(): Promise<void>;
}

/**
 * `/cb` sends the browser on to another origin, as brokers and proxies do; everything else says
 * where it is.
 */
export async function startRelyingParty(): Promise<RelyingParty> {
  const returns: URLSearchParams[] = [];
  const told: URLSearchParams[] = [];
  const other = await listening(
    createServer((_request, answer) => {
      answer.writeHead(200, { 'content-type': 'text/html' });
      answer.end('<title>Home</title><h1>You are in</h1>');
    }),
  );
  const own = await listening(
    createServer((request, answer) => {
      const url = new URL(request.url ?? '/', 'http://127.0.0.1');
      void bodyOf(request).then((body) => {
        const isForm = request.method === 'POST';
        const parameters = isForm ? new URLSearchParams(body) : url.searchParams;
        if (url.pathname === '/backchannel') told.push(parameters);
        if (url.pathname !== '/cb') {
          answer.writeHead(200, { 'content-type': 'text/html' });
          answer.end(`<title>${url.pathname}</title>`);
          return;
        }
        returns.push(parameters);
        answer.writeHead(302, { location: `${other.origin}/home` });
        answer.end();
      });
    }),
  );
  return {
    origin: own.origin,
    returns,
    told,
    async close() {
      await Promise.all([own.close(), other.close()]);
    },
  };
}

async function listening(server: Server) {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}
