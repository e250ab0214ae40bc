/**
 * Unary gRPC over `node:http2`: one message in, one message out, for peers that are trusted proxies
 * and still may be faulty or taken over. Every size, count and wait has a bound. It knows no
 * product's services and reads no message.
 */
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import {
  ConfigFault,
  formatAddress,
  limits,
  parseAddress,
  type Result,
  type Timers,
} from '@mintmark/core';
import type { ListenerEvent } from './answer.ts';
import { type Listener, refuseInsecureHttp } from './listener.ts';
import { loadTls, type TlsOptions, watchTls } from './tls.ts';

/** Codes of gRPC that a service here may answer with. */
export const grpcCodes = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

export interface GrpcRefusal {
  readonly code: (typeof grpcCodes)[keyof typeof grpcCodes];
  /** ASCII. */
  readonly message: string;
}

/** @param peerAddress of whoever is connected */
export type GrpcMethod = (
  message: Uint8Array,
  peerAddress: string,
) => Promise<Result<Uint8Array, GrpcRefusal>>;

export interface GrpcOptions {
  readonly timers: Timers;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls?: TlsOptions;
  readonly insecureHttp?: boolean;
  /** By path: `/package.Service/Method`. */
  readonly methods: Readonly<Record<string, GrpcMethod>>;
  /** Whoever it refuses is cut off before a word is read. */
  readonly mayConnect: (address: string) => boolean;
  readonly limits?: Partial<GrpcLimits>;
  readonly log?: (event: ListenerEvent) => void;
}

export interface GrpcLimits {
  readonly grpcMessageBytesMax: number;
  readonly grpcStreamsMax: number;
  readonly grpcCallsMax: number;
  readonly grpcAnswerMs: number;
  readonly grpcIdleMs: number;
  readonly grpcConnectionsMax: number;
  readonly headerBytesMax: number;
}

/**
 * Opens a listener for gRPC calls.
 *
 * @throws ConfigFault `insecure_http` for plain HTTP outside loopback, `listen_failed`,
 *   `tls_unusable`
 */
export async function listenGrpc(options: GrpcOptions): Promise<Listener> {
  refuseInsecureHttp(options);
  const { tls, timers, mayConnect, log = () => {} } = options;
  const bounds: GrpcLimits = { ...limits, ...options.limits };
  const server = openServer(bounds, tls);
  const calls = new Calls(options, bounds);
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session: ServerHttp2Session) => {
    const peer = addressOf(session);
    if (!mayConnect(peer) || sessions.size >= bounds.grpcConnectionsMax) {
      log({ type: 'refused', reason: 'not_a_proxy', address: peer });
      session.destroy();
      return;
    }
    sessions.add(session);
    session.on('error', () => session.destroy());
    session.on('close', () => sessions.delete(session));
    session.setTimeout(bounds.grpcIdleMs, () => session.close());
    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
      calls.take(stream, headers, peer),
    );
  });
  // A handshake that failed, or bytes that are no HTTP/2.
  server.on('sessionError', () => undefined);
  await bind(server, options);
  const stopWatching =
    tls === undefined
      ? () => {}
      : watchTls({ server: server as Http2SecureServer, options: tls, timers, log });
  const { address, port } = server.address() as AddressInfo;
  return {
    address,
    port,
    async close({ drainMs = 0 } = {}) {
      stopWatching();
      await drain(server, sessions, { timers, drainMs });
    },
  };
}

function openServer(
  bounds: GrpcLimits,
  tls: TlsOptions | undefined,
): Http2Server | Http2SecureServer {
  const http2Options = {
    settings: {
      enablePush: false,
      maxConcurrentStreams: bounds.grpcStreamsMax,
      // Said to the peer; what does not keep to it is cut off by nghttp2 at 64 KiB.
      maxHeaderListSize: bounds.headerBytesMax,
    },
    maxHeaderListPairs: 64,
    // Megabytes that one connection may hold, streams included.
    maxSessionMemory: 16,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    // Proxies reset what their clients gave up; beyond this it is an attack (CVE-2023-44487).
    streamResetBurst: 2_000,
    streamResetRate: 500,
    unknownProtocolTimeout: 10_000,
  };
  if (tls === undefined) return createServer(http2Options);
  return createSecureServer({ ...http2Options, ...loadTls(tls, ['h2']) });
}

function addressOf(session: ServerHttp2Session): string {
  const remote = session.socket?.remoteAddress ?? '';
  const address = parseAddress(remote.split('%', 1)[0]!);
  return address === undefined ? remote : formatAddress(address);
}

/** The calls of a listener, of all its connections together. */
class Calls {
  readonly #options: GrpcOptions;
  readonly #bounds: GrpcLimits;
  /** Counted until they are judged: a stream that was reset still costs what it began. */
  #underWay = 0;

  constructor(options: GrpcOptions, bounds: GrpcLimits) {
    this.#options = options;
    this.#bounds = bounds;
  }

