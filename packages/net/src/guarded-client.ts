/**
 * The one way out: every request that Mintmark itself makes goes through here. A URL that a
 * stranger could have chosen must never reach an inside address, by no spelling, no name that
 * resolves there, no redirect and no change of mind of the name server between check and use: the
 * address is resolved, checked, and the connection made to exactly that address.
 */
import { lookup } from 'node:dns/promises';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import {
  err,
  formatAddress,
  type IpAddress,
  limits,
  loopback,
  NetworkFault,
  notPublic,
  ok,
  parseAddress,
  type Result,
  type Timers,
} from '@mintmark/core';

export interface OutboundRequest {
  readonly url: string;
  readonly method?: 'GET' | 'POST' | 'PATCH';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Bytes of the answer's body; more refuse it. */
  readonly bytesMax: number;
  /**
   * For everything, name look-up included. Default and, for `public`, maximum:
   * `limits.outboundTimeoutMs`.
   */
  readonly timeoutMs?: number;
}

export interface OutboundResponse {
  /** Redirects are not followed: a 3xx is an answer like any other. */
  readonly status: number;
  /** By lower-case name; repeated ones joined by `, `. */
  header(name: string): string | undefined;
  readonly body: Uint8Array;
}

export type OutboundRefusal =
  | { readonly reason: 'malformed_url' }
  | { readonly reason: 'https_required' }
  | { readonly reason: 'address_not_allowed'; readonly host: string }
  | { readonly reason: 'body_too_large'; readonly bytesMax: number };

export interface GuardedClient {
  /**
   * @returns the answer, whatever its status; refusals: malformed_url (also with user name,
   * password
   *   or fragment), https_required, address_not_allowed, body_too_large
   * @throws NetworkFault `outbound_failed`, `outbound_timeout`
   */
  send(request: OutboundRequest): Promise<Result<OutboundResponse, OutboundRefusal>>;
  /** Closes idle connections. */
  close(): void;
}

export interface GuardedClientOptions {
  /**
   * `public`: for URLs that clients or tenants chose; only public addresses, only https.
   * `operator`: for the operator's own configuration; any address, and plain HTTP on loopback.
   */
  readonly reach: 'public' | 'operator';
  readonly timers: Timers;
  /** PEM of an authority to trust in place of the system's. */
  readonly ca?: string;
  /** For development only: lets `public` reach loopback, also by plain HTTP. */
  readonly development?: boolean;
  /** Resolves a name to all of its addresses; default: the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

export function createGuardedClient(options: GuardedClientOptions): GuardedClient {
  // A stranger's host gets a fresh connection, so that each request is checked by itself.
  const keepAlive = options.reach === 'operator';
  const agents = {
    http: new HttpAgent({ keepAlive }),
    https: new HttpsAgent({ keepAlive, minVersion: 'TLSv1.2', ca: options.ca }),
  };
  return {
    async send(request) {
      const url = readUrl(request.url);
      if (url === undefined) return err({ reason: 'malformed_url' });
      const deadline = openDeadline(options, request.timeoutMs);
      try {
        const address = await Promise.race([chooseAddress(url, options), deadline.passed]);
        if (!address.ok) return address;
        return await exchange({ url, request, address: address.value, agents, deadline });
      } finally {
        deadline.cancel();
      }
    },
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

function readUrl(text: string): URL | undefined {
  if (text.length > limits.outboundUrlCharsMax || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const plain = url.username === '' && url.password === '' && url.hash === '';
  const web = url.protocol === 'https:' || url.protocol === 'http:';
  return plain && web ? url : undefined;
}

/** The address to connect to. All that a name resolves to must be allowed, not only the first. */
async function chooseAddress(
  url: URL,
  options: GuardedClientOptions,
): Promise<Result<IpAddress, OutboundRefusal>> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const literal = parseAddress(host);
  const texts = literal === undefined ? await resolveAll(host, options) : [formatAddress(literal)];
  const addresses = texts.map((text) => parseAddress(text.split('%', 1)[0]!));
  const refused = err({ reason: 'address_not_allowed', host } as const);
  for (const address of addresses) {
    if (address === undefined || !mayReach(address, options)) return refused;
  }
  const first = addresses[0];
  if (first === undefined) return refused;
  if (url.protocol === 'http:') {
    const inside = addresses.every(
      (address) => address !== undefined && loopback.contains(address),
    );
    const permitted = options.reach === 'operator' || options.development === true;
    if (!inside || !permitted) return err({ reason: 'https_required' });
  }
  return ok(first);
}

