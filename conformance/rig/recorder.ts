/**
 * A small reverse proxy that writes down each request before it passes it on untouched. Where the
 * server behind it is known to nobody else, what it has seen is everything that the server saw.
 */
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  status: number;
}

export interface Recorder {
  readonly origin: string;
  readonly seen: Seen[];
  close(): Promise<void>;
}

export async function startRecorder(port: number): Promise<Recorder> {
  const seen: Seen[] = [];
  const server = createServer((incoming, answer) => {
    const { method = '', url: path = '', headers, rawHeaders } = incoming;
    const entry: Seen = { method, path, headers, status: 0 };
    seen.push(entry);
    const onward = request(
      { host: '127.0.0.1', port, method, path, headers: rawHeaders },
      (reply) => {
        entry.status = reply.statusCode ?? 0;
        answer.writeHead(entry.status, reply.rawHeaders);
        reply.pipe(answer);
      },
    );
    onward.on('error', () => answer.destroy());
    incoming.pipe(onward);
  });
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await listening;
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
