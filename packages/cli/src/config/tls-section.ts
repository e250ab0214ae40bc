/** Certificates beyond the one of a listener: for other names, and towards upstreams. */
import { z } from 'zod';

export const moreCertificates = z
  .array(
    z.strictObject({
      cert: z.string().describe('PEM file with the certificate chain'),
      key: z.string().describe('PEM file with its private key, mode 600'),
    }),
  )
  .max(1_000)
  .default([])
  .describe('certificates for other names; clients get the one whose name they ask for (SNI)');

export const upstreamTlsByName = z
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
