/**
 * Connections of HTTP/2 (RFC 9113): each request of theirs reaches the handler as the same vetted
 * request as one of HTTP/1.1. One connection can do here what took a thousand of them before, so
 * each has its own bounds: streams at once, streams that end before their answer (CVE-2023-44487,
 * CVE-2025-8671), pings and settings that ask for work, time without a request, answers that nobody
 * reads. What must never happen: memory that grows with what a client sends.
 */
import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { limits } from '@mintmark/core';
import { answer } from '../answer.ts';
import type { BodySource } from '../body-stream.ts';
import { type Connection, openConnection } from '../connection.ts';
import { type HeadRefusal, type VettedHead, vetHead } from '../head.ts';
import { type Carrier, ServerRequest } from '../request.ts';
import type { ServiceParts } from '../serve.ts';
import { terseResponse } from '../terse.ts';
import { readPseudo } from './pseudo.ts';
import { Http2Reply } from './reply.ts';

export interface SessionBounds {
  readonly headerBytesMax: number;
  readonly headersTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** Requests under way over all connections: what each may hold is bounded, so all of it is. */
  readonly streamsMax: number;
}

/** What is known of one connection beyond what both versions of HTTP share. */
interface Session {
  readonly session: ServerHttp2Session;
  readonly connection: Connection;
  readonly streams: Set<Stream>;
  /** Looks since which no request was under way. */
  idleLooks: number;
  served: boolean;
  /** Counted anew every `limits.http2WindowMs`. */
  resets: number;
  controls: number;
}

export class Http2Sessions {
  readonly #parts: ServiceParts;
  readonly #bounds: SessionBounds;
  readonly #sessions = new Set<Session>();
  readonly #stop: () => void;
  /** How often the connections are looked at. */
  readonly #lookMs: number;
  #streams = 0;
  #looks = 0;
  #draining = false;

  constructor(parts: ServiceParts, bounds: SessionBounds) {
    this.#parts = parts;
    this.#bounds = bounds;
    this.#lookMs = Math.min(1_000, bounds.headersTimeoutMs);
    this.#stop = parts.timers.every(this.#lookMs, () => this.#look());
  }

