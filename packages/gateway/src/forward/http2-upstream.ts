/**
 * HTTP/2 towards an upstream: requests share a few connections, and speak to their handler as the
 * pool of HTTP/1.1 does, so that whoever forwards need not know which it is. A connection takes new
 * requests until the upstream says that it goes; what it had not begun then may be asked again.
 */
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { limits, type Timers } from '@mintmark/core';
import type { Dispatcher } from 'undici';
import { Http2Exchange } from './http2-exchange.ts';
import { failure } from './http2-failure.ts';

export interface Http2Options {
  readonly origin: string;
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly bodyIdleMs: number;
  readonly timers: Pick<Timers, 'after'>;
  /** For `https:` origins. */
  readonly tls: {
    readonly ca?: string[];
    readonly cert?: string;
    readonly key?: string;
    readonly servername?: string;
  };
  /** Takes over where the upstream does not agree to HTTP/2; undefined: such requests fail. */
  readonly fallback?: Pick<Dispatcher, 'dispatch'>;
}

/** A request on its way to a connection. */
interface Waiting {
  readonly options: Dispatcher.DispatchOptions;
  readonly handler: Dispatcher.DispatchHandler;
}

interface Session {
  readonly session: ClientHttp2Session;
  /** Its settings have come: before, nobody knows how much it takes. */
  ready: boolean;
  open: number;
}

/** An upstream that was asked in vain for HTTP/2 is asked again after this. */
const agreedForMs = 300_000;

export class Http2Upstream {
  readonly #options: Http2Options;
  readonly #sessions = new Set<Session>();
  #waiting: Waiting[] = [];
  #connecting = false;
  /** What it agreed to when it was asked last. */
  #speaks: 'http1' | undefined;
  #forget: () => void = () => {};
  #closed = false;

  constructor(options: Http2Options) {
    this.#options = options;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    if (this.#speaks === 'http1' && this.#options.fallback !== undefined) {
      this.#options.fallback.dispatch(options, handler);
      return;
    }
    const session = this.#sessionWithRoom();
    if (session === undefined) {
      this.#waiting.push({ options, handler });
      this.#connect();
      return;
    }
    this.#send(session, { options, handler });
  }

  /** Lets what is under way end. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#forget();
    for (const { session } of this.#sessions) session.close();
  }

  async destroy(): Promise<void> {
    await this.close();
    for (const { session } of this.#sessions) session.destroy();
    this.#fail(new Error('the gateway closes'));
  }

  #sessionWithRoom(): Session | undefined {
    for (const one of this.#sessions) {
      const { session, open } = one;
      if (!one.ready || session.closed || session.destroyed) continue;
      const theirs = session.remoteSettings?.maxConcurrentStreams ?? limits.upstreamStreamsMax;
      if (open < Math.min(theirs, limits.upstreamStreamsMax)) return one;
    }
    return undefined;
  }

  #send(one: Session, { options, handler }: Waiting): void {
    const { headersTimeoutMs, bodyIdleMs } = this.#options;
    one.open++;
    const exchange = new Http2Exchange(handler, {
      headersTimeoutMs: options.headersTimeout ?? headersTimeoutMs,
      bodyIdleMs: options.bodyTimeout ?? bodyIdleMs,
    });
    exchange.send(one.session, options, () => {
      one.open--;
      this.#next();
    });
  }

  /** Those that wait, where there is room for them by now. */
  #next(): void {
    while (this.#waiting.length > 0) {
      const session = this.#sessionWithRoom();
      if (session === undefined) break;
      this.#send(session, this.#waiting.shift()!);
    }
    if (this.#waiting.length > 0) this.#connect();
  }

  #connect(): void {
    if (
      this.#closed ||
      this.#connecting ||
      this.#sessions.size >= limits.upstreamHttp2ConnectionsMax
    )
      return;
    this.#connecting = true;
    openSocket(this.#options).then(
      (socket) => this.#connected(socket),
      (error: Error) => {
        this.#connecting = false;
        this.#fail(error);
      },
    );
  }

  #connected(socket: Socket): void {
    const { origin, fallback } = this.#options;
    const agreed = !origin.startsWith('https:') || (socket as TLSSocket).alpnProtocol === 'h2';
    if (agreed && !this.#closed) {
      this.#open(socket);
      return;
    }
    this.#connecting = false;
    socket.destroy();
    if (agreed || fallback === undefined) {
      this.#fail(failure('upstream_protocol', 'the upstream does not agree to HTTP/2'));
      return;
    }
    this.#speaks = 'http1';
    this.#forget = this.#options.timers.after(agreedForMs, () => {
      this.#speaks = undefined;
    });
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { options, handler } of waiting) fallback.dispatch(options, handler);
  }

  #open(socket: Socket): void {
    const { origin, timers, connectTimeoutMs } = this.#options;
    const session = connectHttp2(origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: limits.upstreamHttp2WindowBytes },
      maxSessionMemory: limits.http2SessionMemoryMb,
      maxHeaderListPairs: limits.headerCountMax * 2,
    });
    const one: Session = { session, ready: false, open: 0 };
    this.#sessions.add(one);
    const gone = (): void => {
      if (!one.ready) this.#connecting = false;
      this.#sessions.delete(one);
      this.#next();
    };
    session.on('error', () => session.destroy()).on('close', gone);
    // GOAWAY closes the session to new requests by itself; those that wait need another.
    session.on('goaway', () => this.#next());
    const silent = failure('UND_ERR_CONNECT_TIMEOUT', 'the upstream sends no settings');
    const cancel = timers.after(connectTimeoutMs, () => {
      session.destroy();
      this.#fail(silent);
    });
    session.once('close', cancel);
    session.on('remoteSettings', () => {
      cancel();
      one.ready = true;
      this.#connecting = false;
      this.#next();
    });
    session.on('connect', () => session.setLocalWindowSize(limits.upstreamHttp2WindowBytes * 4));
    session.setTimeout(limits.upstreamHttp2IdleMs, () => {
      if (one.open === 0) session.close();
    });
    this.#next();
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { handler } of waiting) handler.onResponseError?.(noController, error);
  }
}

const noController: Dispatcher.DispatchController = {
  ...{ aborted: true, paused: false, reason: null },
  abort() {},
  pause() {},
  resume() {},
};

function openSocket(options: Http2Options): Promise<Socket> {
  const { origin, connectTimeoutMs, timers, tls, fallback } = options;
  const { protocol, hostname, port } = new URL(origin);
  const host = hostname.replace(/^\[|\]$/g, '');
  const isTls = protocol === 'https:';
  const at = { host, port: Number(port || (isTls ? 443 : 80)) };
  const ALPNProtocols = fallback === undefined ? ['h2'] : ['h2', 'http/1.1'];
  return new Promise((resolve, reject) => {
    const socket = isTls
      ? connectTls({ ...at, servername: serverNameOf(host), ...tls, ALPNProtocols })
      : connectPlain(at);
    const cancel = timers.after(connectTimeoutMs, () =>
      socket.destroy(failure('UND_ERR_CONNECT_TIMEOUT', 'no connection in time')),
    );
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      cancel();
      socket.off('error', reject);
      socket.setNoDelay(true).setKeepAlive(true, limits.upstreamKeepAliveProbeMs);
      resolve(socket);
    });
    socket.once('error', reject).once('close', cancel);
  });
}

/** An address is no server name (RFC 6066 §3). */
function serverNameOf(host: string): string {
  return /^[0-9.]+$|:/.test(host) ? '' : host;
}
