/**
 * `node bench/judge.ts [--rounds 3] [--calls 20000] [--concurrent 32]`: what an answer of the judge
 * costs, by gRPC and by HTTP, beside the usual gRPC server that judges nothing. Servers run on core
 * 0 and are asked in turn from core 1; what counts is the CPU time of one answer, its least.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  bytesOf,
  messageField,
  textField,
} from '../packages/gateway/src/proxies/protobuf/write.ts';
import { type Server, startServer } from './server-process.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    calls: { type: 'string', default: '20000' },
    concurrent: { type: 'string', default: '32' },
  },
});
const [rounds, calls, concurrent] = [values.rounds, values.calls, values.concurrent].map(Number);
const directory = mkdtempSync(join(tmpdir(), 'mintmark-bench-judge-'));
const file = join(directory, 'tokens');

/** What Envoy tells of a request of a browser. */
const headers: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':path', '/api/things?page=1'],
  [':authority', 'api.example'],
  [':scheme', 'https'],
  ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)'],
  ['accept', 'application/json'],
  ['accept-language', 'en-GB,en;q=0.9'],
  ['accept-encoding', 'gzip, deflate, br'],
  ['referer', 'https://app.example/things'],
  ['x-forwarded-for', '192.0.2.7'],
  ['x-forwarded-proto', 'https'],
  ['x-request-id', 'ac5ef2ae-1ba1-4d7e-9c1d-5a4f0b9a7f5e'],
];

function checkOf(authorization: string): Buffer {
  const all = [...headers, ['authorization', authorization] as const];
  const map = all.map(([name, value]) => messageField(3, textField(1, name) + textField(2, value)));
  const http = [
    ...[textField(2, 'GET'), ...map, textField(4, '/api/things?page=1')],
    ...[textField(5, 'api.example'), textField(6, 'https'), textField(10, 'HTTP/2')],
  ].join('');
  const source = messageField(1, messageField(1, messageField(1, textField(2, '192.0.2.7'))));
  const message = bytesOf(messageField(1, source + messageField(4, messageField(2, http))));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

type Ask = (index: number) => Promise<void>;

function grpcCall(session: ClientHttp2Session, messages: readonly Buffer[]): Ask {
  const path = '/envoy.service.auth.v3.Authorization/Check';
  const head = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc' };
  return (index) =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ...head, te: 'trailers' });
      let bytes = 0;
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      stream.on('error', reject);
      // A refusal would be a shorter answer.
      stream.on('end', () => (bytes > 300 ? resolve() : reject(new Error(`${bytes} bytes`))));
      stream.end(messages[index % messages.length]);
    });
}

function httpAsk(port: number, tokens: readonly string[]): Ask {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrent });
  const plain = headers.filter(([name]) => !name.startsWith(':'));
  const sent = { host: 'api.example', ...Object.fromEntries(plain) };
  return (index) =>
    new Promise((resolve, reject) => {
      const authorization = tokens[index % tokens.length]!;
      const path = '/ext-authz/api/things?page=1';
      request({ port, path, agent, headers: { ...sent, authorization } }, (answer) => {
        answer.resume();
        const isLet = answer.statusCode === 200;
        answer.on('end', () => (isLet ? resolve() : reject(new Error(`${answer.statusCode}`))));
      })
        .on('error', reject)
        .end();
    });
}

/** CPU time of the server for one answer. */
async function measure(server: Server, ask: Ask): Promise<number> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < calls!) await ask(next++);
  };
  const before = server.cpuMicros();
  await Promise.all(Array.from({ length: concurrent! }, worker));
  return (server.cpuMicros() - before) / calls!;
}

const gateway = await startServer(['servers/gateway.ts', '9', file, 'jwt', '1000', '1', 'judge']);
const idle = await startServer(['servers/idle-grpc.ts', 'own']);
const usual = await startServer(['servers/idle-grpc.ts', 'usual']);
const tokens = readFileSync(`${file}.0`, 'utf8').trim().split('\n');
const [, http = 0, grpc = 0] = gateway.firstLine.split(' ').map(Number);
const messages = tokens.map(checkOf);
const sessions = [grpc, Number(idle.firstLine), Number(usual.firstLine)].map((port) =>
  connect(`http://127.0.0.1:${port}`),
);
const contenders: readonly (readonly [string, Server, Ask])[] = [
  ['ext_authz by gRPC', gateway, grpcCall(sessions[0]!, messages)],
  ['ext_authz by HTTP', gateway, httpAsk(http, tokens)],
  ['our gRPC, judging nothing', idle, grpcCall(sessions[1]!, messages)],
  ['@grpc/grpc-js, judging nothing', usual, grpcCall(sessions[2]!, messages)],
];
const seen = new Map<string, number[]>(contenders.map(([name]) => [name, []]));
try {
  for (const [, server, ask] of contenders) await measure(server, ask);
  for (let round = 0; round < rounds!; round++) {
    for (const [name, server, ask] of contenders) seen.get(name)!.push(await measure(server, ask));
  }
} finally {
  for (const session of sessions) session.destroy();
  await Promise.all([gateway.stop(), idle.stop(), usual.stop()]);
  rmSync(directory, { recursive: true, force: true });
}
console.log('CPU µs an answer:                 least  rounds');
for (const [name, all] of seen) {
  const rows = all.map((micros) => micros.toFixed(0)).join(' ');
  console.log(
    `${name.padEnd(32)} ${Math.min(...all)
      .toFixed(0)
      .padStart(6)}  ${rows}`,
  );
}
process.exit(0);
