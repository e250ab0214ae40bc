/** From `HOST:PORT` to what a listener takes, and back to a URL that a person can use. */
import { ConfigFault } from '@mintmark/core';
import type { Config } from '../config/schema.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** @param text as the schema accepts it; IPv6 in brackets */
export function parseListen(text: string): ListenAddress {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(text.slice(colon + 1)) };
}

/** @param isTls whether the listener speaks TLS */
export function urlOf(address: ListenAddress, { isTls }: { readonly isTls: boolean }): string {
  const { host, port } = address;
  const name = host.includes(':') ? `[${host}]` : host;
  return `${isTls ? 'https' : 'http'}://${name}:${port}`;
}

/**
 * The issuer: what the configuration says, else where the authority listens.
 *
 * @param bound the port that the listener was given
 * @throws ConfigFault `issuer_missing` where that is no name that a client could use
 */
export function issuerOf(config: Config, bound: { readonly port: number }): string {
  if (config.issuer !== undefined) return config.issuer;
  const { host } = parseListen(config.authority.listen);
  if (host === '0.0.0.0' || host === '::') {
    throw new ConfigFault('issuer_missing', `clients cannot reach an issuer called ${host}`, {
      hint: 'set the issuer: --issuer https://id.example',
    });
  }
  return urlOf({ host, port: bound.port }, { isTls: config.authority.tls_cert !== undefined });
}
