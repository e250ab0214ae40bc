/** Rights that were taken away because they were not used: see `admin/narrow.ts`. */
import { integer, integerOrNull, json, table, text } from './table.ts';

export const narrowingTables = {
  narrowings: table({
    columns: {
      tenant: text,
      id: text,
      /** `key` or `client`. */
      kind: text,
      targetId: text,
      owner: text,
      name: text,
      /** The scopes of before, exactly, and those that were left. */
      former: json<readonly string[]>(),
      narrowed: json<readonly string[]>(),
      /** What the key or client had after it: of another version, nothing is given back. */
      version: integer,
      status: text as typeof text & { rowType?: 'trial' | 'undone' | 'settled' },
      createdAt: integer,
      trialEndsAt: integer,
      endedAt: integerOrNull,
    },
    key: ['tenant', 'id'],
    indexes: [
      ['tenant', 'kind', 'targetId', 'createdAt', 'id'],
      ['status', 'trialEndsAt', 'tenant', 'id'],
    ],
  }),
} as const;
