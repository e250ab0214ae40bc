/** Blocks of IPv6 by the number of the feed that lists them. Lists hold few of them. */
import type { Block } from './four-blocks.ts';
import { networkKey } from './network.ts';

export class SixBlocks {
  readonly #blocks = new Map<string, Map<number, number>>();
  readonly #lengths = new Set<number>();
  #count = 0;

  get size(): number {
    return this.#count;
  }

  put(key: string, bits: number, of: { readonly feed: number; readonly until: number }): void {
    const known = this.#blocks.get(key) ?? new Map<number, number>();
    if (known.has(of.feed)) this.#count--;
    if (of.until === 0) known.delete(of.feed);
    else {
      known.set(of.feed, of.until);
      this.#count++;
      this.#lengths.add(bits);
    }
    if (known.size === 0) this.#blocks.delete(key);
    else this.#blocks.set(key, known);
  }

  /** The first of the blocks that hold the address, narrowest first, that is as asked for. */
  find(value: bigint, isWanted: (feed: number, until: number) => boolean): Block | undefined {
    for (let bits = 128; bits >= 0; bits--) {
      if (!this.#lengths.has(bits)) continue;
      const host = BigInt(128 - bits);
      const key = networkKey(6, (value >> host) << host, bits);
      for (const [feed, until] of this.#blocks.get(key) ?? []) {
        if (isWanted(feed, until)) return { key, feed, until };
      }
    }
    return undefined;
  }
}
