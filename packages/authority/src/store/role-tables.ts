/** Tables of roles and groups, and of the tokens that people make for themselves. */
import type { PatPolicy } from '@mintmark/core';
import { integer, json, table, text } from './table.ts';

export const roleTables = {
  /** A role grants scopes. */
  roles: table({
    columns: {
      tenant: text,
      name: text,
      description: text,
      scopes: json<readonly string[]>(),
      /** 1: clients get its scopes for those users alone who have them by a role. */
      exclusive: integer,
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant', 'name'],
  }),

  groups: table({
    columns: {
      tenant: text,
      name: text,
      description: text,
      roles: json<readonly string[]>(),
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant', 'name'],
  }),

  /** Which users have which roles, and are in which groups. */
  memberships: table({
    columns: {
      tenant: text,
      userId: text,
      kind: text as typeof text & { rowType?: 'role' | 'group' },
      name: text,
    },
    key: ['tenant', 'userId', 'kind', 'name'],
    indexes: [['tenant', 'kind', 'name', 'userId']],
  }),

  /** What the organisation lets personal access tokens be; absent: the defaults. */
  patPolicies: table({
    columns: { tenant: text, policy: json<PatPolicy>(), updatedAt: integer, version: integer },
    key: ['tenant'],
  }),
} as const;
