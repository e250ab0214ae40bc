/** A gRPC listener, called by Node's own HTTP/2 client, and by clients that mean harm. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect, constants, type OutgoingHttpHeaders } from 'node:http2';
import { connect as connectRaw } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { err, ok } from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { afterEach, describe, expect, it } from 'vitest';
import { selfSigned } from './conformance/certificate.ts';
import { type GrpcOptions, grpcCodes, listenGrpc } from './grpc.ts';
import type { Listener } from './listener.ts';

const path = '/test.Service/Echo';

let listener: Listener;
let client: ClientHttp2Session;
/** Calls that wait for the test. */
let held: (() => void)[] = [];

afterEach(async () => {
  for (const go of held) go();
  held = [];
  client?.destroy();
  await listener.close();
});

async function open(options: Partial<GrpcOptions> = {}): Promise<void> {
  listener = await listenGrpc({
    ...{ host: '127.0.0.1', port: 0, timers: systemTimers, mayConnect: () => true },
    methods: {
      [path]: async (message, peer) => {
        const text = Buffer.from(message).toString();
        if (text === 'refuse') return err({ code: grpcCodes.invalidArgument, message: 'no' });
        if (text === 'throw') throw new Error('a bug');
        if (text === 'hold') await new Promise<void>((go) => held.push(go));
        return ok(Buffer.from(`${peer} ${text}`));
      },
    },
    ...options,
  });
  client = connect(`http://127.0.0.1:${listener.port}`);
  client.on('error', () => undefined);
}

interface Called {
  readonly status: number;
  readonly grpcStatus: string | undefined;
  readonly body: string;
}

