/** Tables of plans: what they allow, and who has which. */
import type { PlanHolderKind, RaisedLimit } from '@mintmark/core';
import { type Column, integer, json, table, text, textOrNull } from './table.ts';

export const planTables = {
  plans: table({
    columns: {
      tenant: text,
      name: text,
      plan: json<Record<string, unknown>>(),
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant', 'name'],
  }),

  /** Of a key only what was raised: its plan stands in its own row. */
  planHolders: table({
    columns: {
      tenant: text,
      /** `key`, `client`, `user` or `tenant`. */
      kind: text as Column<PlanHolderKind>,
      id: text,
      plan: textOrNull,
      raised: json<readonly RaisedLimit[]>(),
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant', 'kind', 'id'],
  }),
} as const;
