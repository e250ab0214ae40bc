/** Tables of policies: what is judged by, what came of it, and what APIs can do. */
import type { ApiView, ExplainedDecision } from '@mintmark/core';
import { integer, integerOrNull, json, table, text, textOrNull } from './table.ts';

export const policyTables = {
  /** A policy: which of its versions are judged by. */
  policies: table({
    columns: {
      tenant: text,
      name: text,
      newest: integer,
      /** The version that decides; null: none. */
      enforced: integerOrNull,
      /** The version that is asked beside it. */
      shadow: integerOrNull,
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant', 'name'],
  }),

  /** What was written under a policy's name, once and for ever. */
  policyVersions: table({
    columns: {
      tenant: text,
      name: text,
      number: integer,
      /** As `policies/document.ts` reads it. */
      document: json<Record<string, unknown>>(),
      /** Who wrote it, as the trail names them: kind and id. */
      author: text,
      reason: text,
      createdAt: integer,
    },
    key: ['tenant', 'name', 'number'],
  }),

  /** What versions in shadow would have changed. */
  policyTallies: table({
    columns: {
      tenant: text,
      policy: text,
      number: integer,
      /** The enforced version beside it; 0: none. */
      against: integer,
      route: text,
      action: text,
      judged: integer,
      newlyDenied: integer,
      newlyAllowed: integer,
      failed: integer,
      deniedExample: textOrNull,
      allowedExample: textOrNull,
      firstAt: integer,
      lastAt: integer,
    },
    key: ['tenant', 'policy', 'number', 'against', 'route', 'action'],
  }),

  /** Decisions kept to be explained. */
  decisions: table({
    columns: {
      tenant: text,
      id: text,
      at: integer,
      decision: json<Omit<ExplainedDecision, 'type' | 'tenant' | 'id' | 'at'>>(),
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'id'],
    indexes: [['tenant', 'at', 'id'], ['expiresAtSeconds']],
  }),

  /** APIs that routes may name. */
  apis: table({
    columns: {
      tenant: text,
      name: text,
      api: json<ApiView>(),
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant', 'name'],
  }),
};
