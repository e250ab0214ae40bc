/**
 * The certificate that a client has proven to hold: in TLS with us, or with a trusted proxy that
 * passes it on. A header counts only from a proxy that the operator named; from anybody else it is
 * words.
 */
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { base64Decode, type PeerCertificate } from '@mintmark/core';

/** How a trusted proxy passes on the certificate that a client proved to it. */
export interface CertificateHeader {
  /** Lower case; RFC 9440 has `client-cert`. */
  readonly name: string;
  /** Whether the proxy takes only certificates of authorities that it trusts. */
  readonly verified: boolean;
}

/** @param hasAuthorities whether the operator named authorities of clients; the system's vouch for
 *   servers, and would let anybody in */
export function certificateOfSocket(
  socket: TLSSocket,
  hasAuthorities: boolean,
): PeerCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  return { der: certificate.raw, trusted: hasAuthorities && socket.authorized };
}

/** @returns undefined where the header is missing or holds no certificate */
export function certificateOfHeader(
  value: string | undefined,
  { verified: trusted }: CertificateHeader,
): PeerCertificate | undefined {
  const encoded = value === undefined ? undefined : (byteSequence(value) ?? escapedPem(value));
  if (encoded === undefined) return undefined;
  try {
    return { der: new X509Certificate(encoded).raw, trusted };
  } catch {
    return undefined;
  }
}

/** RFC 9440 §2.1: DER, as a byte sequence of structured fields (RFC 9651 §3.3.5). */
function byteSequence(value: string): Uint8Array | undefined {
  const inner = /^:([A-Za-z0-9+/]+=*):$/.exec(value)?.[1];
  return inner === undefined ? undefined : base64Decode(inner);
}

/** nginx's `$ssl_client_escaped_cert`: PEM, percent-encoded. */
function escapedPem(value: string): string | undefined {
  if (!value.startsWith('-----BEGIN%20CERTIFICATE-----')) return undefined;
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
