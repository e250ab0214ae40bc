/**
 * A request whose body was read whole before it goes on, because something had to look at it. What
 * is held is bounded for each body and for all of them together.
 */
import { Readable } from 'node:stream';
import { type HttpResponse, limits, type NetworkFault } from '@mintmark/core';
import type { StreamReply, StreamRequest } from '@mintmark/net';
import { WrappedReply } from '../forward/wrapped-reply.ts';
import type { Refusal } from '../refusal.ts';

/** Bytes that this process holds of bodies and answers, all together. */
export class HeldBytes {
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns false where there is no room; nothing is taken then */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > limits.heldBytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}

export class HeldRequest implements StreamRequest {
  readonly #request: StreamRequest;
  readonly #held: Uint8Array;
  #giveBack: (() => void) | undefined;

  /** @param giveBack called once, when nothing needs the body any more */
  constructor(request: StreamRequest, held: Uint8Array, giveBack: () => void) {
    this.#request = request;
    this.#held = held;
    this.#giveBack = giveBack;
  }

  get bytes(): Uint8Array {
    return this.#held;
  }

  /** To be called when the request is answered, or gone; again does nothing. */
  release(): void {
    this.#giveBack?.();
    this.#giveBack = undefined;
  }

  get method() {
    return this.#request.method;
  }
  get path() {
    return this.#request.path;
  }
  get query() {
    return this.#request.query;
  }
  get rawHeaders() {
    return this.#request.rawHeaders;
  }
  get remoteAddress() {
    return this.#request.remoteAddress;
  }
  get peerAddress() {
    return this.#request.peerAddress;
  }
  get scheme() {
    return this.#request.scheme;
  }
  get peerCertificate() {
    return this.#request.peerCertificate;
  }
  get signal() {
    return this.#request.signal;
  }
  get host() {
    return this.#request.host;
  }
  get externalHost() {
    return this.#request.externalHost;
  }
  get bodyLength() {
    return this.#request.bodyLength;
  }
  get expectsContinue() {
    return this.#request.expectsContinue;
  }
  get websocket() {
    return this.#request.websocket;
  }

  header(name: string): string | undefined {
    return this.#request.header(name);
  }

  async body(bytesMax: number): Promise<Uint8Array | 'too_large'> {
    return this.#held.length > bytesMax ? 'too_large' : this.#held;
  }

  bodyStream(_bytesMax: number): Readable {
    return Readable.from(this.#held.length === 0 ? [] : [this.#held]);
  }

  trailers(): readonly string[] {
    return this.#request.trailers();
  }
}

/**
 * Reads the body of a request whole.
 *
 * @returns the request with its body, which counts until it is released; or why it cannot be held
 */
export async function holdBody(
  request: StreamRequest,
  { held, bytesMax }: { readonly held: HeldBytes; readonly bytesMax: number },
): Promise<HeldRequest | Refusal> {
  const parts: Uint8Array[] = [];
  let taken = 0;
  const giveBack = (): void => held.giveBack(taken);
  const stream = request.bodyStream(bytesMax);
  try {
    for await (const part of stream as AsyncIterable<Uint8Array>) {
      if (!held.take(part.length)) {
        giveBack();
        stream.destroy();
        return { reason: 'bodies_full' };
      }
      taken += part.length;
      parts.push(part);
    }
  } catch (error) {
    giveBack();
    const { code } = error as Partial<NetworkFault>;
    return { reason: code === 'body_too_large' ? code : 'request_timeout' };
  }
  return new HeldRequest(request, Buffer.concat(parts), giveBack);
}

/** The reply to a request that is held: with its end the body goes. */
export class ReleasingReply extends WrappedReply {
  readonly #held: HeldRequest;

  constructor(reply: StreamReply, held: HeldRequest) {
    super(reply);
    this.#held = held;
  }

  override respond(answer: HttpResponse): void {
    this.#held.release();
    super.respond(answer);
  }

  override end(trailers?: readonly string[]): void {
    this.#held.release();
    super.end(trailers);
  }

  override abort(): void {
    this.#held.release();
    super.abort();
  }

  override onGone(run: () => void): void {
    super.onGone(() => {
      this.#held.release();
      run();
    });
  }
}
