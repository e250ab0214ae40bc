/** Writes answers onto a stream of HTTP/2. Its connection is the business of `sessions.ts`. */
import assert from 'node:assert';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { HttpResponse } from '@mintmark/core';
import { mergeExtra } from '../reply.ts';
import type { StreamReply } from '../stream.ts';
import { http2Fields, isUpgradeField } from './fields.ts';

export class Http2Reply implements StreamReply {
  readonly #stream: ServerHttp2Stream;
  readonly #extraHeaders: readonly string[];
  readonly #isHead: boolean;
  readonly #onAnswered: () => void;
  readonly #onGone: (run: () => void) => void;
  #started = false;
  /** The head, until it is known whether anything comes behind it. */
  #pending: { readonly status: number; readonly fields: string[] } | undefined;
  #trailers: readonly string[] = [];
  #canTrail = false;
  #aborted = false;

  constructor(
    stream: ServerHttp2Stream,
    parts: {
      /** Added to every answer: HSTS over TLS. Lower-case names. */
      readonly extraHeaders: readonly string[];
      readonly onGone: (run: () => void) => void;
      /** Called when the whole answer is written, trailers too. */
      readonly onAnswered: () => void;
      /** The answer to HEAD has no body, whatever its handler says. */
      readonly isHead: boolean;
    },
  ) {
    this.#stream = stream;
    this.#extraHeaders = parts.extraHeaders;
    this.#onGone = parts.onGone;
    this.#isHead = parts.isHead;
    this.#onAnswered = parts.onAnswered;
  }

  get started(): boolean {
    return this.#started;
  }

  respond({ status, headers, body }: HttpResponse): void {
    assert(!this.#started, 'a request is answered once');
    if (this.#stream.destroyed) return;
    const fields = [...this.#extraHeaders];
    for (const name in headers) {
      const value = headers[name]!;
      if (typeof value === 'string') fields.push(name, value);
      else for (const one of value) fields.push(name, one);
    }
    const length = typeof body === 'string' ? Buffer.byteLength(body) : (body?.length ?? 0);
    if (status !== 204 && status !== 304 && headers['content-length'] === undefined) {
      fields.push('content-length', String(length));
    }
    const bare = length === 0 || this.#isHead;
    this.#send(status, fields, { endStream: bare });
    if (!bare) this.#stream.end(body);
  }

  inform(status: number, rawHeaders: readonly string[]): void {
    if (this.#started || status === 101 || this.#stream.destroyed) return;
    const fields: Record<string, string | number> = { ':status': status };
    for (let i = 0; i < rawHeaders.length; i += 2) fields[rawHeaders[i]!] = rawHeaders[i + 1]!;
    this.#stream.additionalHeaders(fields);
  }

  head(status: number, fields: string[]): void {
    assert(!this.#started, 'a request is answered once');
    const merged = mergeExtra(fields, this.#extraHeaders);
    this.#started = true;
    this.#pending = { status, fields: merged };
    // An answer without a body must end with its head: gRPC reads its status there (Trailers-Only).
    process.nextTick(flush, this);
  }

  /** Sends the head, where nothing has sent it yet. */
  flush(endStream = false): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    if (this.#stream.destroyed) return;
    const { status, fields } = pending;
    try {
      this.#send(status, fields, { endStream });
    } catch {
      // The upstream's fields are such as HTTP/2 cannot carry.
      this.abort();
    }
  }

  write(chunk: Uint8Array): boolean {
    this.flush();
    if (this.#isHead) return true;
    return this.#stream.destroyed || this.#stream.write(chunk);
  }

  onDrain(run: () => void): void {
    this.#stream.on('drain', run);
  }

  onGone(run: () => void): void {
    this.#onGone(run);
  }

  end(trailers: readonly string[] = []): void {
    const stream = this.#stream;
    this.flush(trailers.length === 0);
    if (stream.destroyed || stream.writableEnded) return;
    this.#trailers = this.#canTrail ? trailers : [];
    stream.end();
  }

  abort(): void {
    this.#pending = undefined;
    this.#started = true;
    // Closing ends the writing first, and trailers would then make it an answer that is whole.
    this.#aborted = true;
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  /** A WebSocket is granted by 200 (RFC 8441 §5.1), and what proves a handshake is left out. */
  switchProtocols(rawHeaders: readonly string[]): Duplex {
    const fields = rawHeaders.filter((_, i) => !isUpgradeField(rawHeaders[i - (i % 2)]!));
    this.#send(200, fields, { endStream: false });
    return this.#stream;
  }

  #send(status: number, fields: readonly string[], { endStream }: { readonly endStream: boolean }) {
    const stream = this.#stream;
    const isBare = endStream || this.#isHead || status === 204 || status === 304;
    // A known length leaves no room for trailers in HTTP/1.1 either.
    this.#canTrail = !isBare && !hasLength(fields);
    this.#started = true;
    if (this.#canTrail) stream.once('wantTrailers', () => this.#sendTrailers());
    else stream.once('finish', this.#onAnswered);
    const waitForTrailers = this.#canTrail;
    stream.respond(http2Fields({ ':status': status }, fields), {
      endStream: isBare,
      waitForTrailers,
    });
  }

  #sendTrailers(): void {
    if (this.#stream.destroyed || this.#aborted) return;
    const fields: Record<string, string | string[]> = {};
    for (let i = 0; i < this.#trailers.length; i += 2) {
      fields[this.#trailers[i]!.toLowerCase()] = this.#trailers[i + 1]!;
    }
    try {
      this.#stream.sendTrailers(fields);
      this.#onAnswered();
    } catch {
      this.abort();
    }
  }
}

function flush(reply: Http2Reply): void {
  reply.flush();
}

function hasLength(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    if (name.length === 14 && name.toLowerCase() === 'content-length') return true;
  }
  return false;
}
