/**
 * A bounded map that keeps what was used recently. Two generations of half the bound each: what is
 * found in the old one moves to the young one, and when the young one is full the old one goes. So
 * forgetting costs nothing that grows.
 */
export class RecentMap<K, V> {
  readonly #generationMax: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  /** @param entriesMax at least 2 */
  constructor(entriesMax: number) {
    this.#generationMax = Math.floor(entriesMax / 2);
    if (!(this.#generationMax >= 1)) throw new RangeError('RecentMap: entriesMax');
  }

  /** Looks, and counts as use only what `touch` is told of. */
  peek(key: K): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  /** Marks an entry as used. */
  touch(key: K): void {
    const value = this.#old.get(key);
    if (value !== undefined) this.set(key, value);
  }

  set(key: K, value: V): void {
    this.#old.delete(key);
    if (this.#young.size >= this.#generationMax && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  /** Entries held; at most `entriesMax`. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
