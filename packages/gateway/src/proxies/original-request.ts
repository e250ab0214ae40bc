/**
 * The request that another proxy asks about, made a request of our own: its head is vetted by the
 * rules of our listener, so that whatever two servers could read differently is refused here too.
 * It has no body: the proxy keeps that, and what bounds it.
 */
import { Readable } from 'node:stream';
import type { HttpResponse, PeerCertificate, RangeSet, Result } from '@mintmark/core';
import {
  resolveForwarded,
  type StreamRequest,
  terseResponse,
  type VettedHead,
  vetHead,
} from '@mintmark/net';

/** What a proxy says of a request. Whoever calls has made sure that it is a trusted proxy. */
export interface Told {
  readonly method: string;
  /** Path and query as the client sent them. */
  readonly target: string;
  readonly host: string;
  /** Of the client's request, without `host`: name and value in turn. */
  readonly headers: readonly string[];
  readonly client: {
    readonly remoteAddress: string;
    readonly scheme: 'http' | 'https';
    readonly certificate: PeerCertificate | undefined;
  };
  /** Of the proxy. */
  readonly peerAddress: string;
  readonly signal: AbortSignal;
}

/** @returns refused: what our own listener would answer to such a head */
export function originalRequest(told: Told): Result<StreamRequest, HttpResponse> {
  const rawHeaders = ['host', told.host, ...told.headers];
  const { method, target } = told;
  const head = vetHead({ method, target, version: '1.1', rawHeaders, parsedHeaders: {} });
  if (head.ok) return { ok: true, value: new OriginalRequest(head.value, rawHeaders, told) };
  const { status, reason } = head.refusal;
  return { ok: false, refusal: terseResponse(status, reason) };
}

/** Who the client is, by what the proxies between us and it appended. */
export function clientBehind(input: {
  readonly peer: { readonly remoteAddress: string; readonly scheme: 'http' | 'https' };
  readonly trusted: RangeSet;
  readonly forwardedFor: string | undefined;
  readonly forwardedProto: string | undefined;
}): { readonly remoteAddress: string; readonly scheme: 'http' | 'https' } {
  return resolveForwarded({ ...input, forwardedHost: undefined });
}

class OriginalRequest implements StreamRequest {
  readonly expectsContinue = false;
  readonly rawHeaders: readonly string[];
  readonly #head: VettedHead;
  readonly #told: Told;

  constructor(head: VettedHead, rawHeaders: readonly string[], told: Told) {
    this.#head = head;
    this.#told = told;
    this.rawHeaders = rawHeaders;
  }

  get method(): string {
    return this.#head.method;
  }

  get path(): string {
    return this.#head.path;
  }

  get query(): string | undefined {
    return this.#head.query;
  }

  get host(): string | undefined {
    return this.#head.host;
  }

  get externalHost(): string | undefined {
    return this.#head.host;
  }

  get bodyLength(): number | 'chunked' {
    return this.#head.bodyLength;
  }

  get websocket(): boolean {
    return this.#head.headers['upgrade']?.toLowerCase() === 'websocket';
  }

  get remoteAddress(): string {
    return this.#told.client.remoteAddress;
  }

  get peerAddress(): string {
    return this.#told.peerAddress;
  }

  get scheme(): 'http' | 'https' {
    return this.#told.client.scheme;
  }

  get peerCertificate(): PeerCertificate | undefined {
    return this.#told.client.certificate;
  }

  get signal(): AbortSignal {
    return this.#told.signal;
  }

  header(name: string): string | undefined {
    return this.#head.headers[name];
  }

  bodyStream(): Readable {
    return Readable.from([]);
  }

  body(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(0));
  }

  trailers(): readonly string[] {
    return [];
  }
}
