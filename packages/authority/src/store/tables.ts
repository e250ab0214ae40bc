/**
 * Every table of the authority. Every row belongs to a tenant, but for what belongs to the
 * installation: itself, and the one audit log in which all tenants' records are sequenced.
 * Times are unix milliseconds (`…At`) unless the name says seconds.
 */
import type { FeedEntry, RevocationTargetKind } from '@mintmark/core';
import { backchannelTables } from './backchannel-tables.ts';
import { clientTables } from './client-tables.ts';
import { gatewayTables } from './gateway-tables.ts';
import { keyTables } from './key-tables.ts';
import { leakTables } from './leak-tables.ts';
import { limitLearningTables } from './limit-learning-tables.ts';
import { narrowingTables } from './narrowing-table.ts';
import { noticeTables } from './notice-table.ts';
import { planTables } from './plan-tables.ts';
import { policyTables } from './policy-tables.ts';
import { roleTables } from './role-tables.ts';
import { rotationTables } from './rotation-tables.ts';
import {
  bytes,
  bytesOrNull,
  integer,
  integerOrNull,
  json,
  type RowOf,
  table,
  text,
  textOrNull,
} from './table.ts';
import { threatTables } from './threat-tables.ts';
import { tokenTables } from './token-tables.ts';
import { upstreamCredentialTables } from './upstream-credential-table.ts';

