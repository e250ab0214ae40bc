/** The services behind the gateway: each answer says which number it answers. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import {
  Server as GrpcServer,
  type handleUnaryCall,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { bodyOf, digestOf, type Tally } from './tally.ts';

const same = (value: Buffer): Buffer => value;
const as = { requestSerialize: same, requestDeserialize: same };
const back = { responseSerialize: same, responseDeserialize: same };
const echoService: ServiceDefinition = {
  unary: { path: '/soak.Echo/Unary', requestStream: false, responseStream: false, ...as, ...back },
  talk: { path: '/soak.Echo/Talk', requestStream: true, responseStream: true, ...as, ...back },
};

export interface Upstreams {
  readonly http: string;
  readonly grpc: string;
  close(): void;
}

export async function startUpstreams(tally: Tally): Promise<Upstreams> {
  const server = createServer((request, answer) => serve(tally, request, answer));
  // What is sent behind the handshake comes back as it is: the gateway knows no frames.
  server.on('upgrade', (_request, socket: Socket, head) => {
    socket.on('error', () => socket.destroy());
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    if (head.length > 0) socket.write(head);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const grpc = new GrpcServer();
  const unary: handleUnaryCall<Buffer, Buffer> = (asked, answer) => {
    tally.reached('grpc', Number(asked.request));
    answer(null, asked.request);
  };
  const talk = (asked: NodeJS.ReadWriteStream): void => {
    asked.on('data', (one: Buffer) => asked.write(one)).on('end', () => asked.end());
    asked.on('error', () => {});
  };
  grpc.addService(echoService, { unary, talk } as never);
  const port = await new Promise<number>((resolve, reject) => {
    grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    http: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    grpc: `http://127.0.0.1:${port}`,
    close() {
      server.closeAllConnections();
      server.close();
      grpc.forceShutdown();
    },
  };
}

function serve(tally: Tally, request: IncomingMessage, answer: ServerResponse): void {
  const [, what, number] = (request.url ?? '').split('/');
  const n = Number(number);
  if (what === 'sse') {
    events(n, answer);
    return;
  }
  if (what === 'endless') {
    answer.writeHead(200, { 'content-type': 'text/event-stream' });
    answer.write(`data: ${n}\n\n`);
    return;
  }
  if (what !== 'post') {
    answer.setHeader('x-number', String(n));
    answer.end(bodyOf(n));
    return;
  }
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('error', () => {});
  request.on('end', () => {
    tally.reached('post', n);
    answer.end(`${n} ${digestOf(Buffer.concat(parts))}`);
  });
}

/** Ten events, a little apart. */
function events(n: number, answer: ServerResponse): void {
  answer.writeHead(200, { 'content-type': 'text/event-stream' });
  let i = 0;
  const timer = setInterval(() => {
    answer.write(`data: ${n}-${i}\n\n`);
    if (++i < 10) return;
    clearInterval(timer);
    answer.end();
  }, 50);
  answer.on('close', () => clearInterval(timer));
}
