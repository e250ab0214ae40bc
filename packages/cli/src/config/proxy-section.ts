/** What a gateway's own proxy is told of its clients and of its upstreams. */
import { limits } from '@mintmark/core';
import { z } from 'zod';

const moreCertificates = z
  .array(
    z.strictObject({
      cert: z.string().describe('PEM file with the certificate chain'),
      key: z.string().describe('PEM file with its private key, mode 600'),
    }),
  )
  .max(1_000)
  .default([])
  .describe('certificates for other names; clients get the one whose name they ask for (SNI)');

const upstreamTlsByName = z
  .record(
    z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
    z.strictObject({
      cert: z.string().optional().describe('PEM file: shown to the upstream, with `key`'),
      key: z.string().optional(),
      ca: z.string().optional().describe('PEM file: the only authorities that it may be of'),
      server_name: z.string().optional().describe('what its certificate must say'),
    }),
  )
  .default({})
  .describe('what routes name as `upstream_tls`');

export const proxyMembers = {
  http2: z
    .enum(['off', 'tls', 'clear'])
    .default('tls')
    .describe('takes HTTP/2 where TLS clients ask for it; clear: also without TLS'),
  connections_per_address_max: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(limits.connectionsPerAddressMax)
    .describe('open connections of one address, or IPv6 /64; more are closed; 0: any'),
  tls_certificates: moreCertificates,
  upstream_tls: upstreamTlsByName,
};
