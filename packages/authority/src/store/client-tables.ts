/** Tables of clients, and of what they may use once. */
import { bytes, integer, integerOrNull, json, jsonOrNull, table, text } from './table.ts';

export const clientTables = {
  clients: table({
    columns: {
      tenant: text,
      clientId: text,
      status: text,
      /** RFC 7591 metadata and our own, as parsed by `clients/client.ts`. */
      metadata: json<Record<string, unknown>>(),
      createdAt: integer,
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant', 'clientId'],
    indexes: [['tenant', 'createdAt', 'clientId']],
  }),

  /** Issuers outside whose assertions are grants: see `federation/assertion-issuer.ts`. */
  assertionIssuers: table({
    columns: {
      tenant: text,
      name: text,
      issuer: text,
      definition: json<Record<string, unknown>>(),
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant', 'name'],
    unique: [['tenant', 'issuer']],
  }),

  /** At most two live secrets a client, so that one can be rolled while the other works. */
  clientSecrets: table({
    columns: {
      tenant: text,
      clientId: text,
      id: text,
      hash: bytes,
      pepperVersion: text,
      createdAt: integer,
      expiresAt: integerOrNull,
      /** Held back: when it would have ended without that. */
      hold: jsonOrNull<{ readonly expiresAt: number | null }>(),
    },
    key: ['tenant', 'clientId', 'id'],
  }),

  /** When clients that nobody vouches for were used last, to the hour. */
  clientUses: table({
    columns: { tenant: text, clientId: text, usedAt: integer },
    key: ['tenant', 'clientId'],
    indexes: [['usedAt']],
  }),

  /** Types of authorization details (RFC 9396), as `details/detail-type.ts` reads them. */
  detailTypes: table({
    columns: {
      tenant: text,
      type: text,
      definition: json<Record<string, unknown>>(),
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant', 'type'],
  }),

  /** Origins of active clients, so that one is found without its client. */
  clientOrigins: table({
    columns: { tenant: text, origin: text, clientId: text },
    key: ['tenant', 'origin', 'clientId'],
  }),

  /** Resources of active clients that ask something of the tokens that are meant for them. */
  protectedResources: table({
    columns: { tenant: text, resource: text, clientId: text },
    key: ['tenant', 'resource', 'clientId'],
  }),

  /** What was used once and must not be used again: client assertions, DPoP proofs. */
  singleUses: table({
    columns: {
      /** Hour since 1970 in which it ends. */
      partition: integer,
      tenant: text,
      kind: text,
      /** SHA-256 of whose it is, and of its own id. */
      id: text,
    },
    key: ['partition', 'tenant', 'kind', 'id'],
    partition: 'partition',
  }),
} as const;
