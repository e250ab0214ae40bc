/**
 * Listed blocks, to be asked on every request. What has ended is found no more, whether or not
 * anybody has said so; and nothing of a feed whose own time has run out.
 */
import { type IpAddress, parseAddress, type UnixSeconds } from '@mintmark/core';
import { FourBlocks } from './four-blocks.ts';
import { readNetworkKey } from './network.ts';
import { SixBlocks } from './six-blocks.ts';

export interface ThreatChange {
  readonly feed: string;
  /** As `networkKey` writes it. */
  readonly network: string;
  /** 0: it is listed no longer. */
  readonly until: UnixSeconds;
}

export type ThreatMatch = ThreatChange;

export interface ThreatIndex {
  /** @returns how many were taken: what has no key, or found no room, was not */
  apply(changes: readonly ThreatChange[]): number;
  /** The feeds that are there, and until when what they list counts. Others count no more. */
  setFeeds(feeds: ReadonlyMap<string, UnixSeconds>): void;
  /** The narrowest block that holds the address and has not ended. */
  find(
    address: IpAddress | string,
    now: UnixSeconds,
    /** Whether a feed's word counts here; undefined: all do. */
    counts?: (feed: string) => boolean,
  ): ThreatMatch | undefined;
  clear(): void;
  readonly size: number;
}

/** Numbers of feeds are kept in 16 bits, those of feeds that are gone too. */
const feedsMax = 0xffff;

/** @param blocksMax beyond it nothing more is taken: to list fewer lets somebody in, not out */
export function createThreatIndex(blocksMax: number): ThreatIndex {
  let four = new FourBlocks();
  let six = new SixBlocks();
  const numbers = new Map<string, number>();
  const names: string[] = [];
  let ends: readonly number[] = [];

  function numberOf(feed: string): number | undefined {
    const known = numbers.get(feed);
    if (known !== undefined || names.length >= feedsMax) return known;
    numbers.set(feed, names.length);
    return names.push(feed) - 1;
  }

  function take({ feed: name, network, until }: ThreatChange): boolean {
    const parts = readNetworkKey(network);
    const feed = numberOf(name);
    if (parts === undefined || feed === undefined) return false;
    if (until !== 0 && four.size + six.size >= blocksMax) return false;
    if (parts.family === 6) six.put(network, parts.bits, { feed, until });
    else four.put(Number(parts.first), parts.bits, { feed, until });
    return true;
  }

  return {
    apply: (changes) => changes.filter(take).length,
    setFeeds(feeds) {
      for (const feed of feeds.keys()) numberOf(feed);
      ends = names.map((name) => feeds.get(name) ?? 0);
    },
    find(candidate, now, counts) {
      if (four.size + six.size === 0) return undefined;
      const address = typeof candidate === 'string' ? parseAddress(candidate) : candidate;
      if (address === undefined) return undefined;
      const isLive = (feed: number, until: number) =>
        until > now && (ends[feed] ?? 0) > now && (counts === undefined || counts(names[feed]!));
      const found =
        address.family === 4 ? four.find(address.value, isLive) : six.find(address.value, isLive);
      if (found === undefined) return undefined;
      const { feed, key: network, until } = found;
      const end = Math.min(until, ends[feed]!) as UnixSeconds;
      return { feed: names[feed]!, network, until: end };
    },
    clear() {
      four = new FourBlocks();
      six = new SixBlocks();
    },
    get size() {
      return four.size + six.size;
    },
  };
}
