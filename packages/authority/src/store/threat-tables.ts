/** Tables of threat lists: where they come from, and what they name. */
import { bytesOrNull, integer, integerOrNull, json, table, text } from './table.ts';

export const threatTables = {
  /** A source of listed addresses: see `threats/feed-definition.ts`. */
  threatFeeds: table({
    columns: {
      tenant: text,
      name: text,
      definition: json<Record<string, unknown>>(),
      /** What it is asked with. */
      sealedSecret: bytesOrNull,
      /** Unix milliseconds: when it is read next. */
      dueAt: integer,
      /** Unix seconds: nothing in it counts any more from then on. */
      countsUntilSeconds: integer,
      /** As `threats/progress.ts` reads it. */
      progress: json<Record<string, unknown>>(),
      createdAt: integer,
      updatedAt: integer,
      version: integer,
      /** Deleted, while its blocks are still taken away. */
      deletedAt: integerOrNull,
    },
    key: ['tenant', 'name'],
    indexes: [['dueAt']],
  }),

  /** One block of addresses on one list. What has ended stays for a while, to be told. */
  threatBlocks: table({
    columns: {
      tenant: text,
      feed: text,
      /** As `networkKey` of the engine writes it. */
      network: text,
      reason: text,
      /** Unix seconds. */
      untilSeconds: integer,
      /** Of its last change: see `numberings`. */
      number: integer,
    },
    key: ['tenant', 'feed', 'network'],
    indexes: [
      ['tenant', 'number', 'feed', 'network'],
      ['tenant', 'network', 'feed'],
      ['untilSeconds'],
    ],
  }),

  /** The newest number that changes of a tenant's things were given, by what they are. */
  numberings: table({
    columns: { tenant: text, topic: text, newest: integer },
    key: ['tenant', 'topic'],
  }),
} as const;
