/** One request of each kind, and whether its answer is its own. */
import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { bodyOf, digestOf, type Kind, type Tally } from './tally.ts';

export interface Clients {
  /** Resolves when it is over, whatever became of it. */
  run(kind: Kind, credential: string): Promise<void>;
  /** @returns the status */
  ask(path: string, credential: string): Promise<number>;
  /** Opens a stream without end; resolves with its first word. */
  open(path: string, credential: string): Promise<{ readonly cut: Promise<void> }>;
  close(): void;
}

interface Got {
  readonly status: number;
  readonly number: string | undefined;
  readonly body: Buffer;
}

export function createClients(gateway: string, tally: Tally): Clients {
  const url = new URL(gateway);
  const at = { host: url.hostname, port: Number(url.port) };
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const grpc = new Client(url.host, credentials.createInsecure());
  let session: ClientHttp2Session | undefined;
  const http2 = (): ClientHttp2Session => {
    if (session === undefined || session.closed || session.destroyed) {
      session = connectHttp2(gateway).on('error', () => {});
    }
    return session;
  };
  const http1 = http1Client(at, agent);
  const runs: Readonly<Record<Kind, (n: number, credential: string) => Promise<string>>> = {
    get: async (n, credential) => judged(await http1('GET', `/get/${n}`, credential), n),
    'get-h2': async (n, credential) => judged(await byHttp2(http2(), n, credential), n),
    async post(n, credential) {
      const body = bodyOf(n);
      const { status, body: got } = await http1('POST', `/post/${n}`, credential, body);
      if (status !== 200) throw new Error(`${status} ${got}`);
      return String(got) === `${n} ${digestOf(body)}` ? '' : `${n}: ${got}`;
    },
    async sse(n, credential) {
      const { status, body } = await http1('GET', `/sse/${n}`, credential);
      if (status !== 200) throw new Error(`${status} ${body}`);
      const wanted = Array.from({ length: 10 }, (_, i) => `data: ${n}-${i}\n\n`).join('');
      return String(body) === wanted ? '' : `${n}: ${body}`;
    },
    websocket: (n, credential) => websocket(at, n, credential),
    grpc: (n, credential) => unary(grpc, n, credential),
    'grpc-stream': (n, credential) => talk(grpc, n, credential),
  };
  return {
    async run(kind, credential) {
      const n = tally.next();
      try {
        const wrong = await runs[kind](n, credential);
        if (wrong === '') tally.answered(kind);
        else tally.swapped(kind, wrong.slice(0, 200));
      } catch (error) {
        tally.lost(kind, `${n} ${(error as Error).message}`.slice(0, 200));
      }
    },
    ask: async (path, credential) => (await http1('GET', path, credential)).status,
    open: (path, credential) => openStream(at, path, credential),
    close() {
      agent.destroy();
      session?.destroy();
      grpc.close();
    },
  };
}

interface Place {
  readonly host: string;
  readonly port: number;
}

type Http1 = (method: string, path: string, credential: string, body?: Buffer) => Promise<Got>;

function http1Client(at: Place, agent: Agent): Http1 {
  return (method, path, credential, body) =>
    new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${credential}`,
        ...(body === undefined ? {} : { 'content-length': body.length }),
      };
      const sent = request({ ...at, method, path, agent, headers, timeout: 30_000 }, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part)).on('error', reject);
        answer.on('end', () => {
          const { 'x-number': number } = answer.headers as Record<string, string>;
          resolve({ status: answer.statusCode ?? 0, number, body: Buffer.concat(parts) });
        });
      });
      sent.on('timeout', () => sent.destroy(new Error('no answer in 30 s'))).on('error', reject);
      sent.end(body);
    });
}

function openStream(at: Place, path: string, credential: string) {
  return new Promise<{ readonly cut: Promise<void> }>((resolve, reject) => {
    const headers = { authorization: `Bearer ${credential}` };
    const sent = request({ ...at, path, headers, agent: false }, (answer) => {
      answer.on('error', () => {});
      const cut = new Promise<void>((done) => answer.on('close', done));
      if (answer.statusCode === 200) answer.once('data', () => resolve({ cut }));
      else reject(new Error(`stream: ${answer.statusCode}`));
      answer.resume();
    });
    sent.on('error', reject).end();
  });
}

function unary(grpc: Client, n: number, credential: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + 30_000;
    const body = Buffer.from(String(n));
    grpc.makeUnaryRequest<Buffer, Buffer>(
      ...(['/soak.Echo/Unary', same, same, body, identified(credential), { deadline }] as const),
      (error, value) => {
        if (error !== null) reject(error);
        else resolve(String(value) === String(n) ? '' : `${n}: ${value}`);
      },
    );
  });
}

async function talk(grpc: Client, n: number, credential: string): Promise<string> {
  const deadline = Date.now() + 30_000;
  const stream = grpc.makeBidiStreamRequest<Buffer, Buffer>(
    ...(['/soak.Echo/Talk', same, same, identified(credential), { deadline }] as const),
  );
  for (let i = 0; i < 5; i++) stream.write(Buffer.from(`${n}-${i}`));
  stream.end();
  let i = 0;
  let wrong = '';
  for await (const one of stream) if (String(one) !== `${n}-${i++}`) wrong = `${n}: ${one}`;
  if (i !== 5) throw new Error(`${i} of 5 words`);
  return wrong;
}

const same = (value: Buffer): Buffer => value;

function identified(credential: string): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${credential}`);
  return metadata;
}

function judged({ status, number, body }: Got, n: number): string {
  if (status !== 200) throw new Error(`${status} ${body.subarray(0, 100)}`);
  return number === String(n) && body.equals(bodyOf(n)) ? '' : `${n}: ${number}`;
}

function byHttp2(session: ClientHttp2Session, n: number, credential: string): Promise<Got> {
  return new Promise((resolve, reject) => {
    const authorization = `Bearer ${credential}`;
    const stream = session.request({ ':path': `/get/${n}`, authorization });
    let status = 0;
    let number: string | undefined;
    const parts: Buffer[] = [];
    stream.setTimeout(30_000, () => stream.close(8));
    stream.on('response', (fields) => {
      status = fields[':status'] ?? 0;
      number = fields['x-number'] as string | undefined;
    });
    stream.on('data', (part: Buffer) => parts.push(part)).on('error', reject);
    stream.on('close', () => {
      if (stream.rstCode !== 0) reject(new Error(`reset with ${stream.rstCode}`));
      else resolve({ status, number, body: Buffer.concat(parts) });
    });
    stream.end();
  });
}

/** Ten lines, each sent when the one before has come back. */
function websocket(at: Place, n: number, credential: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(at);
    let received = '';
    let i = -1;
    let wrong = '';
    socket.setTimeout(30_000, () => socket.destroy(new Error('no answer in 30 s')));
    socket.on('error', reject).on('close', () => reject(new Error(`closed at ${i}: ${received}`)));
    socket.on('data', (data) => {
      received += data;
      const end = received.indexOf(i < 0 ? '\r\n\r\n' : '\n');
      if (end === -1) return;
      if (i < 0 && !received.startsWith('HTTP/1.1 101')) return void socket.destroy();
      if (i >= 0 && received !== `${n}-${i}\n`) wrong = `${n}: ${received}`;
      received = '';
      if (++i < 10) return void socket.write(`${n}-${i}\n`);
      resolve(wrong);
      socket.end();
    });
    socket.write(
      [
        `GET /ws/${n} HTTP/1.1`,
        'Host: soak',
        `Authorization: Bearer ${credential}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version: 13\r\n\r\n',
      ].join('\r\n'),
    );
  });
}
