/** Tables of API keys, and of what belongs to them. */
import type { KeyStatus } from '@mintmark/core';
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
    },
    key: ['tenant', 'id'],
    indexes: [
      ['tenant', 'kind', 'createdAt', 'id'],
      ['tenant', 'owner', 'createdAt', 'id'],
      ['expiresAt'],
    ],
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
export const undecidedKeyColumns = { quarantine: null } as const;
