/**
 * Listed addresses on their way from the authority to enforcement points:
 *
 *   GET /v1/feed/threats?after=&place=    → 200 {newest, feeds, blocks, next?}
 *
 * Every change of a list has a number. A node asks for what came after the newest number that it
 * knows, page by page, and again a little later. What has ended is told as well, with its end.
 */
import type { UnixSeconds } from '../clock.ts';
import type { TenantId } from '../ids.ts';
import { isJsonObject, type JsonValue } from '../json.ts';
import { err, ok, type Result } from '../result.ts';

export interface ThreatBlock {
  readonly feed: string;
  /** `4` or `6`, first address in hexadecimal, `/`, length. */
  readonly network: string;
  /** It is listed no longer from then on. */
  readonly until: UnixSeconds;
}

export interface ThreatPage {
  /** The newest number when the answer was begun: to ask behind, once all pages are read. */
  readonly newest: number;
  /** The feeds that there are, and until when anything in them counts. */
  readonly feeds: readonly { readonly name: string; readonly until: UnixSeconds }[];
  readonly blocks: readonly ThreatBlock[];
  /** Where the next page begins. */
  readonly next?: string;
}

export interface ThreatSource {
  /** @throws NetworkFault or StoreFault; what is known goes on to its end */
  read(input: {
    readonly tenant: TenantId;
    /** 0: everything. */
    readonly after: number;
    readonly cursor?: string | undefined;
  }): Promise<ThreatPage>;
}

export type ThreatPageRefusal = { readonly reason: 'malformed_threats'; readonly what: string };

/** Reads an answer's body. */
export function parseThreatPage(value: JsonValue): Result<ThreatPage, ThreatPageRefusal> {
  if (!isJsonObject(value)) return malformed('body');
  const { newest, feeds, blocks, next } = value;
  if (!isWhole(newest)) return malformed('newest');
  if (next !== undefined && typeof next !== 'string') return malformed('next');
  if (!Array.isArray(feeds) || !feeds.every(isFeed)) return malformed('feeds');
  if (!Array.isArray(blocks) || !blocks.every(isBlock)) return malformed('blocks');
  return ok(value as unknown as ThreatPage);
}

function malformed(what: string): Result<never, ThreatPageRefusal> {
  return err({ reason: 'malformed_threats', what });
}

function isFeed(value: JsonValue): boolean {
  return isJsonObject(value) && typeof value['name'] === 'string' && isWhole(value['until']);
}

function isBlock(value: JsonValue): boolean {
  return (
    isJsonObject(value) &&
    typeof value['feed'] === 'string' &&
    typeof value['network'] === 'string' &&
    isWhole(value['until'])
  );
}

function isWhole(value: JsonValue | undefined): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