function mayReach(address: IpAddress, options: GuardedClientOptions): boolean {
  if (options.reach === 'operator') return true;
  if (options.development === true && loopback.contains(address)) return true;
  return !notPublic.contains(address);
}

async function resolveAll(host: string, options: GuardedClientOptions): Promise<readonly string[]> {
  if (options.resolve !== undefined) return options.resolve(host);
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (cause) {
    throw new NetworkFault('outbound_failed', `the name ${host} does not resolve`, { cause });
  }
}

interface Deadline {
  /** Rejects when time is up. */
  readonly passed: Promise<never>;
  readonly signal: AbortSignal;
  readonly fault: NetworkFault;
  cancel(): void;
}

function openDeadline(
  { timers, reach }: GuardedClientOptions,
  timeoutMs: number = limits.outboundTimeoutMs,
): Deadline {
  const timeoutMsMax =
    reach === 'public' ? limits.outboundTimeoutMs : limits.outboundOperatorTimeoutMsMax;
  const fault = new NetworkFault('outbound_timeout', 'an outbound request took too long');
  const abort = new AbortController();
  let fail = (_reason: unknown): void => {};
  const passed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  // Nobody may be listening any more when it passes.
  passed.catch(() => {});
  const cancel = timers.after(Math.min(timeoutMs, timeoutMsMax), () => {
    abort.abort();
    fail(fault);
  });
  return { passed, signal: abort.signal, fault, cancel };
}

interface Exchange {
  readonly url: URL;
  readonly request: OutboundRequest;
  readonly address: IpAddress;
  readonly agents: { readonly http: HttpAgent; readonly https: HttpsAgent };
  readonly deadline: Deadline;
}

function exchange(parts: Exchange): Promise<Result<OutboundResponse, OutboundRefusal>> {
  const { url, request, address, agents, deadline } = parts;
  const { bytesMax, body } = request;
  const secure = url.protocol === 'https:';
  return new Promise((resolve, reject) => {
    const sent = (secure ? httpsRequest : httpRequest)(url, {
      method: request.method ?? 'GET',
      headers: {
        'accept-encoding': 'identity',
        ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
        ...request.headers,
      },
      agent: secure ? agents.https : agents.http,
      lookup: pinned(address),
      maxHeaderSize: limits.headerBytesMax,
      signal: deadline.signal,
    });
    const fail = (cause: unknown): void => {
      const what = `${url.host} cannot be reached, or broke off its answer`;
      const timedOut = deadline.signal.aborted;
      reject(timedOut ? deadline.fault : new NetworkFault('outbound_failed', what, { cause }));
    };
    sent.on('error', fail);
    sent.on('response', (message) => {
      message.on('error', fail);
      collect(message, bytesMax, resolve);
    });
    sent.end(body);
  });
}

/** Whatever the name says by now, the connection goes to the address that was checked. */
function pinned(address: IpAddress): LookupFunction {
  const text = formatAddress(address);
  return (_host, options, done) => {
    if (options.all === true) done(null, [{ address: text, family: address.family }]);
    else done(null, text, address.family);
  };
}

function collect(
  message: IncomingMessage,
  bytesMax: number,
  resolve: (result: Result<OutboundResponse, OutboundRefusal>) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  message.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      resolve(err({ reason: 'body_too_large', bytesMax }));
      message.destroy();
      return;
    }
    chunks.push(chunk);
  });
  message.on('end', () => {
    resolve(
      ok({
        status: message.statusCode ?? 0,
        header: (name) => message.headersDistinct[name]?.join(', '),
        body: Buffer.concat(chunks),
      }),
    );
  });
}
