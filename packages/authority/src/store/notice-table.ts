/** The table of what owners of credentials are told: see `alerts/tell-owner.ts`. */
import { integer, integerOrNull, json, table, text } from './table.ts';

/** What became of a message by one of its ways; `none`: there is no such way to this owner. */
type Way = 'due' | 'sent' | 'none' | 'failed';

export const noticeTables = {
  /** Kept for a while after it was told, so that nobody is told the same thing twice. */
  notices: table({
    columns: {
      tenant: text,
      /** What is told, and of what: the same news has the same id, whoever brings it. */
      id: text,
      kind: text,
      /** Whose credential it is, as its row says it. */
      owner: text,
      aboutKind: text,
      aboutId: text,
      /** What the words are filled with; no secrets. */
      facts: json<Readonly<Record<string, string | null>>>(),
      status: text as typeof text & { rowType?: 'waiting' | 'told' | 'kept' | 'failed' },
      mail: text as typeof text & { rowType?: Way },
      webhook: text as typeof text & { rowType?: Way },
      /** How often the same news was brought again. */
      repeats: integer,
      /** Tries so far, and when the next one is due; null where it is over. */
      attempts: integer,
      nextAttemptAt: integerOrNull,
      createdAt: integer,
      /** Unix seconds; the row may be deleted afterwards. */
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'id'],
    indexes: [
      ['tenant', 'createdAt', 'id'],
      ['tenant', 'status', 'createdAt', 'id'],
      ['nextAttemptAt'],
      ['expiresAtSeconds'],
    ],
  }),
} as const;
