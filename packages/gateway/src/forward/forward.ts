/**
 * Passes an allowed request on and its answer back, both as they arrive: nothing is held but what
 * one socket buffer holds. Either side that goes away takes the other with it.
 */
import { Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { type Clock, nowSeconds, type Timers, type UnixSeconds } from '@mintmark/core';
import type { StreamReply, StreamRequest } from '@mintmark/net';
import type { Dispatcher } from 'undici';
import type { Metrics } from '../record/metrics.ts';
import { problem } from '../refusal.ts';
import { bodyBytesMaxOf, type CompiledRoute, type MatchedRoute } from '../routes/route-table.ts';
import { upstreamPathOf } from '../routes/upstream-path.ts';
import type { Identity } from '../verify/identity.ts';
import {
  clientHeaders,
  type ForwardedAs,
  type RawFields,
  textOf,
  upstreamHeaders,
} from './headers.ts';
import type { CutReason, LiveRequest, LiveRequests } from './live-requests.ts';
import type { UpstreamServer } from './upstream-server.ts';
import type { Upstream, Upstreams } from './upstreams.ts';

export interface ForwardParts {
  readonly upstreams: Upstreams;
  readonly live: LiveRequests;
  readonly metrics: Metrics;
  readonly clock: Pick<Clock, 'monotonicMs' | 'nowMs'>;
  readonly timers: Pick<Timers, 'after'>;
  readonly bodyBytesMax: number;
}

export interface ForwardInput {
  readonly request: StreamRequest;
  readonly reply: StreamReply;
  readonly matched: MatchedRoute;
  readonly as: ForwardedAs;
}

/** Starts forwarding; what becomes of it goes to the reply. */
export function forward(parts: ForwardParts, input: ForwardInput): void {
  const { request, reply, matched } = input;
  const query = request.query === undefined ? '' : `?${request.query}`;
  const options: Dispatcher.DispatchOptions = {
    path: upstreamPathOf(matched) + query,
    method: request.method,
    headers: upstreamHeaders(request, input.as),
    upgrade: request.websocket ? 'websocket' : null,
    ...timeoutsOf(matched.route),
    // Left out otherwise: the pool closes of itself behind an upgrade, for one.
    ...(hasUnexpectedBody(request) ? { reset: true } : {}),
  };
  const forwarding = new Forwarding(parts, input, options);
  reply.onGone(() => forwarding.clientGone());
  forwarding.start();
}

/** Those that the route sets for itself; the pool has the installation's. */
function timeoutsOf({
  bounds,
  plan,
}: CompiledRoute): Partial<Dispatcher.DispatchOptions> | undefined {
  const { idleTimeoutSeconds } = bounds;
  const headersTimeoutSeconds = plan.retries?.tryTimeoutSeconds ?? bounds.headersTimeoutSeconds;
  if (headersTimeoutSeconds === undefined && idleTimeoutSeconds === undefined) return undefined;
  return {
    ...(headersTimeoutSeconds === undefined
      ? {}
      : { headersTimeout: headersTimeoutSeconds * 1000 }),
    ...(idleTimeoutSeconds === undefined ? {} : { bodyTimeout: idleTimeoutSeconds * 1000 }),
  };
}

/**
 * A body that servers may not look for (RFC 9110 §9.3.1): one that passes over it would read the
 * rest as a request of its own, judged by nobody. Told to close, it reads no further.
 */
function hasUnexpectedBody({ method, bodyLength }: StreamRequest): boolean {
  return bodyLength !== 0 && !['POST', 'PUT', 'PATCH'].includes(method);
}

class Forwarding implements Dispatcher.DispatchHandler, LiveRequest {
  route: LiveRequest['route'];
  judgedBy: LiveRequest['judgedBy'];
  allowedBy: LiveRequest['allowedBy'];
  readonly request: StreamRequest;
  readonly identity: Identity | undefined;
  readonly address: string;
  readonly beganAt: UnixSeconds;
  place = -1;
  endless = false;
  stalledSinceMs: number | undefined;
  readonly #parts: ForwardParts;
  readonly #input: ForwardInput;
  readonly #options: Dispatcher.DispatchOptions;
  readonly #upstream: Upstream;
  #server: UpstreamServer | undefined;
  readonly #tried: UpstreamServer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  /** Of a try whose answer is not wanted any more. */
  #dropped: Dispatcher.DispatchController | undefined;
  #body: Readable | Buffer | undefined;
  #cancelTimeout = (): void => {};
  #sockets: readonly Duplex[] = [];
  #ended = false;
  #waitsForDrain = false;

  constructor(parts: ForwardParts, input: ForwardInput, options: Dispatcher.DispatchOptions) {
    this.#parts = parts;
    this.#input = input;
    this.#options = options;
    this.route = input.matched.route;
    this.request = input.request;
    this.identity = input.as.identity;
    this.address = input.request.remoteAddress;
    this.beganAt = nowSeconds(parts.clock);
    this.#upstream = parts.upstreams.to(this.route);
  }

  start(): void {
    // The client left while it was judged: nobody would take it off the list again.
    if (this.#ended) return;
    const { request } = this.#input;
    this.#parts.live.add(this);
    const { timeoutSeconds } = this.route.plan;
    if (timeoutSeconds !== undefined && !request.websocket) {
      this.#cancelTimeout = this.#parts.timers.after(timeoutSeconds * 1_000, () => this.#late());
    }
    if (request.bodyLength === 0) this.#dispatch();
    else if (this.#holdsBody()) void this.#readBody();
    else {
      this.#body = request.bodyStream(bodyBytesMaxOf(this.route, this.#parts));
      this.#dispatch();
    }
  }

  /** Only where it may be sent twice, and is short: everything else streams. */
  #holdsBody(): boolean {
    const { method, bodyLength } = this.#input.request;
    const most = this.route.plan.retries?.bodyBytesMax ?? 0;
    return bodyLength !== 'chunked' && bodyLength <= most && ['PUT', 'DELETE'].includes(method);
  }

  async #readBody(): Promise<void> {
    const { bodyBytesMax } = this.route.plan.retries!;
    try {
      const body = await this.#input.request.body(bodyBytesMax);
      if (body === 'too_large') this.#refuse(413, 'body_too_large');
      else if (!this.#ended) {
        this.#body = Buffer.from(body);
        this.#dispatch();
      }
    } catch {
      this.#refuse(408, 'request_timeout');
    }
  }

  #dispatch(): void {
    const server = this.#upstream.choose(this.#tried);
    if (server === undefined) {
      this.#parts.metrics.count('mintmark_gateway_upstream_failures_total', 'upstream_down');
      this.#refuse(503, 'upstream_down');
      return;
    }
    this.#server = server;
    this.#tried.push(server);
    this.#upstream.sent(server);
    const options =
      this.#body === undefined ? this.#options : { ...this.#options, body: this.#body };
    if (server.dispatch(options, this)) return;
    this.#judged('nothing');
    this.#refuse(503, 'upstream_busy');
  }

  #late(): void {
    if (this.#ended) return;
    this.#parts.metrics.count('mintmark_gateway_upstream_failures_total', 'upstream_timeout');
    this.#judged(this.#waitsForClient() ? 'nothing' : 'bad');
    const { reply } = this.#input;
    if (!this.#end()) return;
    if (reply.started) reply.abort();
    else reply.respond(problem(504, 'upstream_timeout'));
    this.#stop(new Error('the answer takes too long'));
  }

  /** Whoever sends or reads slowly must not close a server to all others. */
  #waitsForClient(): boolean {
    const sends = this.#body instanceof Readable && !this.#body.readableEnded;
    return sends || this.stalledSinceMs !== undefined;
  }

  #judged(verdict: 'good' | 'bad' | 'nothing'): void {
    if (this.#server !== undefined) this.#upstream.judged(this.#server, verdict);
  }

  clientGone(): void {
    if (this.#end()) this.#stop(new Error('the client has gone'));
  }

  cut(reason: CutReason): void {
    this.#parts.metrics.count('mintmark_gateway_streams_cut_total', reason);
    if (!this.#end()) return;
    for (const socket of this.#sockets) socket.destroy();
    if (this.#input.reply.started) this.#input.reply.abort();
    else this.#input.reply.respond(problem(503, `cut_${reason}`));
    this.#stop(new Error(`cut: ${reason}`));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#ended) controller.abort(new Error('the client has gone'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const raw = controller.rawHeaders as RawFields;
    const { request, reply } = this.#input;
    if (status < 200) {
      reply.inform(
        status,
        clientHeaders(raw, { status, credentialed: false, withTrailers: false }),
      );
      return;
    }
    if (this.#asksAgainFor(status)) {
      this.#dropped = controller;
      controller.abort(new Error(`asked again after ${status}`));
      this.#judged('bad');
      this.#again();
      return;
    }
    this.#judged(status < 500 ? 'good' : 'bad');
    this.endless = isEventStream(raw);
    const credentialed = this.#input.matched.route.credential !== 'none';
    const withTrailers = hasTrailers(raw) && request.method !== 'HEAD';
    reply.head(status, clientHeaders(raw, { status, credentialed, withTrailers }));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { reply } = this.#input;
    if (reply.write(chunk)) return;
    if (!this.#waitsForDrain) {
      this.#waitsForDrain = true;
      reply.onDrain(() => {
        this.stalledSinceMs = undefined;
        controller.resume();
      });
    }
    this.stalledSinceMs = this.#parts.clock.monotonicMs();
    controller.pause();
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (!this.#end()) return;
    const trailers = controller.rawTrailers as RawFields | null | undefined;
    const { reply } = this.#input;
    if (trailers === null || trailers === undefined || trailers.length === 0) reply.end();
    else reply.end(clientTrailers(trailers));
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    upstreamSocket: Duplex,
  ): void {
    const raw = controller.rawHeaders as RawFields;
    const headers = clientHeaders(raw, { status, credentialed: false, withTrailers: false });
    const clientSocket = this.#input.reply.switchProtocols(headers);
    this.#judged('good');
    this.endless = true;
    this.#sockets = [clientSocket, upstreamSocket];
    // What one side sent last still reaches the other: a close frame tells why.
    const finish = (): void => {
      this.#end();
      for (const socket of this.#sockets) closeSoon(socket);
    };
    for (const socket of this.#sockets) socket.on('error', finish).on('close', finish);
    clientSocket.pipe(upstreamSocket);
    this.#pump(upstreamSocket, clientSocket);
  }

  /** As `pipe`, and notes since when the client does not read. */
  #pump(from: Duplex, to: Duplex): void {
    from.on('data', (chunk: Buffer) => {
      if (to.write(chunk)) return;
      from.pause();
      this.stalledSinceMs ??= this.#parts.clock.monotonicMs();
    });
    to.on('drain', () => {
      this.stalledSinceMs = undefined;
      from.resume();
    });
    from.once('end', () => to.end());
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#ended || (this.#dropped !== undefined && controller === this.#dropped)) return;
    const { status, code, blame } = failureOf(error);
    // A WebSocket is asked for by HTTP/1.1: of a server that need not speak it, it says nothing.
    const { request } = this.#input;
    const isAside = request.websocket && this.route.plan.protocol !== 'http1';
    this.#judged(blame === 'upstream' && !isAside ? 'bad' : 'nothing');
    if (blame === 'upstream' && this.#mayRetry(error)) {
      this.#again();
      return;
    }
    if (blame === 'upstream') {
      this.#parts.metrics.count('mintmark_gateway_upstream_failures_total', code);
    }
    this.#refuse(status, code);
  }

  #again(): void {
    this.#parts.metrics.count('mintmark_gateway_upstream_retries_total');
    this.#server?.release();
    this.#server = undefined;
    this.#controller = undefined;
    this.#dispatch();
  }

  /**
   * Only where it cannot have been acted on twice, or may be: a method that may be repeated (RFC
   * 9110 §9.2.2), without a body or with one that is held, and before a byte of an answer. Where
   * the route asks for no more, once, on a kept-alive connection that the upstream had just closed.
   */
  #mayRetry(error: Error): boolean {
    const { retries } = this.route.plan;
    if (!this.#isRepeatable()) return false;
    const closed = lostConnection.has((error as { code?: string }).code ?? '');
    if (retries === undefined) {
      return closed && this.#tried.length === 1 && safe.has(this.#input.request.method);
    }
    return this.#tried.length <= retries.attempts && this.#upstream.takeRetry();
  }

  #asksAgainFor(status: number): boolean {
    const { retries } = this.route.plan;
    if (retries === undefined || !retries.statuses.includes(status)) return false;
    const left = this.#tried.length <= retries.attempts && this.#isRepeatable();
    return left && this.#upstream.takeRetry();
  }

  #isRepeatable(): boolean {
    const { request, reply } = this.#input;
    if (reply.started || request.websocket) return false;
    if (this.#body === undefined) return repeatable.has(request.method);
    return this.#body instanceof Buffer;
  }

  #refuse(status: number, code: string): void {
    if (this.#end()) this.#answer(status, code);
  }

  #answer(status: number, code: string): void {
    const { reply } = this.#input;
    if (reply.started) reply.abort();
    else reply.respond(problem(status, code));
  }

  /** @returns false where it had ended before */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#cancelTimeout();
    this.#parts.live.remove(this);
    this.#server?.release();
    return true;
  }

  #stop(reason: Error): void {
    this.#judged('nothing');
    this.#controller?.abort(reason);
    if (this.#body instanceof Readable) this.#body.destroy();
  }
}

const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const repeatable: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE', 'PUT']);

/** The upstream had not begun with the request, or had closed before it came. */
const lostConnection: ReadonlySet<string> = new Set([
  'UND_ERR_SOCKET',
  'ECONNRESET',
  'EPIPE',
  'upstream_refused',
]);

function closeSoon(socket: Duplex): void {
  if (socket instanceof Socket) socket.destroySoon();
  else socket.end();
}

interface Failure {
  readonly status: 408 | 413 | 502 | 504;
  readonly code: string;
  readonly blame: 'client' | 'upstream';
}

function failureOf(error: Error): Failure {
  switch ((error as { code?: string }).code) {
    case 'body_too_large':
      return { status: 413, code: 'body_too_large', blame: 'client' };
    case 'client_gone':
    case 'slow_body':
      return { status: 408, code: 'request_timeout', blame: 'client' };
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return { status: 504, code: 'upstream_timeout', blame: 'upstream' };
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'EHOSTUNREACH':
    case 'EAI_AGAIN':
      return { status: 502, code: 'upstream_unreachable', blame: 'upstream' };
    default:
      return { status: 502, code: 'upstream_failed', blame: 'upstream' };
  }
}

function isEventStream(raw: RawFields): boolean {
  return headerOf(raw, 'content-type')?.startsWith('text/event-stream') === true;
}

/** A trailer is announced, and the body is chunked, so that one can follow. */
function hasTrailers(raw: RawFields): boolean {
  return headerOf(raw, 'trailer') !== undefined && headerOf(raw, 'content-length') === undefined;
}

function headerOf(raw: RawFields, name: string): string | undefined {
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]!.length !== name.length) continue;
    if (textOf(raw[i]!).toLowerCase() === name) return textOf(raw[i + 1]!);
  }
  return undefined;
}

/** Fields that may not come behind the body (RFC 9110 §6.5.1) are left out. */
function clientTrailers(raw: RawFields): string[] {
  const out: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = textOf(raw[i]!);
    if (!forbiddenTrailers.has(name.toLowerCase())) out.push(name, textOf(raw[i + 1]!));
  }
  return out;
}

const forbiddenTrailers: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'host',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'vary',
  'www-authenticate',
]);
