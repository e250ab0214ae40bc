/**
 * TLS of a listener: TLS 1.2 and 1.3 with forward secrecy only, and certificates that can change.
 */
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Server as TlsServer } from 'node:https';
import type { TlsOptions as NodeTlsOptions, SecureContextOptions } from 'node:tls';
import { ConfigFault, limits, type Timers } from '@mintmark/core';
import type { ListenerEvent } from './answer.ts';

export interface TlsOptions {
  /** PEM file: the certificate, then its chain. Read again when it changes. */
  readonly certFile: string;
  /** PEM file with the private key. */
  readonly keyFile: string;
  /**
   * PEM file: asks clients for a certificate of these authorities; those without one still connect.
   */
  readonly clientCaFile?: string;
  /** Asks clients for a certificate without an authority: their own word is then registered. */
  readonly clientCertificates?: boolean;
  /** Of TLS 1.2 offers AES-GCM alone, as FAPI 1.0 §8.5 demands. */
  readonly aesGcmOnly?: boolean;
}

/** TLS 1.2 suites with forward secrecy and AEAD (RFC 9325 §4.2); those of TLS 1.3 are always on. */
const ciphers = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
];

function ciphersOf({ aesGcmOnly }: TlsOptions): string {
  const offered =
    aesGcmOnly === true ? ciphers.filter((one) => !one.endsWith('-POLY1305')) : ciphers;
  return offered.join(':');
}

/**
 * @param ALPNProtocols what is spoken here, most wanted first
 * @throws ConfigFault `tls_unusable` where a file cannot be read
 */
export function loadTls(
  options: TlsOptions,
  ALPNProtocols: string[] = ['http/1.1'],
): NodeTlsOptions & SecureContextOptions {
  return {
    ...readFiles(options),
    minVersion: 'TLSv1.2',
    ciphers: ciphersOf(options),
    honorCipherOrder: true,
    ALPNProtocols,
    handshakeTimeout: limits.headersTimeoutMs,
    ...(asksClients(options) ? { requestCert: true, rejectUnauthorized: false } : {}),
  };
}

function asksClients({ clientCaFile, clientCertificates }: TlsOptions): boolean {
  return clientCaFile !== undefined || clientCertificates === true;
}

function readFiles(options: TlsOptions): SecureContextOptions {
  try {
    return {
      cert: readFileSync(options.certFile),
      key: readFileSync(options.keyFile),
      ...(options.clientCaFile === undefined ? {} : { ca: readFileSync(options.clientCaFile) }),
    };
  } catch (cause) {
    throw new ConfigFault('tls_unusable', 'a TLS certificate or key file cannot be read', {
      cause,
      hint: 'check the paths and that this user may read them',
    });
  }
}

/**
 * Takes new certificates when the files change. While a new pair cannot be used (half written, key
 * and certificate of different pairs) the old one stays.
 *
 * @returns stops watching
 */
export function watchTls(input: {
  readonly server: Pick<TlsServer, 'setSecureContext'>;
  readonly options: TlsOptions;
  readonly timers: Timers;
  readonly log: (event: ListenerEvent) => void;
}): () => void {
  const { server, options, timers, log } = input;
  const files = [options.certFile, options.keyFile, options.clientCaFile].filter(
    (file) => file !== undefined,
  );
  let seen: string | undefined;
  const look = async (): Promise<void> => {
    const marks = await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs));
    const now = marks.join();
    const changed = seen !== undefined && seen !== now;
    seen = now;
    if (!changed) return;
    server.setSecureContext(loadTls(options));
    log({ type: 'certificate_reloaded' });
  };
  const safely = () =>
    void look().catch((error: unknown) => log({ type: 'certificate_unusable', error }));
  safely();
  return timers.every(limits.certificateLookMs, safely);
}
