/**
 * From a parsed message to a handler's answer: one request at a time, and what becomes of the
 * connection after it. A request reaches its handler only after `vetHead` accepted its head.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { limits, type Timers } from '@mintmark/core';
import { type AnswerParts, answer } from './answer.ts';
import type { BodyPace } from './body-stream.ts';
import { type Connection, Exchange, openConnection, type PeerOptions } from './connection.ts';
import { type VettedHead, vetHead } from './head.ts';
import { ServerReply } from './reply.ts';
import { ServerRequest } from './request.ts';
import { terseBytes, terseResponse } from './terse.ts';

export interface ServiceParts extends AnswerParts {
  readonly timers: Timers;
  readonly peers: PeerOptions;
  readonly extraHeaders: readonly string[];
  readonly bodyPace: BodyPace;
  readonly stallMs: number;
}

/** The listeners of `node:http` events, with the connections that they share. */
export class Service {
  readonly #parts: ServiceParts;
  /** Every socket that carried a request, upgraded ones too, which the server itself forgets. */
  readonly #connections = new Map<Socket, Connection>();
  #draining = false;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  request(message: IncomingMessage, response: ServerResponse): void {
    const { socket } = message;
    const connection = this.#connectionOf(socket);
    const exchange = new Exchange({ connection, message, response, upgradeHead: undefined });
    if (connection.current === undefined) this.#serve(exchange);
    else if (connection.waiting.length < limits.pipelinedRequestsMax)
      connection.waiting.push(exchange);
    else socket.destroy();
  }

  /** Asked by the server before it hands a connection over; else the request is an ordinary one. */
  wantsUpgrade(message: IncomingMessage): boolean {
    if (this.#parts.streamHandler === undefined) return false;
    const upgrade = message.headers.upgrade?.toLowerCase();
    // Behind unanswered requests the answers would get out of order.
    return upgrade === 'websocket' && this.#connectionOf(message.socket).current === undefined;
  }

  upgrade(message: IncomingMessage, socket: Socket, upgradeHead: Buffer): void {
    const connection = this.#connectionOf(socket);
    const response = new ServerResponse(message);
    response.assignSocket(socket);
    socket.on('error', () => socket.destroy());
    connection.deaf = true;
    response.once('finish', () => socket.destroySoon());
    this.#serve(new Exchange({ connection, message, response, upgradeHead }));
  }

  /** CONNECT asks for a tunnel: there is none. */
  connect(socket: Socket): void {
    this.#refuseRaw(socket, terseBytes(405, 'method_not_allowed'));
  }

  clientError(error: Error & { code?: string }, socket: Socket): void {
    const connection = this.#connectionOf(socket);
    const status = statusOf(error.code);
    // The client left, within a request or before one.
    const left = error.code === 'ECONNRESET' || error.code === 'HPE_INVALID_EOF_STATE';
    if (left || !socket.writable) {
      socket.destroy();
      return;
    }
    const reason = error.code ?? 'client_error';
    this.#parts.log({ type: 'refused', reason, address: connection.peer.remoteAddress });
    const { current, waiting } = connection;
    const newest = waiting.at(-1) ?? current;
    if (newest?.message.complete === true) {
      // What came before the garbage is still answered, and the connection ends with it.
      connection.deaf = true;
      return;
    }
    if (waiting.length > 0 || current?.response.headersSent === true) {
      socket.destroy();
      return;
    }
    const code = status === 408 ? 'request_timeout' : 'malformed_request';
    this.#refuseRaw(socket, terseBytes(status, code));
  }

  /** Added to every answer: HSTS over TLS. Lower-case names. */
  get extraHeaders(): readonly string[] {
    return this.#parts.extraHeaders;
  }

  get stallMs(): number {
    return this.#parts.stallMs;
  }

  beginDrain(): void {
    this.#draining = true;
  }

  cutAll(): void {
    for (const socket of this.#connections.keys()) socket.destroy();
  }

  #connectionOf(socket: Socket): Connection {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    const connection = openConnection(socket, this.#parts.peers);
    this.#connections.set(socket, connection);
    socket.once('close', () => this.#connections.delete(socket));
    return connection;
  }

  #serve(exchange: Exchange): void {
    const { connection, message, response } = exchange;
    connection.current = exchange;
    const head = vetHead({
      method: message.method ?? '',
      target: message.url ?? '',
      version: message.httpVersion,
      rawHeaders: message.rawHeaders,
      parsedHeaders: message.headers,
    });
    exchange.cheapToDrain = head.ok && isCheapToDrain(head.value);
    response.on('close', () => this.#afterAnswer(exchange));
    const reply = new ServerReply(exchange, this);
    if (!head.ok) {
      const { reason, status } = head.refusal;
      connection.closing = true;
      this.#parts.log({ type: 'refused', reason, address: connection.peer.remoteAddress });
      reply.respond(terseResponse(status, reason));
      return;
    }
    const { bodyPace } = this.#parts;
    answer(this.#parts, new ServerRequest({ exchange, head: head.value, bodyPace }), reply);
  }

  /** Asked once, when a head goes out: whether the connection must close after this answer. */
  mustClose({ connection, message, cheapToDrain }: Exchange): boolean {
    const unread = !message.complete && !cheapToDrain;
    const isLast = connection.deaf && connection.waiting.length === 0;
    // A stream in both directions answers before the body has ended, and may go on after it.
    if (isLast || this.#draining || (unread && message.readableFlowing !== true)) {
      connection.closing = true;
    }
    if (connection.closing && unread) this.#lingerAfterAnswer(message.socket, connection);
    return connection.closing;
  }

  #afterAnswer(exchange: Exchange): void {
    const { connection, message, cheapToDrain } = exchange;
    const { socket } = message;
    exchange.ended();
    connection.current = undefined;
    // Already ended where the client said `Connection: close`: what it sent behind is not served.
    if (!socket.writable) return;
    // Node would read on, without a bound, what is left of a body that nobody wants.
    if (!message.complete && !cheapToDrain) {
      this.#linger(socket, connection);
      return;
    }
    if (!message.complete) this.#boundDrain(message);
    const next = connection.waiting.shift();
    if (next !== undefined && !connection.closing) this.#serve(next);
    // An answer whose head went out before the end was known could not say `close`.
    else if (connection.closing || connection.deaf || this.#draining) socket.destroySoon();
  }

  /** A short rest of a body is read, but not waited for. */
  #boundDrain(message: IncomingMessage): void {
    const cancel = this.#parts.timers.after(limits.lingerMs, () => message.socket.destroy());
    message.once('end', cancel).once('close', cancel);
  }

  /**
   * Node destroys the socket right after the answer. With unread bytes in the socket the kernel
   * then sends a reset, and the client may lose the answer that tells it why (RFC 9112 §9.6).
   */
  #lingerAfterAnswer(socket: Socket, connection: Connection): void {
    socket.destroySoon = () => this.#linger(socket, connection);
  }

  #refuseRaw(socket: Socket, answer: string): void {
    socket.on('error', () => socket.destroy());
    socket.write(answer);
    this.#linger(socket, this.#connectionOf(socket));
  }

  #linger(socket: Socket, connection: Connection): void {
    connection.closing = true;
    socket.end();
    socket.resume();
    socket.once(
      'close',
      this.#parts.timers.after(limits.lingerMs, () => socket.destroy()),
    );
  }
}

/** Where there is no body, or its rest is sooner read than a new connection made. */
function isCheapToDrain(head: VettedHead): boolean {
  const { bodyLength, expectsContinue } = head;
  return bodyLength !== 'chunked' && bodyLength <= limits.drainBytesMax && !expectsContinue;
}

function statusOf(code: string | undefined): 400 | 408 | 413 | 431 {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return 431;
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 413;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 408;
    default:
      return 400;
  }
}