  take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: string): void {
    stream.on('error', () => stream.destroy());
    const { methods } = this.#options;
    const path = headers[':path'] ?? '';
    // With a scheme of its own making a caller may ask for `constructor`.
    const method = Object.hasOwn(methods, path) ? methods[path] : undefined;
    const refused = refuseHead(headers, this.#bounds);
    if (refused !== undefined) {
      stream.respond({ ':status': refused }, { endStream: true });
    } else if (method === undefined) {
      fail(stream, { code: grpcCodes.unimplemented, message: 'no such method' });
    } else if (this.#underWay >= this.#bounds.grpcCallsMax) {
      fail(stream, { code: grpcCodes.unavailable, message: 'too many calls' });
    } else {
      this.#answer(stream, { method, peer, waitMs: waitOf(headers['grpc-timeout']) });
    }
  }

  /** Counted from the first byte on, so that bodies that never end are bounded too. */
  #answer(stream: ServerHttp2Stream, call: Call): void {
    this.#underWay++;
    const { timers, log = () => {} } = this.#options;
    const waitMs = Math.min(call.waitMs, this.#bounds.grpcAnswerMs);
    const cancel = timers.after(waitMs, () =>
      fail(stream, { code: grpcCodes.deadlineExceeded, message: 'not judged in time' }),
    );
    const end = (): void => {
      cancel();
      this.#underWay--;
    };
    readMessage(stream, this.#bounds.grpcMessageBytesMax, (message) => {
      if (message === undefined) return end();
      if ('code' in message) {
        end();
        return fail(stream, message);
      }
      return void call
        .method(message, call.peer)
        .then((answer) =>
          answer.ok ? succeed(stream, answer.value) : fail(stream, answer.refusal),
        )
        .catch((error: unknown) => {
          log({ type: 'handler_failed', error });
          fail(stream, { code: grpcCodes.internal, message: 'internal error' });
        })
        .finally(end);
    });
  }
}

interface Call {
  readonly method: GrpcMethod;
  readonly peer: string;
  /** What the caller grants. */
  readonly waitMs: number;
}

/** @returns the HTTP status for who does not speak gRPC */
function refuseHead(headers: IncomingHttpHeaders, bounds: GrpcLimits): number | undefined {
  if (headers[':method'] !== 'POST') return 405;
  if (!/^application\/grpc(?:\+proto)?(?:;|$)/.test(headers['content-type'] ?? '')) return 415;
  const length = Number(headers['content-length'] ?? 0);
  return length > bounds.grpcMessageBytesMax + frameHeadBytes ? 413 : undefined;
}

/** `grpc-timeout`: up to eight digits and a unit. What cannot be read grants nothing extra. */
function waitOf(text: string | string[] | undefined): number {
  const read = /^([0-9]{1,8})([HMSmun])$/.exec(String(text ?? ''));
  if (read === null) return Number.POSITIVE_INFINITY;
  const unitMs = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }[read[2]!] ?? 1;
  return Math.max(1, Math.ceil(Number(read[1]) * unitMs));
}

const frameHeadBytes = 5;

/**
 * Reads the one message of a unary call.
 *
 * @param done is called once: with undefined where the caller went away
 */
function readMessage(
  stream: ServerHttp2Stream,
  bytesMax: number,
  done: (message: Uint8Array | GrpcRefusal | undefined) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let isDone = false;
  const finish = (message: Uint8Array | GrpcRefusal | undefined): void => {
    if (isDone) return;
    isDone = true;
    done(message);
  };
  stream.on('data', (chunk: Buffer) => {
    if (isDone) return;
    bytes += chunk.length;
    if (bytes <= bytesMax + frameHeadBytes) chunks.push(chunk);
    else finish({ code: grpcCodes.resourceExhausted, message: 'the message is too large' });
  });
  stream.on('end', () => finish(unframe(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))));
  stream.on('close', () => finish(undefined));
}

/** A flag, four bytes of length, and the message: exactly one. */
function unframe(frame: Buffer): Uint8Array | GrpcRefusal {
  if (frame.length < frameHeadBytes || frame.readUInt32BE(1) !== frame.length - frameHeadBytes) {
    return { code: grpcCodes.invalidArgument, message: 'not one whole message' };
  }
  if (frame[0] === 0) return frame.subarray(frameHeadBytes);
  return { code: grpcCodes.unimplemented, message: 'compression is not understood' };
}

const responseHead = { ':status': 200, 'content-type': 'application/grpc' } as const;

function succeed(stream: ServerHttp2Stream, message: Uint8Array): void {
  if (stream.destroyed || stream.headersSent) return;
  const frame = Buffer.allocUnsafe(frameHeadBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, frameHeadBytes);
  stream.respond(responseHead, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(frame);
}

function fail(stream: ServerHttp2Stream, { code, message }: GrpcRefusal): void {
  if (stream.destroyed || stream.headersSent) return;
  const status = { 'grpc-status': String(code), 'grpc-message': message };
  stream.respond({ ...responseHead, ...status }, { endStream: true });
}

function bind(
  server: Http2Server | Http2SecureServer,
  { host, port }: Pick<GrpcOptions, 'host' | 'port'>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new ConfigFault('listen_failed', `cannot listen on ${host} port ${port}`, {
          cause,
          hint: 'another process may hold the port: stop it, or choose another port',
        }),
      ),
    );
    server.listen({ host, port }, resolve);
  });
}

async function drain(
  server: Http2Server | Http2SecureServer,
  sessions: ReadonlySet<ServerHttp2Session>,
  { timers, drainMs }: { readonly timers: Timers; readonly drainMs: number },
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const cut = (): void => {
    for (const session of sessions) session.destroy();
  };
  for (const session of sessions) session.close();
  const cancel = drainMs > 0 ? timers.after(drainMs, cut) : undefined;
  if (drainMs <= 0) cut();
  await closed;
  cancel?.();
}
