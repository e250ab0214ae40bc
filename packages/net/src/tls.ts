/**
 * TLS of a listener: TLS 1.2 and 1.3 with forward secrecy only, and certificates that can change.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Server as TlsServer } from 'node:https';
import {
  createSecureContext,
  type TlsOptions as NodeTlsOptions,
  type SecureContext,
  type SecureContextOptions,
} from 'node:tls';
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
  /** For other names than the first has; read again when they change. */
  readonly more?: readonly { readonly certFile: string; readonly keyFile: string }[];
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
  byName?: CertificatesByName,
): NodeTlsOptions & SecureContextOptions {
  return {
    ...readFiles(options),
    minVersion: 'TLSv1.2',
    ciphers: ciphersOf(options),
    honorCipherOrder: true,
    ALPNProtocols,
    ...(byName === undefined ? {} : { SNICallback: byName.find }),
    handshakeTimeout: limits.headersTimeoutMs,
    ...(asksClients(options) ? { requestCert: true, rejectUnauthorized: false } : {}),
  };
}

/**
 * The certificate of the name that a client asks for (RFC 6066 §3): the exact one before a wildcard
 * (RFC 9525 §6.3: of one label, the first), else the first.
 */
export class CertificatesByName {
  readonly #options: TlsOptions;
  #contexts = new Map<string, SecureContext>();

  /** @throws ConfigFault `tls_unusable` */
  constructor(options: TlsOptions) {
    this.#options = options;
    this.load();
  }

  /** Takes all of them anew, or, where one cannot be used, none. */
  load(): void {
    const contexts = new Map<string, SecureContext>();
    const { clientCaFile, more = [] } = this.#options;
    for (const files of more) {
      const read = readFiles(clientCaFile === undefined ? files : { ...files, clientCaFile });
      const context = contextOf(read, this.#options);
      for (const name of namesOf(read.cert as Buffer)) contexts.set(name, context);
    }
    this.#contexts = contexts;
  }

  readonly find = (
    name: string,
    done: (error: Error | null, context?: SecureContext) => void,
  ): void => {
    const lower = name.toLowerCase();
    const wildcard = `*${lower.slice(lower.indexOf('.'))}`;
    done(null, this.#contexts.get(lower) ?? this.#contexts.get(wildcard));
  };
}

/** @throws ConfigFault `tls_unusable` where key and certificate are of different pairs */
function contextOf(read: SecureContextOptions, options: TlsOptions): SecureContext {
  try {
    return createSecureContext({
      ...read,
      minVersion: 'TLSv1.2',
      ciphers: ciphersOf(options),
      honorCipherOrder: true,
    });
  } catch (cause) {
    throw new ConfigFault('tls_unusable', 'a TLS certificate and its key do not fit', {
      cause,
      hint: 'each certificate is named with its own key',
    });
  }
}

function namesOf(chain: Buffer): readonly string[] {
  const { subjectAltName = '' } = new X509Certificate(chain);
  const names = [...subjectAltName.matchAll(/DNS:([^,"\s]+)/g)];
  return names.map(([, name]) => name!.toLowerCase());
}

function asksClients({ clientCaFile, clientCertificates }: TlsOptions): boolean {
  return clientCaFile !== undefined || clientCertificates === true;
}

function readFiles(
  options: Pick<TlsOptions, 'certFile' | 'keyFile' | 'clientCaFile'>,
): SecureContextOptions {
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
  readonly byName?: CertificatesByName;
  readonly timers: Timers;
  readonly log: (event: ListenerEvent) => void;
}): () => void {
  const { server, options, byName, timers, log } = input;
  const { certFile, keyFile, clientCaFile, more = [] } = options;
  const others = more.flatMap((one) => [one.certFile, one.keyFile]);
  const files = [certFile, keyFile, clientCaFile, ...others].filter((file) => file !== undefined);
  let seen: string | undefined;
  const look = async (): Promise<void> => {
    const marks = await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs));
    const now = marks.join();
    const changed = seen !== undefined && seen !== now;
    seen = now;
    if (!changed) return;
    const next = loadTls(options);
    byName?.load();
    server.setSecureContext(next);
    log({ type: 'certificate_reloaded' });
  };
  const safely = () =>
    void look().catch((error: unknown) => log({ type: 'certificate_unusable', error }));
  safely();
  return timers.every(limits.certificateLookMs, safely);
}
