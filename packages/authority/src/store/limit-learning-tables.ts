/** Tables of limits that adapt: what callers usually do, and how their limits changed. */
import {
  bytes,
  bytesOrNull,
  integer,
  integerOrNull,
  json,
  table,
  text,
  textOrNull,
} from './table.ts';

export const limitLearningTables = {
  /** The weeks of one caller of one limit. */
  limitBaselines: table({
    columns: {
      tenant: text,
      route: text,
      limitName: text,
      /** Whose requests count together, as gateways write it. */
      caller: text,
      /** As `encodeBaseline` of the engine writes it. */
      baseline: bytes,
      /** By which its limit is made, as `encodeProfile` writes it; null: the static quota. */
      profile: bytesOrNull,
      /** Of the last change of the profile: see `numberings`. 0: it never had one. */
      number: integer,
      /** The week that was judged last; a later one is judged anew. */
      judgedWeek: integer,
      /** Unix milliseconds: a change was undone, and none is made before. */
      heldUntil: integer,
      /** Since the last change of its limit. */
      denied: integer,
      wouldDeny: integer,
      seenAtSeconds: integer,
      version: integer,
    },
    key: ['tenant', 'route', 'limitName', 'caller'],
    indexes: [['tenant', 'number', 'route', 'limitName', 'caller'], ['seenAtSeconds']],
  }),

  /** Each change of a limit, with what it rests on. */
  limitChanges: table({
    columns: {
      tenant: text,
      id: text,
      at: integer,
      route: text,
      limitName: text,
      caller: text,
      /** As `adaptive/change.ts` reads it: before, after, reasons, evidence. */
      change: json<Record<string, unknown>>(),
      /** What it is undone to; null: the static quota. */
      formerProfile: bytesOrNull,
      status: text as typeof text & { rowType?: 'in_force' | 'superseded' | 'undone' },
      undoneAt: integerOrNull,
      undoneBy: textOrNull,
      undoneUntil: integerOrNull,
      undoneReason: textOrNull,
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'id'],
    indexes: [
      ['tenant', 'at', 'id'],
      ['tenant', 'route', 'limitName', 'caller', 'status'],
      ['expiresAtSeconds'],
    ],
  }),
} as const;
