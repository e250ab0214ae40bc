/**
 * The listed addresses that this node knows, kept up by asking for what changed. What must never
 * happen: an address shut out because nobody could be asked. So what ends, ends here by itself, and
 * a source that is gone takes its list with it.
 */
import {
  type Clock,
  limits,
  nowSeconds,
  type TenantId,
  type ThreatPage,
  type ThreatSource,
  type Timers,
} from '@mintmark/core';
import { createThreatIndex, type ThreatMatch } from '@mintmark/detection';
import { type ChangeFollower, followChanges } from './follow-changes.ts';

export interface ThreatView extends ChangeFollower {
  /** @param feeds whose lists count; undefined: all */
  find(address: string, feeds: readonly string[] | undefined): ThreatMatch | undefined;
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

export function createThreatView(parts: ThreatViewParts): ThreatView {
  const { clock, tenant, source } = parts;
  const index = createThreatIndex(limits.threatBlocksMax);
  const follower = followChanges<ThreatPage>({
    ...parts,
    read: (from) => source.read({ tenant, ...from }),
    begin: () => index.clear(),
    apply({ feeds, blocks }) {
      const now = nowSeconds(clock);
      index.setFeeds(new Map(feeds.map(({ name, until }) => [name, until])));
      index.apply(blocks.map((one) => (one.until > now ? one : { ...one, until: gone })));
    },
  });
  return {
    ...follower,
    find(address, feeds) {
      return index.find(address, nowSeconds(clock), feeds && ((feed) => feeds.includes(feed)));
    },
    get size() {
      return index.size;
    },
  };
}

const gone = 0 as ThreatMatch['until'];
