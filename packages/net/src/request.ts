/**
 * A vetted request, of whichever version of HTTP brought it: nothing behind this file knows which.
 * What costs something is made when it is asked for: most requests need neither an abort signal nor
 * a forwarded address.
 */
import assert from 'node:assert';
import type { Readable } from 'node:stream';
import { NetworkFault, type PeerCertificate } from '@mintmark/core';
import { type BodyPace, type BodySource, detachedBody, onBodyEnd } from './body-stream.ts';
import type { Connection } from './connection.ts';
import { type ForwardedView, resolveForwarded } from './forwarded.ts';
import type { VettedHead } from './head.ts';
import { certificateOfHeader } from './peer-certificate.ts';
import type { StreamRequest } from './stream.ts';

const emptyBody = new Uint8Array(0);

/** One request and its answer, as one version of HTTP carries them. */
export interface Carrier {
  readonly connection: Connection;
  /** Name and value in turn, without pseudo-headers. */
  readonly rawHeaders: readonly string[];
  readonly websocket: boolean;
  readonly source: BodySource;
  readonly trailers: readonly string[];
  /** Lifts the client's wait for `100 Continue`. */
  continue(): void;
  /** Names what is called when the client goes before it has its whole answer. */
  onGone(run: () => void): void;
}

export interface RequestParts {
  readonly exchange: Carrier;
  readonly head: VettedHead;
  /** How fast a streamed body must come. */
  readonly bodyPace: BodyPace;
}

export class ServerRequest implements StreamRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string | undefined;
  readonly rawHeaders: readonly string[];
  readonly #parts: RequestParts;
  #bodyTaken = false;
  #forwarded: ForwardedView | undefined;
  #abort: AbortController | undefined;

  constructor(parts: RequestParts) {
    this.method = parts.head.method;
    this.path = parts.head.path;
    this.query = parts.head.query;
    this.rawHeaders = parts.exchange.rawHeaders;
    this.#parts = parts;
  }

  header(name: string): string | undefined {
    return this.#parts.head.headers[name];
  }

  get host(): string | undefined {
    return this.#parts.head.host;
  }

  get bodyLength(): number | 'chunked' {
    return this.#parts.head.bodyLength;
  }

  get expectsContinue(): boolean {
    return this.#parts.head.expectsContinue;
  }

  get websocket(): boolean {
    return this.#parts.exchange.websocket;
  }

  get remoteAddress(): string {
    return this.#view().remoteAddress;
  }

  get peerAddress(): string {
    return this.#parts.exchange.connection.peer.remoteAddress;
  }

  get scheme(): 'http' | 'https' {
    return this.#view().scheme;
  }

  get externalHost(): string | undefined {
    return this.#view().host ?? this.host;
  }

  get peerCertificate(): PeerCertificate | undefined {
    const { connection } = this.#parts.exchange;
    const { header } = connection;
    if (header === undefined) return connection.peerCertificate();
    return certificateOfHeader(this.#parts.head.headers[header.name], header);
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController();
      this.#abort = abort;
      this.#parts.exchange.onGone(() => abort.abort());
    }
    return this.#abort.signal;
  }

  bodyStream(bytesMax: number): Readable {
    this.#takeBody();
    const { exchange, bodyPace: pace } = this.#parts;
    return detachedBody(exchange.source, { bytesMax, pace });
  }

  trailers(): readonly string[] {
    return this.#parts.exchange.trailers;
  }

  body(bytesMax: number): Promise<Uint8Array | 'too_large'> {
    const { bodyLength } = this.#parts.head;
    if (bodyLength === 0) return Promise.resolve(emptyBody);
    if (bodyLength !== 'chunked' && bodyLength > bytesMax) return Promise.resolve('too_large');
    this.#takeBody();
    return collect(this.#parts.exchange.source, bytesMax);
  }

  #takeBody(): void {
    assert(!this.#bodyTaken, 'the body of a request is read once');
    this.#bodyTaken = true;
    const { head, exchange } = this.#parts;
    if (head.bodyLength !== 0 && head.expectsContinue) exchange.continue();
  }

  #view(): ForwardedView {
    const { exchange, head } = this.#parts;
    const { connection } = exchange;
    if (connection.trusted === undefined) return connection.peer;
    this.#forwarded ??= resolveForwarded({
      peer: connection.peer,
      trusted: connection.trusted,
      forwardedFor: head.headers['x-forwarded-for'],
      forwardedProto: head.headers['x-forwarded-proto'],
      forwardedHost: head.headers['x-forwarded-host'],
    });
    return this.#forwarded;
  }
}

function collect(message: BodySource, bytesMax: number): Promise<Uint8Array | 'too_large'> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    message.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        message.removeAllListeners('data');
        message.pause();
        for (const one of [...chunks, chunk]) one.fill(0);
        resolve('too_large');
        return;
      }
      chunks.push(chunk);
    });
    const whole = (): void => {
      const joined = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      // Whoever clears the body after reading it must not find that its pieces stay behind.
      if (chunks.length > 1) for (const chunk of chunks) chunk.fill(0);
      resolve(joined);
    };
    const left = (cause?: unknown): void =>
      reject(new NetworkFault('client_gone', 'the client left before its body ended', { cause }));
    onBodyEnd(message, { whole, left });
  });
}
