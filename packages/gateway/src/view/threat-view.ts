/**
 * The listed addresses that this node knows, kept up by asking for what changed. It asks only while
 * a route wants to know. What must never happen: an address shut out because nobody could be asked.
 * So what ends, ends here by itself, and a source that is gone takes its list with it.
 */
import {
  type Clock,
  limits,
  nowSeconds,
  type TenantId,
  type ThreatSource,
  type Timers,
} from '@mintmark/core';
import { createThreatIndex, type ThreatMatch } from '@mintmark/detection';

export interface ThreatView {
  /** @param feeds whose lists count; undefined: all */
  find(address: string, feeds: readonly string[] | undefined): ThreatMatch | undefined;
  /** Asks at once where it never has, and goes on asking. */
  start(): void;
  /** Asks now, unless that is under way. Resolves when it was asked. */
  look(): Promise<void>;
  stop(): void;
  readonly size: number;
}

export interface ThreatViewParts {
  readonly tenant: TenantId;
  readonly source: ThreatSource;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Whether any route asks. */
  readonly isWanted: () => boolean;
  readonly onFault: (error: unknown) => void;
}

/** Pages of one question: all that there can be, twice. */
const pagesMax = (2 * limits.threatBlocksMax) / limits.threatPageBlocksMax;

export function createThreatView(parts: ThreatViewParts): ThreatView {
  const { clock } = parts;
  const index = createThreatIndex(limits.threatBlocksMax);
  let newest = 0;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;
  let stop = (): void => {};

  async function ask(): Promise<void> {
    const startedAtMs = clock.monotonicMs();
    // What ended meanwhile may be told no more: everything anew.
    const isLost = startedAtMs - askedAtMs > (limits.threatEndedKeptSeconds * 1000) / 2;
    if (isLost) begin();
    const after = newest;
    let first: number | undefined;
    let cursor: string | undefined;
    for (let page = 0; page < pagesMax; page++) {
      const answer = await parts.source.read({ tenant: parts.tenant, after, cursor });
      first ??= answer.newest;
      if (first < after) {
        // Another store, or restored data: its numbers mean something else.
        begin();
        return;
      }
      const now = nowSeconds(clock);
      index.setFeeds(new Map(answer.feeds.map(({ name, until }) => [name, until])));
      index.apply(answer.blocks.map((one) => (one.until > now ? one : { ...one, until: gone })));
      cursor = answer.next;
      if (cursor === undefined) break;
    }
    newest = first ?? after;
    askedAtMs = startedAtMs;
  }

  function begin(): void {
    index.clear();
    newest = 0;
  }

  function look(): Promise<void> {
    if (!parts.isWanted()) return Promise.resolve();
    underWay ??= ask()
      .catch(parts.onFault)
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  }

  return {
    find(address, feeds) {
      const now = nowSeconds(clock);
      return index.find(address, now, feeds && ((feed) => feeds.includes(feed)));
    },
    start() {
      void look();
      stop = parts.timers.every(limits.threatPollMs, () => void look());
    },
    look,
    stop: () => stop(),
    get size() {
      return index.size;
    },
  };
}

const gone = 0 as ThreatMatch['until'];
