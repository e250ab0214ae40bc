/** Tables of what the token endpoint spends and gives: see `tables.ts`. */
import type { JsonObject } from '@mintmark/core';
import { bytes, integer, integerOrNull, json, table, text, textOrNull } from './table.ts';

export const tokenTables = {
  /**
   * Opaque access tokens. JWTs have no row: their record is the audit trail's, their end the
   * feed's.
   */
  tokens: table({
    columns: {
      /** Day of expiry since 1970, as the token's own id says it. */
      partition: integer,
      tenant: text,
      id: text,
      hash: bytes,
      pepperVersion: text,
      clientId: text,
      subject: text,
      family: textOrNull,
      scopes: json<readonly string[]>(),
      audience: json<readonly string[]>(),
      /** Feed position at minting: revocations above it end the token. */
      position: integer,
      issuedAtSeconds: integer,
      expiresAtSeconds: integer,
      /** Confirmation method and thumbprint of the key that it is bound to; null for bearers. */
      binding: textOrNull,
      /** What a JWT would say beyond the columns: who acts, the sign-in, what the hook added. */
      claims: json<JsonObject>(),
    },
    key: ['partition', 'tenant', 'id'],
    partition: 'partition',
  }),

  /**
   * Authorization codes. A used one stays until its partition is dropped, so that a second use is
   * told from a code that never was.
   */
  authorizationCodes: table({
    columns: {
      /** Day of expiry since 1970, as the code's own id says it. */
      partition: integer,
      tenant: text,
      id: text,
      hash: bytes,
      pepperVersion: text,
      clientId: text,
      subject: text,
      /** Of all that the code gives, decided with it: so a second use knows what to revoke. */
      family: text,
      /** What was asked and consented to, as `issuance/authorization-code.ts` wrote it. */
      terms: json<Record<string, unknown>>(),
      /** Feed position when it was made: revocations above it end the code. */
      position: integer,
      expiresAtSeconds: integer,
      consumedAt: integerOrNull,
    },
    key: ['partition', 'tenant', 'id'],
    partition: 'partition',
  }),

  /**
   * Device grants (RFC 8628), from a device's first request until it has its tokens. A used one
   * stays until it would have expired, so that a second use is told from a code that never was.
   */
  deviceGrants: table({
    columns: {
      tenant: text,
      /** The look-up id in the device code. */
      id: text,
      hash: bytes,
      pepperVersion: text,
      /** Keyed hash of the user code, by which the row is found where a person types it. */
      userCode: text,
      clientId: text,
      /** What was asked, and from where, as `issuance/device-code.ts` wrote it. */
      request: json<Record<string, unknown>>(),
      status: text as typeof text & {
        rowType?: 'pending' | 'approved' | 'denied' | 'consumed';
      },
      /** Seconds that the device has to wait between two questions, and when it asked last. */
      intervalSeconds: integer,
      polledAt: integerOrNull,
      /** Who approved what; null until somebody has. */
      approval: json<Record<string, unknown> | null>(),
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'id'],
    unique: [['tenant', 'userCode']],
    indexes: [['expiresAtSeconds']],
  }),

  /**
   * Refresh tokens: one row a family, changed in place by each rotation, so that a family costs the
   * same however often it is used.
   */
  refreshFamilies: table({
    columns: {
      /** Day of the family's last end since 1970, as the tokens' own id says it. */
      partition: integer,
      tenant: text,
      /** The look-up id in all tokens of the family; nobody else ever sees it. */
      id: text,
      /** The family's public name: in access tokens, in the feed, in records. */
      family: text,
      clientId: text,
      subject: text,
      /** Of the one token that is current. */
      hash: bytes,
      pepperVersion: text,
      /** 1, 2, 3 … for each token that was current. */
      generation: integer,
      /** What was consented to, as `issuance/terms.ts` has it. */
      terms: json<Record<string, unknown>>(),
      status: text as typeof text & { rowType?: 'active' | 'ended' },
      /** Nothing that the family rests on was revoked up to this position, as of `usedAt`. */
      position: integer,
      createdAt: integer,
      usedAt: integer,
      idleExpiresAtSeconds: integer,
      expiresAtSeconds: integer,
    },
    key: ['partition', 'tenant', 'id'],
    partition: 'partition',
    indexes: [['tenant', 'subject', 'partition', 'id'], ['pepperVersion']],
  }),

  /**
   * Tokens that took the place of others, for as long as those may still be presented; sealed under
   * a key that only the predecessor yields. See `tokens/sealed-successor.ts`.
   */
  refreshSuccessors: table({
    columns: {
      tenant: text,
      id: text,
      generation: integer,
      sealed: bytes,
      /** The scopes that the rotating request named, and the key that it proved. */
      asked: text,
      binding: textOrNull,
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'id'],
    indexes: [['expiresAtSeconds']],
  }),

  /** Which JWT has which place in which status list, and what it belongs to. */
  statusEntries: table({
    columns: {
      tenant: text,
      list: text,
      idx: integer,
      tokenId: text,
      clientId: text,
      subject: text,
      family: textOrNull,
      signingKey: text,
      /** Feed position at minting: revocations above it end the token. */
      position: integer,
      issuedAtSeconds: integer,
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'list', 'idx'],
    indexes: [['expiresAtSeconds']],
  }),

  /** Claims that were asked of the userinfo endpoint by name, for all tokens of a family. */
  userinfoWishes: table({
    columns: {
      tenant: text,
      family: text,
      names: json<readonly string[]>(),
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'family'],
    indexes: [['expiresAtSeconds']],
  }),
} as const;