function frame(text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

function call(body: Buffer | string, headers: OutgoingHttpHeaders = {}): Promise<Called> {
  return new Promise((resolve, reject) => {
    const stream = client.request({
      ...{ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
      ...headers,
    });
    const chunks: Buffer[] = [];
    let status = 0;
    let grpcStatus: string | undefined;
    stream.on('response', (head) => {
      status = Number(head[':status']);
      grpcStatus = head['grpc-status'] as string | undefined;
    });
    stream.on('trailers', (trailers) => {
      grpcStatus = trailers['grpc-status'] as string | undefined;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      if (status === 0) return reject(new Error(`closed: ${stream.rstCode}`));
      return resolve({ status, grpcStatus, body: Buffer.concat(chunks).toString().slice(5) });
    });
    stream.end(typeof body === 'string' ? frame(body) : body);
  });
}

describe('a unary call', () => {
  it('is answered by its method, with who called', async () => {
    await open();
    expect(await call('hello')).toEqual({ status: 200, grpcStatus: '0', body: '127.0.0.1 hello' });
  });

  it('is answered beside many others on one connection', async () => {
    await open();
    const answers = await Promise.all(Array.from({ length: 500 }, (_, i) => call(`n${i}`)));
    expect(answers.map(({ body }) => body)).toEqual(answers.map((_, i) => `127.0.0.1 n${i}`));
  });

  it.each<[string, Buffer | string, OutgoingHttpHeaders, string]>([
    ['its method refuses', 'refuse', {}, '200 3'],
    ['its method fails', 'throw', {}, '200 13'],
    ['nobody knows its method', 'a', { ':path': '/test.Service/Other' }, '200 12'],
    ['its method is nobody’s own', 'a', { ':path': 'constructor', ':scheme': 'x' }, '200 12'],
    ['its frame is cut off', Buffer.from([0, 0, 0, 0, 9, 1]), {}, '200 3'],
    ['its frame is missing', Buffer.alloc(0), {}, '200 3'],
    ['it holds two messages', Buffer.concat([frame('a'), frame('b')]), {}, '200 3'],
    ['it is compressed', Buffer.from([1, 0, 0, 0, 1, 65]), {}, '200 12'],
    ['it is no gRPC', 'a', { 'content-type': 'application/json' }, '415 undefined'],
    ['it is no POST', 'a', { ':method': 'PUT' }, '405 undefined'],
    ['it announces too much', 'a', { 'content-length': 999_999_999 }, '413 undefined'],
  ])('fails where %s', async (_what, body, headers, expected) => {
    await open();
    const { status, grpcStatus } = await call(body, headers).catch(() => ({
      status: 413,
      grpcStatus: undefined,
    }));
    expect(`${status} ${grpcStatus}`).toBe(expected);
  });

  it('fails where its message is too large, whatever it announced', async () => {
    await open({ limits: { grpcMessageBytesMax: 1024 } });
    expect((await call('x'.repeat(1025))).grpcStatus).toBe('8');
    expect((await call('x'.repeat(1024))).grpcStatus).toBe('0');
    expect((await call('x'.repeat(60_000))).grpcStatus).toBe('8');
  });

  it('ends at the caller’s deadline, or at our own', async () => {
    await open({ limits: { grpcAnswerMs: 50 } });
    expect((await call('hold', { 'grpc-timeout': '20m' })).grpcStatus).toBe('4');
    expect((await call('hold', { 'grpc-timeout': '1H' })).grpcStatus).toBe('4');
    expect((await call('hold', { 'grpc-timeout': 'soon' })).grpcStatus).toBe('4');
  });
});

describe('over TLS', () => {
  it('is HTTP/2, and nothing older', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mintmark-grpc-'));
    const { cert, key } = selfSigned('localhost');
    const tls = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
    writeFileSync(tls.certFile, cert);
    writeFileSync(tls.keyFile, key);
    await open({ tls });
    client.destroy();
    client = connect(`https://localhost:${listener.port}`, { ca: cert, host: '127.0.0.1' });
    client.on('error', () => undefined);
    expect((await call('hello')).body).toBe('127.0.0.1 hello');
    const older = connectTls({
      ...{ host: '127.0.0.1', port: listener.port, ca: cert, servername: 'localhost' },
      ALPNProtocols: ['http/1.1'],
    });
    await new Promise<void>((resolve) => older.once('error', () => resolve()));
    rmSync(folder, { recursive: true });
  });
});

describe('whoever means harm', () => {
  it('is cut off before a word where he may not connect', async () => {
    await open({ mayConnect: () => false });
    await expect(call('hello')).rejects.toThrow();
  });

  it('has no more calls under way than the bound, reset ones included', async () => {
    await open({ limits: { grpcCallsMax: 3 } });
    const given = Array.from({ length: 3 }, () => {
      const stream = client.request({
        ...{ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' },
      });
      stream.on('error', () => undefined);
      stream.end(frame('hold'));
      return stream;
    });
    while (held.length < 3) await new Promise((go) => systemTimers.after(1, () => go(undefined)));
    for (const stream of given) stream.close(constants.NGHTTP2_CANCEL);
    expect((await call('hello')).grpcStatus).toBe('14');
    for (const go of held) go();
    await new Promise((go) => systemTimers.after(1, () => go(undefined)));
    expect((await call('hello')).grpcStatus).toBe('0');
  });

  it('has no more streams than the bound', async () => {
    await open({ limits: { grpcStreamsMax: 2 } });
    await call('hello');
    expect(client.remoteSettings.maxConcurrentStreams).toBe(2);
  });

  it('loses the connection by resetting streams in a flood', async () => {
    await open();
    await call('hello');
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
    let resets = 0;
    while (!client.destroyed && resets < 20_000) {
      for (let i = 0; i < 200 && !client.destroyed; i++) {
        const stream = client.request({ ':method': 'POST', ':path': path });
        stream.on('error', () => undefined);
        stream.close(constants.NGHTTP2_CANCEL);
        resets++;
      }
      await new Promise((go) => systemTimers.after(0, () => go(undefined)));
    }
    await closed;
    expect(resets).toBeLessThan(20_000);
  });

  it('loses the connection by headers without end (CVE-2024-27316)', async () => {
    await open();
    const seen = await sendRaw(listener.port, [
      preface,
      settings,
      // HEADERS without END_HEADERS, then CONTINUATION for ever.
      httpFrame(1, 0, 1, Buffer.from([0x82])),
      ...Array.from({ length: 200 }, () =>
        httpFrame(9, 0, 1, literalHeader('a', 'b'.repeat(4000))),
      ),
    ]);
    expect(seen.closed).toBe(true);
    client = connect(`http://127.0.0.1:${listener.port}`);
    client.on('error', () => undefined);
    expect((await call('hello')).grpcStatus).toBe('0');
  });

  it('is refused headers beyond the bound', async () => {
    await open();
    const big = { 'x-big': 'b'.repeat(70_000) };
    await expect(call('hello', big)).rejects.toThrow();
    const many = Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`x-${i}`, 'v']));
    await expect(call('hello', many)).rejects.toThrow();
  });

  it('does not live on by silence', async () => {
    await open({ limits: { grpcIdleMs: 30 } });
    await call('hello');
    await new Promise<void>((resolve) => client.once('close', () => resolve()));
  });

  it('gets nothing for bytes that are no HTTP/2', async () => {
    await open();
    const seen = await sendRaw(listener.port, [Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')]);
    expect(seen.closed).toBe(true);
    expect(seen.text).not.toContain('200');
  });
});

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const settings = httpFrame(4, 0, 0, Buffer.alloc(0));

/** RFC 9113 §4.1 */
function httpFrame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A literal field without indexing, of a new name (RFC 7541 §6.2.2); lengths below 2^14. */
function literalHeader(name: string, value: string): Buffer {
  const length = value.length - 127;
  const prefix = [0x7f, (length & 0x7f) | 0x80, length >> 7];
  return Buffer.concat([
    Buffer.from([0x00, name.length]),
    Buffer.from(name),
    Buffer.from(prefix),
    Buffer.from(value),
  ]);
}

function sendRaw(
  port: number,
  parts: readonly Buffer[],
): Promise<{ readonly closed: boolean; readonly text: string }> {
  return new Promise((resolve) => {
    const socket = connectRaw({ host: '127.0.0.1', port });
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve({ closed: true, text }));
    for (const part of parts) socket.write(part);
  });
}
