/**
 * What is remembered of callers, each group with a bound of its own: tokens and addresses are had
 * by the thousand, and who uses many must not be forgotten by them as the user or client that he
 * is.
 */
import type { KeyedCharge } from './limit-store.ts';
import { limits } from './limits.ts';
import { RecentMap } from './recent-map.ts';

export class GroupedMemory<T> {
  readonly #entriesMax: number;
  readonly #groups = new Map<string, RecentMap<string, T>>();

  /** @param entriesMax of each group; beyond it whoever was seen longest ago is forgotten */
  constructor(entriesMax: number = limits.limitStatesMax) {
    this.#entriesMax = entriesMax;
  }

  /** Those that a charge is counted among. */
  of({ group }: Pick<KeyedCharge, 'group'>): RecentMap<string, T> {
    const known = this.#groups.get(group);
    if (known !== undefined) return known;
    const fresh = new RecentMap<string, T>(this.#entriesMax);
    this.#groups.set(group, fresh);
    return fresh;
  }
}
