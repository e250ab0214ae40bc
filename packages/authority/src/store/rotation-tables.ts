/** Tables of automatic rotation: rules, what they did, and the places that they write to. */
import { bytesOrNull, integer, json, table, text, textOrNull } from './table.ts';

export const rotationTables = {
  /** When a credential rotates, and where its successor is brought: see `rotation/rule.ts`. */
  rotationRules: table({
    columns: {
      tenant: text,
      name: text,
      targetKind: text,
      /** The key as it is now, whatever it was when the rule was written; or the client. */
      targetId: text,
      definition: json<Record<string, unknown>>(),
      /** Unix milliseconds; `neverDue` while a run is open, and where only events count. */
      dueAt: integer,
      /** The event that asks for a rotation now; null where only age does. */
      cause: textOrNull,
      /** The open run: there is one at most. */
      runId: textOrNull,
      /** Why the last beginning came to nothing. */
      fault: textOrNull,
      createdAt: integer,
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant', 'name'],
    unique: [['tenant', 'targetKind', 'targetId']],
    indexes: [['dueAt']],
  }),

  /** One rotation of one credential, from its successor's making to its predecessor's end. */
  rotationRuns: table({
    columns: {
      tenant: text,
      /** By which receivers know a delivery that they have had before. */
      id: text,
      rule: text,
      status: text,
      dueAt: integer,
      startedAt: integer,
      /** The successor's secret, sealed, until it is delivered everywhere; nowhere else is it. */
      sealedSecret: bytesOrNull,
      /** As `rotation/run.ts` reads it. */
      progress: json<Record<string, unknown>>(),
      version: integer,
      /** Unix seconds; the row may be deleted afterwards. Far away while the run is open. */
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'id'],
    indexes: [['tenant', 'rule', 'startedAt', 'id'], ['dueAt'], ['expiresAtSeconds']],
  }),

  /** What happened that rules may name, until they were asked: written by the act that did it. */
  rotationEvents: table({
    columns: {
      tenant: text,
      event: text,
      /** As `rotation-event-row.ts` spells it. */
      about: text,
      /** How often it happened since rules were asked. */
      count: integer,
      at: integer,
    },
    key: ['tenant', 'event', 'about'],
  }),

  /** Whose a place is, so that no two rules write over one another. */
  rotationPlaces: table({
    columns: { place: text, tenant: text, rule: text },
    key: ['place'],
    indexes: [['tenant', 'rule', 'place']],
  }),
} as const;
