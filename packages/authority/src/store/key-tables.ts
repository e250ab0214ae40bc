/** Tables of API keys, and of what belongs to them. */
import type { KeyStatus, PatTerms } from '@mintmark/core';
import {
  bytes,
  bytesOrNull,
  integer,
  integerOrNull,
  json,
  jsonOrNull,
  table,
  text,
  textOrNull,
} from './table.ts';

/** Why a key is held back, since when, by whom, and what it was before. */
export interface Quarantine {
  readonly reason: string;
  readonly at: number;
  /** Kind and id of who did it, with a colon between. */
  readonly by: string;
  readonly from: 'active' | 'disabled';
}

/** Rules of the policy that a key may break, why, and for how long. */
export interface Acceptance {
  readonly rules: readonly string[];
  readonly reason: string;
  readonly at: number;
  /** Kind and id of who did it, with a colon between. */
  readonly by: string;
  /** Null: it stays so. */
  readonly until: number | null;
}

/** Raises what is left to an amount, at a fixed time in UTC. */
export interface Refill {
  readonly amount: number;
  readonly every: 'day' | 'week' | 'month';
  /** Weekday from 1 (Monday), or day of the month; a month that is shorter ends it. */
  readonly on: number;
  /** Minutes since midnight. */
  readonly atMinute: number;
}

export const keyTables = {
  /** API keys and administrators' keys. Revoked and expired rows stay as tombstones. */
  keys: table({
    columns: {
      tenant: text,
      /** The look-up id inside the key; for imports the id that their own format carries. */
      id: text,
      kind: text,
      name: text,
      status: text as typeof text & { rowType?: KeyStatus },
      /** `pepper`: ours. Imports: `sha256`, `bcrypt`, `argon2`, until rehashed on first use. */
      hashScheme: text,
      hash: bytes,
      pepperVersion: textOrNull,
      /** SHA-256 of the secret, sealed, for the feed; null for imports until rehashed. */
      sealedVerifier: bytesOrNull,
      owner: text,
      scopes: json<readonly string[]>(),
      environment: textOrNull,
      plan: textOrNull,
      allowedAddresses: json<readonly string[] | null>(),
      metadata: json<Record<string, unknown>>(),
      createdAt: integer,
      updatedAt: integer,
      notBefore: integerOrNull,
      expiresAt: integerOrNull,
      predecessor: textOrNull,
      successor: textOrNull,
      /** For imports: the row of `importFormats` by which the key is recognised. */
      importFormat: textOrNull,
      /** For imports: SHA-256 of the hash as it came, so that the same file changes nothing. */
      importFingerprint: bytesOrNull,
      version: integer,
      /** Set while the status is `quarantined`. */
      quarantine: jsonOrNull<Quarantine>(),
      /** Verifies sub-keys that its holder derived; null where none can be, or not yet. */
      derivationKey: bytesOrNull,
      /** What it is for, in the words of its maker. */
      purpose: textOrNull,
      tags: jsonOrNull<readonly string[]>(),
      /** ISO 3166-1 alpha-2; null: any, and none denied. */
      allowedCountries: jsonOrNull<readonly string[]>(),
      deniedCountries: jsonOrNull<readonly string[]>(),
      /** The whole text, sealed, of a key that may be shown again. */
      sealedSecret: bytesOrNull,
      /** Id in `keyBudgets` of what it may still spend; a rotation hands it on. */
      budget: textOrNull,
      /** When its owner was told that nobody uses it. */
      unusedToldAt: integerOrNull,
      /** Of a personal access token. */
      pat: jsonOrNull<PatTerms>(),
      /** That it breaks the tenant's policy, where somebody lets it. */
      acceptance: jsonOrNull<Acceptance>(),
    },
    key: ['tenant', 'id'],
    indexes: [
      ['tenant', 'kind', 'createdAt', 'id'],
      ['tenant', 'owner', 'createdAt', 'id'],
      ['expiresAt'],
    ],
  }),

  /** What keys may still spend: a row a counter, shared by a key and its successors. */
  keyBudgets: table({
    columns: {
      tenant: text,
      /** That of the first key of the line. */
      id: text,
      name: text as typeof text & { rowType?: 'uses' | 'credits' },
      /** Never below zero. */
      left: integer,
      refill: jsonOrNull<Refill>(),
      /** The next refill; null where there is none. */
      refillAt: integerOrNull,
    },
    key: ['tenant', 'id', 'name'],
  }),

  /** Changes of many keys, as they were previewed and as far as they are done. */
  keyBulks: table({
    columns: {
      tenant: text,
      id: text,
      /** Who previewed it, kind and id with a colon between. */
      actor: text,
      filter: json<Record<string, unknown>>(),
      act: json<Record<string, unknown>>(),
      /** Ids of the keys with the versions that they had, in the order of change. */
      keys: json<readonly (readonly [string, number])[]>(),
      /** How many of them were gone through, and how many of those were changed. */
      done: integer,
      changed: integer,
      createdAt: integer,
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'id'],
    indexes: [['expiresAtSeconds']],
  }),

  /** Prefixes of imported keys, so that a foreign spelling leads to its look-up id. */
  importFormats: table({
    columns: {
      tenant: text,
      id: text,
      prefix: text,
      /** Between look-up id and secret; empty where the id follows from the hash. */
      separator: text,
      /** What the foreign hash covers: `key`, all that is presented, or `secret`. */
      hashed: text,
      createdAt: integer,
    },
    key: ['tenant', 'id'],
  }),
};

/** What a key's row holds where nobody decided anything. */
export const undecidedKeyColumns = {
  quarantine: null,
  purpose: null,
  tags: null,
  allowedCountries: null,
  deniedCountries: null,
  sealedSecret: null,
  budget: null,
  unusedToldAt: null,
  pat: null,
  acceptance: null,
} as const;
