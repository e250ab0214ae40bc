/** What upstreams know gateways by: see `upstreams/change-credential.ts`. */
import type { CredentialForm } from '@mintmark/core';
import { bytes, integer, json, table, text } from './table.ts';

export const upstreamCredentialTables = {
  upstreamCredentials: table({
    columns: {
      tenant: text,
      name: text,
      form: json<CredentialForm>(),
      sealedSecret: bytes,
      createdAt: integer,
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant', 'name'],
  }),
} as const;
