/**
 * Blocks of IPv4 by the number of the feed that lists them: sorted arrays of 18 bytes a block, with
 * the newest changes beside them until there are enough to be worth new arrays.
 */
import { networkKey } from './network.ts';

/** What is kept of one block of one feed; until 0 it is gone. */
export interface Block {
  readonly key: string;
  readonly feed: number;
  readonly until: number;
}

interface Sorted {
  /** First address × 64 + length. */
  readonly keys: Float64Array;
  readonly untils: Float64Array;
  readonly feeds: Uint16Array;
}

/** By block, and by the number of the feed: until when. */
type Changes = Map<number, Map<number, number>>;

const besideMin = 1_024;

export class FourBlocks {
  #sorted = emptySorted();
  #beside: Changes = new Map();
  #besideCount = 0;
  readonly #lengths = new Set<number>();

  /** Counts a changed block twice until it is put into the arrays. */
  get size(): number {
    return this.#sorted.keys.length + this.#besideCount;
  }

  put(first: number, bits: number, of: { readonly feed: number; readonly until: number }): void {
    const key = keyOf(first, bits);
    const known = this.#beside.get(key) ?? new Map<number, number>();
    if (!known.has(of.feed)) this.#besideCount++;
    known.set(of.feed, of.until);
    this.#beside.set(key, known);
    this.#lengths.add(bits);
    if (this.#besideCount <= Math.max(besideMin, this.#sorted.keys.length / 4)) return;
    this.#sorted = merge(this.#sorted, this.#beside);
    this.#beside = new Map();
    this.#besideCount = 0;
  }

  /** The first of the blocks that hold the address, narrowest first, that is as asked for. */
  find(value: number, isWanted: (feed: number, until: number) => boolean): Block | undefined {
    for (let bits = 32; bits >= 0; bits--) {
      if (!this.#lengths.has(bits)) continue;
      const size = 2 ** (32 - bits);
      const key = keyOf(Math.floor(value / size) * size, bits);
      const found = this.#findBeside(key, isWanted) ?? this.#findSorted(key, isWanted);
      if (found !== undefined) return { ...found, key: textOf(key) };
    }
    return undefined;
  }

  #findBeside(key: number, isWanted: (feed: number, until: number) => boolean) {
    for (const [feed, until] of this.#beside.get(key) ?? []) {
      if (isWanted(feed, until)) return { feed, until };
    }
    return undefined;
  }

  #findSorted(key: number, isWanted: (feed: number, until: number) => boolean) {
    const { keys, feeds, untils } = this.#sorted;
    const changed = this.#beside.get(key);
    for (let at = lowerBound(keys, key); keys[at] === key; at++) {
      const [feed, until] = [feeds[at]!, untils[at]!];
      if (changed?.has(feed) !== true && isWanted(feed, until)) return { feed, until };
    }
    return undefined;
  }
}

function emptySorted(): Sorted {
  return sortedOf(0);
}

function sortedOf(length: number): Sorted {
  const [keys, untils] = [new Float64Array(length), new Float64Array(length)];
  return { keys, untils, feeds: new Uint16Array(length) };
}

function keyOf(first: number, bits: number): number {
  return first * 64 + bits;
}

function textOf(key: number): string {
  return networkKey(4, Math.floor(key / 64), key % 64);
}

/** New arrays with the changes in them; what is gone is left out. */
function merge(old: Sorted, changes: Changes): Sorted {
  const fresh = [...changes]
    .flatMap(([key, of]) => [...of].map(([feed, until]) => ({ key, feed, until })))
    .filter(({ until }) => until !== 0)
    .sort((a, b) => a.key - b.key);
  const into = sortedOf(old.keys.length + fresh.length);
  let [count, from] = [0, 0];
  const put = (key: number, feed: number, until: number): void => {
    into.keys[count] = key;
    into.untils[count] = until;
    into.feeds[count++] = feed;
  };
  const keepBefore = (key: number): void => {
    for (; from < old.keys.length && old.keys[from]! < key; from++) {
      const [known, feed] = [old.keys[from]!, old.feeds[from]!];
      if (changes.get(known)?.has(feed) !== true) put(known, feed, old.untils[from]!);
    }
  };
  for (const { key, feed, until } of fresh) {
    keepBefore(key);
    put(key, feed, until);
  }
  keepBefore(Number.POSITIVE_INFINITY);
  const { keys, untils, feeds } = into;
  return {
    keys: keys.slice(0, count),
    untils: untils.slice(0, count),
    feeds: feeds.slice(0, count),
  };
}

function lowerBound(keys: Float64Array, key: number): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
