/**
 * One HTTP exchange as products see it: a request whose head is already vetted, and a response as a
 * value. The listener in `net` makes and renders them; no product touches `node:http` objects.
 */
import type { Clock } from './clock.ts';

/** A certificate whose key the client has proven to hold. */
export interface PeerCertificate {
  readonly der: Uint8Array;
  /** Whether an authority that the operator named for clients vouches for it. */
  readonly trusted: boolean;
}

export interface HttpRequest {
  /** Upper case, as sent. */
  readonly method: string;
  /** Path as sent, without query; always begins with `/`. Not decoded. */
  readonly path: string;
  /** The part after `?`, without it; undefined where there was none. */
  readonly query: string | undefined;
  /**
   * First and only value of a header by lower-case name; repeated singletons were refused before.
   */
  header(name: string): string | undefined;
  /** All headers as received: name and value in turn, in order, case kept. */
  readonly rawHeaders: readonly string[];
  /** Address of the peer, or the one that trusted proxies vouch for; IPv4-mapped IPv6 is IPv4. */
  readonly remoteAddress: string;
  /** Address at the other end of the connection itself, a proxy's where one stands between. */
  readonly peerAddress: string;
  /** `https` where the connection, or a trusted proxy's, was encrypted. */
  readonly scheme: 'http' | 'https';
  /** Of mutual TLS with us or with a trusted proxy; undefined without. */
  readonly peerCertificate: PeerCertificate | undefined;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  /**
   * Reads the whole body.
   *
   * @param bytesMax from `limits`
   * @returns the bytes, or 'too_large' once more arrived (the rest is not read)
   */
  body(bytesMax: number): Promise<Uint8Array | 'too_large'>;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. An array writes the header once for each value. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | Uint8Array | undefined;
}

/** What a product answers with. It never throws for an expected refusal. */
export type HttpHandler = (request: HttpRequest) => Promise<HttpResponse> | HttpResponse;

/** The time a request is judged at: read once, so that no two checks of it disagree. */
export type RequestClock = Pick<Clock, 'nowMs'>;