  /** @param socket with the preface of HTTP/2 still to be read from it */
  serve(socket: Socket): void {
    const session = performServerHandshake(socket, sessionOptions(this.#bounds));
    const entry: Session = {
      session,
      connection: openConnection(socket, this.#parts.peers),
      streams: new Set(),
      ...{ idleLooks: 0, served: false, resets: 0, controls: 0 },
    };
    this.#sessions.add(entry);
    // Servers of HTTP/1.1 let clients close their half; here nobody would notice that they went.
    socket.once('end', () => session.destroy());
    session.on('error', () => session.destroy());
    session.on('close', () => this.#sessions.delete(entry));
    session.on('stream', (stream, _headers, flags, rawHeaders: unknown) => {
      const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      this.#request(entry, stream, { rawHeaders: rawHeaders as string[], ended });
    });
    const control = (): void => this.#control(entry);
    session.on('ping', control).on('remoteSettings', control);
    if (this.#draining) session.close();
  }

  /** GOAWAY: what is under way is answered, and nothing new begins. */
  beginDrain(): void {
    this.#draining = true;
    for (const { session } of this.#sessions) session.close();
  }

  cutAll(): void {
    this.#stop();
    for (const { session } of this.#sessions) session.destroy();
  }

  #request(
    entry: Session,
    raw: ServerHttp2Stream,
    input: { readonly rawHeaders: readonly string[]; readonly ended: boolean },
  ): void {
    // Without a listener the failure of a stream would be the process's.
    raw.on('error', () => {});
    if (this.#streams >= this.#bounds.streamsMax) {
      raw.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    const { connection } = entry;
    const isTls = connection.peer.scheme === 'https';
    const head = vetStream({ ...input, isTls });
    const rawHeaders = head.ok ? head.rawHeaders : [];
    const websocket = head.ok && head.websocket;
    const { ended } = input;
    const stream = new Stream({ connection, stream: raw, rawHeaders, websocket, ended });
    this.#opened(entry, stream);
    const { extraHeaders, bodyPace } = this.#parts;
    const isHead = head.ok && head.head.method === 'HEAD';
    const reply = new Http2Reply(raw, {
      ...{ extraHeaders, isHead },
      onGone: (run) => stream.onGone(run),
      onAnswered: () => stream.answered(),
    });
    if (!head.ok) {
      const { reason, status } = head.refusal;
      this.#parts.log({ type: 'refused', reason, address: connection.peer.remoteAddress });
      reply.respond(terseResponse(status, reason));
      return;
    }
    const request = new ServerRequest({ exchange: stream, head: head.head, bodyPace });
    answer(this.#parts, request, reply);
  }

  #opened(entry: Session, stream: Stream): void {
    entry.streams.add(stream);
    entry.served = true;
    this.#streams++;
    stream.raw.once('close', () => {
      entry.streams.delete(stream);
      this.#streams--;
      if (entry.streams.size === 0) entry.idleLooks = 0;
      if (!stream.finished && ++entry.resets > limits.http2ResetsMax) this.#calm(entry, 'resets');
      stream.ended();
    });
  }

  #control(entry: Session): void {
    if (++entry.controls > limits.http2ControlsMax) this.#calm(entry, 'controls');
  }

  /** A client that makes work without wanting answers is told so, and cut. */
  #calm({ session, connection }: Session, kind: 'resets' | 'controls'): void {
    if (session.destroyed) return;
    const address = connection.peer.remoteAddress;
    this.#parts.log({ type: 'refused', reason: `http2_too_many_${kind}`, address });
    session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #look(): void {
    const lookMs = this.#lookMs;
    const begins = ++this.#looks % Math.ceil(limits.http2WindowMs / lookMs) === 0;
    const { headersTimeoutMs, keepAliveTimeoutMs } = this.#bounds;
    for (const entry of this.#sessions) {
      if (begins) {
        entry.resets = 0;
        entry.controls = 0;
      }
      for (const stream of entry.streams) stream.look(this.#parts.stallMs / lookMs);
      if (entry.streams.size > 0) continue;
      const idleMs = ++entry.idleLooks * lookMs;
      // One that never asked for anything is not kept as long as one that may ask again.
      if (!entry.served && idleMs > headersTimeoutMs) entry.session.destroy();
      else if (idleMs > keepAliveTimeoutMs) entry.session.close();
      // Whoever does not go when told to is shown out.
      if (idleMs > keepAliveTimeoutMs + headersTimeoutMs) entry.session.destroy();
    }
  }
}

function sessionOptions(bounds: SessionBounds) {
  return {
    settings: {
      maxConcurrentStreams: limits.http2StreamsPerConnectionMax,
      maxHeaderListSize: bounds.headerBytesMax,
      initialWindowSize: limits.http2WindowBytes,
      enableConnectProtocol: true,
      enablePush: false,
    },
    maxHeaderListPairs: limits.headerCountMax + 8,
    maxSessionMemory: limits.http2SessionMemoryMb,
    maxSessionInvalidFrames: limits.http2InvalidFramesMax,
    maxSettings: limits.http2SettingsMax,
    maxOutstandingPings: 4,
    // Both are the library's own answer to CVE-2023-44487; ours counts all streams that end early.
    streamResetBurst: limits.http2ResetsMax,
    streamResetRate: Math.ceil(limits.http2ResetsMax / (limits.http2WindowMs / 1_000)),
  };
}

type Vetted =
  | { readonly ok: false; readonly refusal: HeadRefusal }
  | {
      readonly ok: true;
      readonly head: VettedHead;
      readonly rawHeaders: readonly string[];
      readonly websocket: boolean;
    };

function vetStream(input: Parameters<typeof readPseudo>[0]): Vetted {
  const read = readPseudo(input);
  if (!read.ok) return read;
  const head = vetHead(read.value);
  if (!head.ok) return head;
  const { rawHeaders, websocket } = read.value;
  const handshake = head.value.headers['sec-websocket-version'] === '13';
  if (websocket && (head.value.bodyLength !== 0 || !handshake)) {
    return { ok: false, refusal: { reason: 'upgrade_refused', status: 400 } };
  }
  return { ok: true, head: head.value, rawHeaders, websocket };
}

/** One request and its answer. */
class Stream implements Carrier {
  readonly connection: Connection;
  readonly raw: ServerHttp2Stream;
  readonly rawHeaders: readonly string[];
  readonly websocket: boolean;
  trailers: readonly string[] = [];
  readonly #ended: boolean;
  /** Looks for which the last of the answer was unread. */
  #stalledLooks = 0;
  #unread = -1;
  #gone: (() => void)[] = [];

  constructor(parts: {
    readonly connection: Connection;
    readonly stream: ServerHttp2Stream;
    readonly rawHeaders: readonly string[];
    readonly websocket: boolean;
    /** The client sends no body. */
    readonly ended: boolean;
  }) {
    this.#ended = parts.ended;
    this.connection = parts.connection;
    this.raw = parts.stream;
    this.rawHeaders = parts.rawHeaders;
    this.websocket = parts.websocket;
    this.raw.once('trailers', (_headers, _flags, ...rest: unknown[]) => {
      if (Array.isArray(rest[0])) this.trailers = rest[0] as string[];
    });
  }

  get source(): BodySource {
    return this.raw;
  }

  /** The client has its whole answer. A reset ends what is written of it, as if it were whole. */
  get finished(): boolean {
    const { writableFinished, aborted, rstCode } = this.raw;
    return writableFinished && !aborted && rstCode === constants.NGHTTP2_NO_ERROR;
  }

  continue(): void {
    if (!this.raw.destroyed) this.raw.additionalHeaders({ ':status': 100 });
  }

  onGone(run: () => void): void {
    if (this.raw.destroyed) run();
    else this.#gone.push(run);
  }

  /** To be called when the whole answer is written. */
  answered(): void {
    // Nobody will read what is left of a body behind its answer (RFC 9113 §8.1).
    if (!this.#ended && !this.raw.readableEnded) this.raw.close(constants.NGHTTP2_NO_ERROR);
  }

  /** To be called when the stream has closed. */
  ended(): void {
    if (this.finished) return;
    for (const run of this.#gone) run();
  }

  /** A client may leave the rest of an answer unread for so long; progress starts it anew. */
  look(looksMax: number): void {
    const unread = this.raw.writableEnded ? this.raw.writableLength : -1;
    this.#stalledLooks = unread >= 0 && unread === this.#unread ? this.#stalledLooks + 1 : 0;
    this.#unread = unread;
    if (this.#stalledLooks > looksMax) this.raw.close(constants.NGHTTP2_CANCEL);
  }
}
