/** The part of the configuration that a gateway reads, in its own spelling. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { ConfigFault, type KeepRate, type TenantId } from '@mintmark/core';
import type { GatewayConfig, UpstreamTls } from '@mintmark/gateway';
import type { ListenerLimits } from '@mintmark/net';
import type { Config } from '../config/schema.ts';

/** @throws ConfigFault `upstream_ca_unusable` */
export function gatewayConfigOf(config: Config): GatewayConfig {
  const { prefix, gateway } = config;
  const { upstream_ca } = gateway;
  return {
    tenant: gateway.tenant as TenantId,
    node: gateway.node ?? hostname(),
    prefix,
    bodyBytesMax: gateway.body_bytes_max,
    credentialRequestsMax: gateway.credential_requests_max,
    dpopNonces: gateway.dpop_nonces,
    decisions: keepRateOf(config),
    upstream: {
      connectTimeoutMs: gateway.upstream_connect_timeout_seconds * 1000,
      headersTimeoutMs: gateway.upstream_headers_timeout_seconds * 1000,
      bodyIdleMs: gateway.upstream_idle_timeout_seconds * 1000,
      ca: upstream_ca === undefined ? undefined : readCertificates(upstream_ca),
      tls: upstreamTlsOf(gateway.upstream_tls),
    },
  };
}

function upstreamTlsOf(named: Config['gateway']['upstream_tls']): Record<string, UpstreamTls> {
  const read: Record<string, UpstreamTls> = {};
  for (const [name, { cert, key, ca, server_name: serverName }] of Object.entries(named)) {
    read[name] = {
      cert: cert === undefined ? undefined : readCertificates(cert),
      key: key === undefined ? undefined : readKey(key),
      ca: ca === undefined ? undefined : readCertificates(ca),
      serverName,
    };
  }
  return read;
}

/** Judged at the start, as the certificates are. */
function readKey(file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    createPrivateKey(text);
    return text;
  } catch (cause) {
    throw new ConfigFault('upstream_ca_unusable', `${file} cannot be used`, {
      cause,
      hint: 'name a PEM file with the private key of the certificate, without a passphrase',
    });
  }
}

/** How many decisions each node keeps to be explained. */
export function keepRateOf({ decisions }: Config): KeepRate {
  return { burst: decisions.kept_at_once, perSecond: decisions.kept_per_second };
}

/** What the listener in front of it holds a client to. */
export function clientLimitsOf({ gateway }: Config): Partial<ListenerLimits> {
  return {
    bodyBytesPerSecondMin: gateway.upload_bytes_per_second_min,
    connectionsPerAddressMax: gateway.connections_per_address_max,
  };
}

/** Judged at the start: a bundle that nobody can read would fail each request instead. */
function readCertificates(file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    for (const block of blocks) new X509Certificate(block);
    if (blocks.length === 0) throw new Error('it holds no certificate');
    return blocks.join('\n');
  } catch (cause) {
    throw new ConfigFault('upstream_ca_unusable', `${file} cannot be used`, {
      cause,
      hint: 'name a PEM file with the certificates of the authorities that sign your upstreams',
    });
  }
}
