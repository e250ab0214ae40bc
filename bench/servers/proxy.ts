/**
 * Reverse proxies that do nothing but pass on: over undici's dispatcher, or over `http.request`.
 * Arguments: upstream port, `undici` or `http`. Prints `port`.
 */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type Dispatcher, Pool } from 'undici';

const [upstreamPort = '', kind = ''] = process.argv.slice(2);
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, { connections: 1024, pipelining: 1 });
const agent = new Agent({ keepAlive: true, maxSockets: 1024 });

const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

function passOn(raw: readonly string[]): string[] {
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    if (!hopByHop.has(raw[i]!.toLowerCase())) headers.push(raw[i]!, raw[i + 1]!);
  }
  return headers;
}

function overUndici(message: IncomingMessage, response: ServerResponse): void {
  const hasBody = message.headers['content-length'] !== undefined;
  pool.dispatch(
    {
      path: message.url ?? '/',
      method: message.method ?? 'GET',
      headers: passOn(message.rawHeaders),
      ...(hasBody ? { body: message } : {}),
    },
    {
      onRequestStart() {},
      onResponseStart(controller: Dispatcher.DispatchController, status: number) {
        const raw = (controller.rawHeaders as Buffer[]).map((one) => one.toString('latin1'));
        response.on('drain', () => controller.resume());
        response.writeHead(status, passOn(raw));
      },
      onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer) {
        if (!response.write(chunk)) controller.pause();
      },
      onResponseEnd() {
        response.end();
      },
      onResponseError() {
        response.destroy();
      },
    },
  );
}

function overHttp(message: IncomingMessage, response: ServerResponse): void {
  const outgoing = request(
    {
      host: '127.0.0.1',
      port: Number(upstreamPort),
      agent,
      path: message.url,
      method: message.method,
      headers: passOn(message.rawHeaders),
    },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, passOn(answer.rawHeaders));
      answer.pipe(response);
    },
  );
  outgoing.on('error', () => response.destroy());
  message.pipe(outgoing);
}

createServer(kind === 'undici' ? overUndici : overHttp).listen(0, '127.0.0.1', function () {
  console.log((this.address() as { port: number }).port);
});
