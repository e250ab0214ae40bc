/** One request to an upstream by HTTP/2, told to its handler as undici's dispatcher tells it. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { Readable } from 'node:stream';
import { http2Fields } from '@mintmark/net';
import type { Dispatcher } from 'undici';
import { failure, failureOfStream } from './http2-failure.ts';

export interface ExchangeTimes {
  readonly headersTimeoutMs: number;
  readonly bodyIdleMs: number;
}

export class Http2Exchange implements Dispatcher.DispatchController {
  rawHeaders: string[] = [];
  rawTrailers: string[] = [];
  reason: Error | null = null;
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #times: ExchangeTimes;
  #stream: ClientHttp2Stream | undefined;
  #body: Readable | undefined;
  #ended = false;

  constructor(handler: Dispatcher.DispatchHandler, times: ExchangeTimes) {
    this.#handler = handler;
    this.#times = times;
  }

  get aborted(): boolean {
    return this.reason !== null;
  }

  get paused(): boolean {
    return this.#stream?.isPaused() ?? false;
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  abort(reason: Error): void {
    this.reason = reason;
    this.#ended = true;
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  }

  /** @param closed is called once, when the stream is no more */
  send(session: ClientHttp2Session, options: Dispatcher.DispatchOptions, closed: () => void): void {
    const { onRequestStart } = this.#handler;
    onRequestStart?.call(this.#handler, this, null);
    if (this.aborted) {
      closed();
      return;
    }
    const { body: given } = options;
    const body = given instanceof Readable ? given : undefined;
    const hasBody = body !== undefined || given instanceof Buffer;
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(fieldsOf(options), { endStream: !hasBody });
    } catch (error) {
      closed();
      this.#fail(error as Error);
      return;
    }
    this.#stream = stream;
    this.#body = body;
    stream.once('close', () => {
      closed();
      this.#fail(failureOfStream(stream));
    });
    this.#listen(stream);
    if (given instanceof Buffer) stream.end(given);
    if (body === undefined) return;
    body.once('error', (error) => {
      stream.close(constants.NGHTTP2_CANCEL);
      this.#fail(error);
    });
    body.pipe(stream);
  }

  #listen(stream: ClientHttp2Stream): void {
    const { headersTimeoutMs, bodyIdleMs } = this.#times;
    stream.setTimeout(headersTimeoutMs, () => this.#late(stream));
    // Their cause is the connection's; what ends without one is told by `close`.
    stream.on('error', (error) => this.#fail(named(error, stream)));
    stream.on('headers', (_fields, _flags, raw: unknown) => this.#head(raw as string[], false));
    stream.on('response', (_fields, flags, raw: unknown) => {
      stream.setTimeout(bodyIdleMs);
      this.#head(raw as string[], (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0);
    });
    stream.on('data', (chunk: Buffer) => {
      if (!this.#ended) this.#handler.onResponseData?.(this, chunk);
    });
    stream.on('trailers', (_fields, _flags, raw: unknown) => {
      this.rawTrailers = raw as string[];
    });
    stream.on('end', () => {
      // A stream that was reset ends like one that is whole.
      if (stream.rstCode === constants.NGHTTP2_NO_ERROR) this.#finish();
    });
  }

  #head(raw: string[], isWhole: boolean): void {
    if (this.#ended) return;
    const status = Number(raw[raw.indexOf(':status') + 1]);
    this.rawHeaders = withoutPseudo(raw);
    try {
      this.#handler.onResponseStart?.(this, status, {});
    } catch (error) {
      this.#stream?.close(constants.NGHTTP2_CANCEL);
      this.#fail(error as Error);
      return;
    }
    if (isWhole) this.#finish();
  }

  #late(stream: ClientHttp2Stream): void {
    // Nobody reads: that is the client's pause, not the upstream's.
    if (stream.isPaused()) return;
    stream.close(constants.NGHTTP2_CANCEL);
    const begun = this.rawHeaders.length > 0;
    const code = begun ? 'UND_ERR_BODY_TIMEOUT' : 'UND_ERR_HEADERS_TIMEOUT';
    this.#fail(failure(code, 'the upstream took too long'));
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#handler.onResponseEnd?.(this, {});
    // It answered without waiting for the rest.
    if (this.#body?.readableEnded === false) this.#body.destroy();
  }

  #fail(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#handler.onResponseError?.(this, error);
  }
}

function named(error: Error, stream: ClientHttp2Stream): Error {
  return stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ? failureOfStream(stream) : error;
}

function withoutPseudo(raw: readonly string[]): string[] {
  return raw.filter((_, i) => !raw[i - (i % 2)]!.startsWith(':'));
}

function fieldsOf({ method, path, headers }: Dispatcher.DispatchOptions): OutgoingHttpHeaders {
  const raw = headers as readonly string[];
  const isHost = (name: string): boolean => name.toLowerCase() === 'host';
  const at = raw.findIndex((name, i) => i % 2 === 0 && isHost(name));
  const authority = at === -1 ? {} : { ':authority': raw[at + 1]! };
  const rest = raw.filter((_, i) => !isHost(raw[i - (i % 2)]!));
  return http2Fields({ ':method': method, ':path': path, ...authority }, rest);
}
