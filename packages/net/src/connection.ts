/** What is known of one connection, worked out once and shared by its requests. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { formatAddress, type PeerCertificate, parseAddress, type RangeSet } from '@mintmark/core';
import type { ForwardedView } from './forwarded.ts';
import { type CertificateHeader, certificateOfSocket } from './peer-certificate.ts';
import type { Carrier } from './request.ts';

export interface Connection {
  readonly peer: ForwardedView;
  /** The trusted proxies, where the peer is one of them. */
  readonly trusted: RangeSet | undefined;
  /** How the peer, a trusted proxy, passes on the certificates of its clients. */
  readonly header: CertificateHeader | undefined;
  /** The certificate that the peer itself proved, where TLS asked for one. */
  peerCertificate(): PeerCertificate | undefined;
  /** The request that is being answered. */
  current: Exchange | undefined;
  /**
   * Requests that the client sent ahead (pipelined). They wait for their turn: only safe methods
   * might be served side by side (RFC 9112 §9.3.2), and answers must keep the order anyway.
   */
  readonly waiting: Exchange[];
  /** The parser reads no further request; those that wait are still answered. */
  deaf: boolean;
  /** The connection ends with the answer under way. */
  closing: boolean;
}

/** One request and its answer, as the parser brought them. */
export class Exchange implements Carrier {
  readonly connection: Connection;
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  /** Bytes behind a request for an upgrade; undefined for ordinary requests. */
  readonly upgradeHead: Buffer | undefined;
  /** Whether the rest of the body is sooner read than a new connection made. */
  cheapToDrain = false;
  #gone: (() => void) | undefined;

  constructor(parts: {
    readonly connection: Connection;
    readonly message: IncomingMessage;
    readonly response: ServerResponse;
    readonly upgradeHead: Buffer | undefined;
  }) {
    this.connection = parts.connection;
    this.message = parts.message;
    this.response = parts.response;
    this.upgradeHead = parts.upgradeHead;
  }

  get rawHeaders(): readonly string[] {
    return this.message.rawHeaders;
  }

  get websocket(): boolean {
    return this.upgradeHead !== undefined;
  }

  get source(): IncomingMessage {
    return this.message;
  }

  get trailers(): readonly string[] {
    return this.message.rawTrailers;
  }

  continue(): void {
    this.response.writeContinue();
  }

  /** Names what is called when the client goes before it has its whole answer. */
  onGone(run: () => void): void {
    const earlier = this.#gone;
    if (this.response.destroyed) run();
    else if (earlier === undefined) this.#gone = run;
    else {
      this.#gone = () => {
        earlier();
        run();
      };
    }
  }

  /** To be called when the answer has ended, one way or the other. */
  ended(): void {
    if (!this.response.writableFinished) this.#gone?.();
  }
}

/** What a listener knows of those who connect to it. */
export interface PeerOptions {
  readonly trustedProxies: RangeSet | undefined;
  readonly certificateHeader: CertificateHeader | undefined;
  /** Whether authorities of clients were named. */
  readonly hasClientAuthorities: boolean;
}

export function openConnection(socket: Socket, options: PeerOptions): Connection {
  const { trustedProxies, certificateHeader, hasClientAuthorities } = options;
  const remote = socket.remoteAddress ?? '';
  // A zone id (fe80::1%eth0) names our own interface, not the peer.
  const address = parseAddress(remote.split('%', 1)[0]!);
  const encrypted = 'encrypted' in socket;
  const isProxy = address !== undefined && trustedProxies?.contains(address) === true;
  return {
    peer: {
      remoteAddress: address === undefined ? remote : formatAddress(address),
      scheme: encrypted ? 'https' : 'http',
    },
    trusted: isProxy ? trustedProxies : undefined,
    header: isProxy ? certificateHeader : undefined,
    current: undefined,
    waiting: [],
    deaf: false,
    closing: false,
    peerCertificate() {
      return encrypted ? certificateOfSocket(socket as TLSSocket, hasClientAuthorities) : undefined;
    },
  };
}
