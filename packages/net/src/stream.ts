/**
 * The streaming face of the listener: for handlers that pass bodies on instead of holding them. The
 * ordinary face (`HttpHandler` in core) is built on the same vetted request.
 */
import type { Duplex, Readable } from 'node:stream';
import type { HttpRequest, HttpResponse } from '@mintmark/core';

export interface StreamRequest extends HttpRequest {
  /** Host header in lower case, with its port; undefined only in HTTP/1.0. */
  readonly host: string | undefined;
  /** The same as the client knows it: what a trusted proxy passes on in X-Forwarded-Host. */
  readonly externalHost: string | undefined;
  /** Bytes announced; 0 where there is no body. */
  readonly bodyLength: number | 'chunked';
  /** True where the client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** True where the client asks for a WebSocket; `switchProtocols` is then the way to grant it. */
  readonly websocket: boolean;
  /**
   * The body as it arrives; asking for it lifts the client's wait for `100 Continue`. A slow reader
   * slows the client. Errors with NetworkFault `client_gone`, `body_too_large`, `slow_body`.
   * Destroying it only stops the reading: the answer can still be given. Use either this or `body`.
   *
   * @param bytesMax more than these fail the stream
   */
  bodyStream(bytesMax: number): Readable;
  /** Trailer fields that came after a chunked body, name and value in turn; complete at its end. */
  trailers(): readonly string[];
}

/**
 * One answer, in the order: any number of `inform`, then either `respond`, or `head`, `write`…,
 * `end`, or `switchProtocols`. Calls after the client has gone do nothing.
 */
export interface StreamReply {
  /** True once a head was sent: from then on the only way to say "failed" is `abort`. */
  readonly started: boolean;
  /** Answers at once with a whole response. */
  respond(response: HttpResponse): void;
  /** Sends an interim answer (RFC 9110 §15.2), 102–199. Not sent to HTTP/1.0 clients. */
  inform(status: number, rawHeaders: readonly string[]): void;
  /**
   * Sends status and headers. Without `content-length` the body goes out chunked, or, to HTTP/1.0,
   * up to the close.
   *
   * @param rawHeaders name and value in turn, without hop-by-hop headers, which are the listener's.
   *   The reply keeps the array and may add to it
   */
  head(status: number, rawHeaders: string[]): void;
  /** @returns false where the caller should wait for `onDrain` before writing more */
  write(chunk: Uint8Array): boolean;
  /** Names the one function that is called when the client takes more again. */
  onDrain(run: () => void): void;
  /** Calls back where the client leaves before it has its whole answer. */
  onGone(run: () => void): void;
  /** Ends the body. @param trailers name and value in turn; sent only where the body is chunked */
  end(trailers?: readonly string[]): void;
  /** Closes the connection so that the client sees an incomplete answer. */
  abort(): void;
  /**
   * Answers 101 and hands over the raw connection; only where `request.websocket`. Bytes that the
   * client already sent are read from it first.
   */
  switchProtocols(rawHeaders: readonly string[]): Duplex;
}

/** What answers at the streaming face. A rejected promise is answered 500, or cuts the stream. */
export type StreamHandler = (
  request: StreamRequest,
  reply: StreamReply,
) => Promise<void> | undefined | void;
