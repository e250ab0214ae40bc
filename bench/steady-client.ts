/**
 * A process of its own, on the core beside the server's: sends requests at a steady rate and prints
 * their latencies as JSON. Requests are made before the clock starts and written to plain sockets,
 * because `node:http`'s client costs as much as the servers under measurement. A latency counts
 * from the moment at which its request was due, so that neither a stall nor a late client is
 * hidden; `latestMs` says by how much this client itself was late at the most.
 *
 * node bench/steady-client.ts < work.json
 */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { Work } from './load.ts';

interface Order {
  readonly work: Pick<Work, 'port' | 'path' | 'method' | 'headers' | 'bodies'>;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly connections: number;
}

const order = JSON.parse(readFileSync(0, 'utf8')) as Order;
const requests = requestsOf(order.work);
const total = Math.floor(order.seconds * order.requestsPerSecond);
const latencies: number[] = [];
/** Due and not yet on a connection. */
const due: number[] = [];
const free: Socket[] = [];
let sent = 0;
let latestMs = 0;

for (let i = 0; i < order.connections; i++) free.push(await open());
const start = performance.now();
tick();

function tick(): void {
  const now = performance.now();
  const until = Math.min(total, Math.floor(((now - start) / 1000) * order.requestsPerSecond));
  for (; sent < until; sent++) {
    const dueAt = start + (sent / order.requestsPerSecond) * 1000;
    latestMs = Math.max(latestMs, now - dueAt);
    due.push(dueAt);
  }
  while (due.length > 0 && free.length > 0) send(free.pop()!, due.shift()!);
  if (latencies.length < total) setTimeout(tick, 1);
  else finish();
}

const waiting = new Map<Socket, number>();

function send(socket: Socket, dueAt: number): void {
  waiting.set(socket, dueAt);
  socket.write(requests[(sent + due.length) % requests.length]!);
}

async function open(): Promise<Socket> {
  const socket = connect({ port: order.work.port, host: '127.0.0.1', noDelay: true });
  let answer = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => {
    answer += chunk;
    if (!isWhole(answer)) return;
    if (!answer.startsWith('HTTP/1.1 200 ')) fail(answer.slice(0, 200));
    answer = '';
    latencies.push(performance.now() - waiting.get(socket)!);
    const next = due.shift();
    if (next === undefined) free.push(socket);
    else send(socket, next);
  });
  socket.on('error', (error) => fail(error.message));
  socket.on('close', () => {
    if (latencies.length < total) fail('the server closed a connection');
  });
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  return socket;
}

/** Answers carry a Content-Length, or are chunked and end with the last chunk. */
function isWhole(answer: string): boolean {
  const head = answer.indexOf('\r\n\r\n');
  if (head < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.slice(0, head))?.[1];
  if (length === undefined) return answer.endsWith('\r\n0\r\n\r\n');
  return answer.length >= head + 4 + Number(length);
}

function requestsOf({ method, path, port, headers, bodies }: Order['work']): readonly string[] {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${fields.join('')}`;
  if (method === 'GET') return [`${head}\r\n`];
  return bodies.map((body) => `${head}content-length: ${body.length}\r\n\r\n${body}`);
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

function finish(): void {
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)]!;
  console.log(JSON.stringify({ p50Ms: at(0.5), p99Ms: at(0.99), latestMs }));
  process.exit(0);
}