export const tables = {
  /** One row, id `self`. The epoch changes when the data was restored from a backup. */
  installation: table({
    columns: {
      id: text,
      epoch: text,
      createdAt: integer,
      settings: json<Record<string, string>>(),
    },
    key: ['id'],
  }),

  tenants: table({
    columns: {
      tenant: text,
      name: text,
      status: text as typeof text & { rowType?: 'active' | 'disabled' | 'deleted' },
      createdAt: integer,
      version: integer,
      /** Its own in place of the configuration's, as JSON: see `tenants/settings.ts`. */
      settings: textOrNull,
      /** Unix milliseconds: sessions that were opened before have ended. */
      sessionsEndedBefore: integerOrNull,
    },
    key: ['tenant'],
  }),

  /** Newest position of each tenant's feed. Only the `feed` step of an act writes it. */
  feedHead: table({ columns: { tenant: text, position: integer }, key: ['tenant'] }),

  /** The status feed. `targetKind` and `targetId` are set for revocations only. */
  feed: table({
    columns: {
      tenant: text,
      position: integer,
      entry: json<FeedEntry>(),
      targetKind: textOrNull as typeof textOrNull & { rowType?: RevocationTargetKind | null },
      targetId: textOrNull,
      at: integer,
      /** Unix seconds; the entry may be deleted afterwards. */
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'position'],
    indexes: [['tenant', 'targetKind', 'targetId', 'position'], ['expiresAtSeconds']],
  }),

  /** Revocations as acts of somebody: who asked, why, and where they stand in the feed. */
  revocations: table({
    columns: {
      tenant: text,
      id: text,
      targetKind: text,
      targetId: text,
      reason: text,
      actor: text,
      at: integer,
      /** Position of its feed entry; filled by the act itself. */
      position: integer,
      /** Unix seconds: only what was issued before ended; null where everything did. */
      beforeSeconds: integerOrNull,
      /** What somebody typed as the reason, sealed, base64url: it may be about a person. */
      sealedNote: textOrNull,
      /** What was disabled with it, and how it can be enabled again: see `revocation/undo.ts`. */
      undo: textOrNull,
      undoneAt: integerOrNull,
      /** Of a query: what it asks and how far it has come: see `revocation/revoke-query.ts`. */
      run: textOrNull,
      /** When a process may take a run on that another one left; null where none is under way. */
      resumeAt: integerOrNull,
    },
    key: ['tenant', 'id'],
    indexes: [
      ['tenant', 'at', 'id'],
      ['tenant', 'targetKind', 'targetId', 'position'],
      ['resumeAt'],
    ],
  }),

  /** What each enforcement point has acknowledged. */
  nodes: table({
    columns: { tenant: text, node: text, epoch: text, position: integer, seenAt: integer },
    key: ['tenant', 'node'],
  }),

  /** Keys of custody, wrapped: data keys of a tenant, peppers of the installation. */
  custodyKeys: table({
    columns: {
      tenant: text,
      id: text,
      purpose: text,
      /** Which key of the custody provider wrapped it, so that rotation can find the stale ones. */
      wrappedBy: text,
      wrapped: bytes,
      status: text,
      createdAt: integer,
      /** Encryptions reserved so far; a data key retires long before 2^31. */
      uses: integer,
      version: integer,
    },
    key: ['tenant', 'id'],
    indexes: [['tenant', 'purpose', 'createdAt']],
  }),

  signingKeys: table({
    columns: {
      tenant: text,
      kid: text,
      algorithm: text,
      /** 1, 2, 3 … for each algorithm, so that two that rotate at once cannot both add a key. */
      generation: integer,
      publicJwk: json<Record<string, unknown>>(),
      /** PKCS#8 sealed under the tenant's data key, or a reference where a device holds the key. */
      sealedPrivate: bytes,
      status: text,
      createdAt: integer,
      activateAt: integer,
      retireAt: integerOrNull,
      version: integer,
    },
    key: ['tenant', 'kid'],
    unique: [['tenant', 'algorithm', 'generation']],
  }),

  ...clientTables,

  ...rotationTables,
  ...threatTables,
  ...upstreamCredentialTables,
  ...limitLearningTables,

  /**
   * People. A deleted one stays as a tombstone, so that an id never names a second person: status
   * `deleted`, and nothing personal left in the row.
   */
  users: table({
    columns: {
      tenant: text,
      /** The subject of tokens: random, never the username. */
      id: text,
      /** As it was written, for people to read. */
      username: text,
      status: text as typeof text & { rowType?: 'active' | 'disabled' | 'deleted' },
      /** Claims as JSON, sealed under the tenant's data key. */
      sealedClaims: bytesOrNull,
      /** argon2id in PHC form; null: the user has no password. */
      passwordHash: textOrNull,
      createdAt: integer,
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant', 'id'],
    indexes: [['tenant', 'createdAt', 'id']],
  }),

  /** Whose a name is. `key` is what names are compared by: see `users/username.ts`. */
  usernames: table({
    columns: { tenant: text, key: text, userId: text },
    key: ['tenant', 'key'],
  }),

  /** Failed sign-ins in a row, by account: see `users/attempts.ts`. */
  signInAttempts: table({
    columns: {
      tenant: text,
      account: text,
      failures: integer,
      /** No attempt is judged before. */
      lockedUntil: integer,
      /** Unix seconds; the row may be deleted afterwards. */
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'account'],
    indexes: [['expiresAtSeconds']],
  }),

  /** Browsers in which users have signed in before: guesses made elsewhere do not lock them. */
  knownBrowsers: table({
    columns: { tenant: text, userId: text, hash: text, expiresAtSeconds: integer },
    key: ['tenant', 'userId', 'hash'],
    indexes: [['expiresAtSeconds']],
  }),

  /** A user's authenticator app, at most one. */
  userTotp: table({
    columns: {
      tenant: text,
      userId: text,
      sealedSecret: bytes,
      /** The last time step whose code was used (RFC 6238 §5.2): a code works once. */
      lastStep: integer,
      /** Null until the user has shown a first code. */
      confirmedAt: integerOrNull,
      createdAt: integer,
      version: integer,
    },
    key: ['tenant', 'userId'],
  }),

  /** Codes for who has lost the second factor. A used one is gone. */
  userRecoveryCodes: table({
    columns: { tenant: text, userId: text, hash: text, createdAt: integer },
    key: ['tenant', 'userId', 'hash'],
  }),

  userPasskeys: table({
    columns: {
      tenant: text,
      /** base64url, as WebAuthn's JSON has it. */
      credentialId: text,
      userId: text,
      /** COSE_Key (RFC 9052 §7). */
      publicKey: bytes,
      signCount: integer,
      transports: json<readonly string[]>(),
      /** 1: the key may be copied to other devices by its provider. */
      synced: integer,
      /** What its owner calls it. */
      name: text,
      createdAt: integer,
      lastUsedAt: integerOrNull,
    },
    key: ['tenant', 'credentialId'],
    indexes: [['tenant', 'userId', 'createdAt', 'credentialId']],
  }),

  /** WebAuthn challenges that were given out. One that was answered is gone. */
  passkeyChallenges: table({
    columns: {
      tenant: text,
      challenge: text,
      /** What it may be answered for: `register` or `sign_in`, and whose transaction. */
      purpose: text,
      binding: text,
      userId: textOrNull,
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'challenge'],
    indexes: [['expiresAtSeconds']],
  }),

  /** Tokens to set a new password with, at most one for each user. A used one is gone. */
  passwordResets: table({
    columns: {
      tenant: text,
      userId: text,
      hash: text,
      createdAt: integer,
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'userId'],
    indexes: [['expiresAtSeconds']],
  }),

  ...keyTables,

  ...leakTables,

  ...tokenTables,

  ...narrowingTables,
  ...gatewayTables,

  ...planTables,

  ...backchannelTables,

  ...noticeTables,

  ...roleTables,

  /** Who is signed in, in which browser. An ended one stays until its clients were told. */
  sessions: table({
    columns: {
      tenant: text,
      /** Public: the `sid` of tokens. */
      id: text,
      /** Of the secret that the browser's cookie holds beside the id. */
      hash: bytes,
      pepperVersion: text,
      subject: text,
      acr: text,
      amr: json<readonly string[]>(),
      /** The last time that the person proved who they are. */
      authenticatedAt: integer,
      /** Browser and system in a few words, for the person to recognise. */
      device: text,
      createdAt: integer,
      seenAt: integer,
      endedAt: integerOrNull,
      /** Unix seconds: the absolute limit; the row may be deleted afterwards. */
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'id'],
    indexes: [['tenant', 'subject', 'createdAt', 'id'], ['endedAt'], ['expiresAtSeconds']],
  }),

  /** Clients that a session signed in to and that want to hear of its end. */
  sessionClients: table({
    columns: {
      tenant: text,
      session: text,
      clientId: text,
      subject: text,
      /** Tries to tell it so far, and when the next one is due; null while the session lives. */
      attempts: integer,
      nextAttemptAt: integerOrNull,
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'session', 'clientId'],
    indexes: [['nextAttemptAt'], ['expiresAtSeconds']],
  }),

  /** Families of tokens that people's consents gave, so that they end with session or consent. */
  grantedFamilies: table({
    columns: {
      tenant: text,
      subject: text,
      clientId: text,
      family: text,
      session: text,
      /** 1: allowed to work while the person is away (`offline_access`). */
      offline: integer,
      /** Unix seconds; nothing of the family lives longer. */
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'subject', 'clientId', 'family'],
    indexes: [['tenant', 'session', 'offline'], ['expiresAtSeconds']],
  }),

  /** Sign-ins under way: what was asked, while the person signs in and agrees. */
  signIns: table({
    columns: {
      tenant: text,
      /** Random; the only thing of it that stands in a URL. */
      id: text,
      /** SHA-256 of the browser's own secret; null until a browser has come with it. */
      browserHash: textOrNull,
      purpose: json<Record<string, unknown>>(),
      /** The session that this sign-in made or renewed. */
      signedIn: textOrNull,
      /** The session that the person chose to go on with. */
      chosen: textOrNull,
      createdAt: integer,
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'id'],
    indexes: [['expiresAtSeconds']],
  }),

  /** What a person allowed a client, until they take it back. */
  consents: table({
    columns: {
      tenant: text,
      subject: text,
      clientId: text,
      granted: json<Record<string, unknown>>(),
      createdAt: integer,
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant', 'subject', 'clientId'],
  }),

  /** Authorization requests that clients pushed (RFC 9126), judged. */
  pushedRequests: table({
    columns: {
      tenant: text,
      id: text,
      clientId: text,
      request: json<Record<string, unknown>>(),
      /** Null until a browser has come with it. */
      visitedAt: integerOrNull,
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'id'],
    indexes: [['expiresAtSeconds']],
  }),

  /** First and last use and counts, in batches. `kind` is `key`, `key_overlap` or `token`. */
  usage: table({
    columns: {
      tenant: text,
      kind: text,
      id: text,
      firstUsedAt: integer,
      lastUsedAt: integer,
      allowed: integer,
      denied: integer,
      lastAddress: textOrNull,
    },
    key: ['tenant', 'kind', 'id'],
  }),

  idempotency: table({
    columns: {
      tenant: text,
      actor: text,
      key: text,
      requestHash: text,
      status: integer,
      /** The answer without its secret. */
      body: json<unknown>(),
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'actor', 'key'],
    indexes: [['expiresAtSeconds']],
  }),

  routes: table({
    columns: {
      tenant: text,
      name: text,
      route: json<Record<string, unknown>>(),
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant', 'name'],
  }),

  ...policyTables,

  /** Audit records written by acts, waiting for the sequencer. */
  auditPending: table({
    columns: {
      id: text,
      tenant: text,
      leaf: bytes,
      object: text,
      related: textOrNull,
      personal: bytesOrNull,
      at: integer,
    },
    key: ['id'],
  }),

  /** The log: indexed without holes, chained. Append-only, but for the erasure of `personal`. */
  auditLog: table({
    columns: {
      index: integer,
      id: text,
      tenant: text,
      leaf: bytes,
      object: text,
      related: textOrNull,
      personal: bytesOrNull,
      at: integer,
      /** SHA-256(previous chain ‖ RFC 6962 leaf hash). */
      chain: bytes,
    },
    key: ['index'],
    indexes: [
      ['tenant', 'object', 'index'],
      ['tenant', 'related', 'index'],
      // By (at, id), which a record keeps when it moves here from `auditPending`: so a page of a
      // search never misses or repeats what was sequenced between two pages.
      ['tenant', 'at', 'id', 'index'],
    ],
  }),

  /** One row, id `log`: how many leaves are sequenced, and the chain's last value. */
  auditHead: table({
    columns: { id: text, size: integer, chain: bytes },
    key: ['id'],
  }),
} as const;

export type TableName = keyof typeof tables;
export type Row<T extends TableName> = RowOf<(typeof tables)[T]>;
