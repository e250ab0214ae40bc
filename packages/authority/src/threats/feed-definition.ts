/**
 * A source of listed addresses: where it is, what it speaks, how often it is read, and how far it
 * is believed. What must never happen: a source that lists more than its operator meant it to.
 */
import { limits } from '@mintmark/core';
import { z } from 'zod';
import type { Row } from '../store/tables.ts';

const feedKinds = ['plain', 'crowdsec', 'taxii'] as const;
type FeedKind = (typeof feedKinds)[number];

export type FeedRow = Row<'threatFeeds'>;

export const feedName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

export const feedSchema = z.strictObject({
  kind: z
    .enum(feedKinds)
    .describe(
      '`plain`: an address or block a line; `crowdsec`: the local API of CrowdSec; `taxii`: a ' +
        'collection of a TAXII 2.1 server',
    ),
  url: z
    .string()
    .max(limits.outboundUrlCharsMax)
    .regex(
      /^https?:\/\/[^/?#\s@]+[^#\s@]*$/,
      'must be an http(s) URL without user name or fragment',
    )
    .describe('Of the list; of the local API without `/v1`; of the collection'),
  user: z
    .string()
    .regex(/^[\x20-\x39\x3b-\x7e]{1,128}$/)
    .optional()
    .describe('Name for HTTP Basic, with the secret as its password; else that is a bearer token'),
  every_seconds: z
    .int()
    .min(10)
    .max(7 * 86_400)
    .optional()
    .describe('How often it is read: 60 for CrowdSec, 600 for TAXII, 3600 for a list by default'),
  keep_seconds: z
    .int()
    .min(60)
    .max(90 * 86_400)
    .optional()
    .describe('How long after the last good reading what it lists still counts; default: 86400'),
  widest_ipv4: z
    .int()
    .min(1)
    .max(32)
    .optional()
    .describe('Shortest prefix that it may list; default: 8'),
  widest_ipv6: z.int().min(1).max(128).optional().describe('The same for IPv6; default: 19'),
  allow_private: z
    .boolean()
    .optional()
    .describe('Whether it may list private and other special addresses; default: no'),
  blocks_max: z
    .int()
    .min(1)
    .max(limits.threatBlocksMax)
    .optional()
    .describe(`A list with more is not taken; default: ${limits.threatFeedBlocksDefault}`),
});

export type FeedDefinition = z.output<typeof feedSchema>;

/** @throws ZodError where the row holds no feed: stored state is suspect, and nothing is read */
export function definitionOf(row: Pick<FeedRow, 'definition'>): FeedDefinition {
  return feedSchema.parse(row.definition);
}

const everySecondsByDefault: Readonly<Record<FeedKind, number>> = {
  ...{ plain: 3_600, crowdsec: 60, taxii: 600 },
};

/** What a feed goes by, with all that is left out filled in. */
export function termsOf(feed: FeedDefinition) {
  return {
    everySeconds: feed.every_seconds ?? everySecondsByDefault[feed.kind],
    keepSeconds: feed.keep_seconds ?? 86_400,
    widest: { ipv4: feed.widest_ipv4 ?? 8, ipv6: feed.widest_ipv6 ?? 19 },
    takesPrivate: feed.allow_private === true,
    blocksMax: feed.blocks_max ?? limits.threatFeedBlocksDefault,
  };
}

/** What is wrong beyond the shape; undefined where nothing is. */
export function feedFault(
  feed: FeedDefinition,
  secret: 'given' | 'none',
): { readonly pointer: string; readonly message: string } | undefined {
  const { everySeconds, keepSeconds } = termsOf(feed);
  if (!URL.canParse(feed.url)) return { pointer: '/url', message: 'is no URL' };
  if (feed.kind !== 'plain' && feed.url.includes('?')) {
    return { pointer: '/url', message: 'has no query: paths are put behind it' };
  }
  if (keepSeconds < everySeconds) {
    return { pointer: '/keep_seconds', message: 'must not be shorter than the pause of reading' };
  }
  if (feed.kind === 'crowdsec' && secret === 'none') {
    return { pointer: '/secret', message: 'is needed: the key of a bouncer of CrowdSec' };
  }
  if (feed.kind === 'crowdsec' && feed.user !== undefined) {
    return { pointer: '/user', message: 'is nothing that CrowdSec asks for' };
  }
  if (feed.user !== undefined && secret === 'none') {
    return { pointer: '/secret', message: 'is needed beside a user' };
  }
  return undefined;
}
