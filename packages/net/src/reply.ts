/**
 * Writes answers over `node:http` objects. The connection's own business (keep-alive, what happens
 * to a body that nobody read, HSTS) is settled here, so that handlers cannot forget it.
 */
import assert from 'node:assert';
import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { HttpResponse } from '@mintmark/core';
import type { Exchange } from './connection.ts';
import type { StreamReply } from './stream.ts';

/** What a reply asks of the service that it belongs to. */
export interface ReplyHost {
  /** Added to every answer: HSTS over TLS. Lower-case names. */
  readonly extraHeaders: readonly string[];
  /**
   * Asked once, when the head goes out: whether the connection must close after this answer.
   */
  mustClose(exchange: Exchange): boolean;
  /** How long a client may leave the rest of an answer unread. */
  readonly stallMs: number;
}

export class ServerReply implements StreamReply {
  readonly #exchange: Exchange;
  readonly #host: ReplyHost;
  readonly #response: ServerResponse;
  #hasBegunBody = false;

  constructor(exchange: Exchange, host: ReplyHost) {
    this.#exchange = exchange;
    this.#host = host;
    this.#response = exchange.response;
  }

  get started(): boolean {
    return this.#response.headersSent;
  }

  respond(answer: HttpResponse): void {
    const { status, headers, body } = answer;
    const fields = this.#host.extraHeaders.slice();
    for (const name in headers) {
      const value = headers[name]!;
      if (typeof value === 'string') fields.push(name, value);
      else for (const one of value) fields.push(name, one);
    }
    if (status !== 204 && status !== 304 && headers['content-length'] === undefined) {
      const length = typeof body === 'string' ? Buffer.byteLength(body) : (body?.length ?? 0);
      fields.push('content-length', String(length));
    }
    this.#writeHead(status, fields);
    this.#response.end(body);
    this.#boundStall();
  }

  inform(status: number, rawHeaders: readonly string[]): void {
    const response = this.#response;
    if (this.#exchange.message.httpVersion === '1.0' || response.headersSent) return;
    if (status === 101 || response.destroyed) return;
    response.writeInformation(status, rawHeaders as string[]);
  }

  head(status: number, fields: string[]): void {
    const { extraHeaders } = this.#host;
    this.#writeHead(status, extraHeaders.length === 0 ? fields : mergeExtra(fields, extraHeaders));
    // Without the flush the head would wait for the first byte of the body, which may be long in
    // coming; one tick later, so that a body that is already here travels in the same packet.
    process.nextTick(flush, this);
  }

  /** Sends the head, where nothing has been written behind it yet. */
  flush(): void {
    if (!this.#hasBegunBody && !this.#response.destroyed) this.#response.flushHeaders();
  }

  write(chunk: Uint8Array): boolean {
    this.#hasBegunBody = true;
    return this.#response.destroyed || this.#response.write(chunk);
  }

  onDrain(run: () => void): void {
    this.#response.on('drain', run);
  }

  onGone(run: () => void): void {
    this.#exchange.onGone(run);
  }

  end(trailers: readonly string[] = []): void {
    const response = this.#response;
    this.#hasBegunBody = true;
    if (response.destroyed) return;
    if (trailers.length > 0 && response.chunkedEncoding) {
      const pairs: [string, string][] = [];
      for (let i = 0; i < trailers.length; i += 2) pairs.push([trailers[i]!, trailers[i + 1]!]);
      response.addTrailers(pairs);
    }
    response.end();
    this.#boundStall();
  }

  abort(): void {
    this.#response.destroy();
  }

  switchProtocols(rawHeaders: readonly string[]): Duplex {
    const { message, upgradeHead } = this.#exchange;
    assert(upgradeHead !== undefined, 'switchProtocols: the client did not ask for it');
    const fields = ['connection', 'Upgrade', 'upgrade', 'websocket', ...rawHeaders];
    this.#response.writeHead(101, fields);
    this.#response.flushHeaders();
    this.#response.detachSocket(message.socket);
    if (upgradeHead.length > 0) message.socket.unshift(upgradeHead);
    return message.socket;
  }

  /**
   * Nothing else looks after an answer that is written whole: what the client does not read of it
   * would hold the connection for ever, and with it those that wait behind. Progress starts the
   * time anew.
   */
  #boundStall(): void {
    const { socket } = this.#exchange.message;
    if (socket.writableLength === 0) return;
    const cut = (): void => void socket.destroy();
    socket.setTimeout(this.#host.stallMs, cut);
    // Before the server's own listener, which gives the connection its idle time.
    this.#response.prependOnceListener('finish', () => {
      socket.setTimeout(0);
      socket.off('timeout', cut);
    });
  }

  #writeHead(status: number, fields: string[]): void {
    const response = this.#response;
    assert(!response.headersSent, 'a request is answered once');
    if (this.#host.mustClose(this.#exchange)) fields.push('connection', 'close');
    // Named here, because a head that failed would leave its own words behind.
    response.writeHead(status, STATUS_CODES[status] ?? 'Unknown', fields);
  }
}

function flush(reply: ServerReply): void {
  reply.flush();
}

/** Headers that are already there, an upstream's own HSTS for one, are not said twice. */
export function mergeExtra(raw: readonly string[], extra: readonly string[]): string[] {
  const merged = [...raw];
  for (let i = 0; i < extra.length; i += 2) {
    const name = extra[i]!;
    if (!raw.some((text, at) => at % 2 === 0 && text.toLowerCase() === name)) {
      merged.push(name, extra[i + 1]!);
    }
  }
  return merged;
}
