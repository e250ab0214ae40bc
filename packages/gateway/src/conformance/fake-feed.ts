/** A status feed that says what a test says, when it says it. */
import {
  defaultTenant,
  type FeedDelta,
  type FeedEntry,
  type FeedKeyPage,
  type FeedSnapshot,
  type FeedSource,
  type KeyView,
} from '@mintmark/core';

type Draft = FeedEntry extends infer E
  ? E extends FeedEntry
    ? Omit<E, 'position'>
    : never
  : never;

export class FakeFeed implements FeedSource {
  epoch = 'epoch-1';
  tenant = defaultTenant;
  issuer = 'https://issuer.test';
  /** Thrown by the next calls while set. */
  fault: Error | undefined;
  /** Answers nothing while true: as a network that swallows packets. */
  silent = false;
  snapshots = 0;
  /** Where set: so many keys stand in the snapshot and in each page behind it. */
  keysAtOnce: number | undefined;
  /** Pages that wait for a test to let them go; undefined: none waits. */
  held: (() => void)[] | undefined;
  #entries: FeedEntry[] = [];
  #waiting: (() => void)[] = [];
  #next: (FeedDelta | 'resync') | undefined;

  get head(): number {
    return this.#entries.length;
  }

  /** Appends entries and lets the waiting node have them. */
  push(...drafts: readonly Draft[]): void {
    for (const draft of drafts) {
      this.#entries.push({ ...draft, position: this.#entries.length + 1 } as FeedEntry);
    }
    this.heartbeat();
  }

  /** Answers the waiting node now, with whatever is new. */
  heartbeat(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The waiting node gets exactly this. */
  answer(next: FeedDelta | 'resync'): void {
    this.#next = next;
    this.heartbeat();
  }

  /** Starts again from restored data. */
  restore(epoch: string, entries: readonly Draft[]): void {
    this.epoch = epoch;
    this.#entries = [];
    this.push(...entries);
  }

  /** The key that was told last. */
  lastKey(): KeyView | undefined {
    return this.#entries.findLast((entry) => entry.type === 'key')?.key;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async snapshot(): Promise<FeedSnapshot> {
    this.snapshots++;
    if (this.fault !== undefined) throw this.fault;
    const { tenant, epoch, head, issuer } = this;
    const { entries, ...more } = this.#page(undefined);
    const others = this.#entries.filter(({ type }) => type !== 'key');
    return { tenant, epoch, head, issuer, entries: [...others, ...entries], ...more };
  }

  async keys(input: { epoch: string; after: string }): Promise<FeedKeyPage | 'resync'> {
    // Read first and sent later: what comes meanwhile is newer than the page.
    const page = this.#page(input.after);
    if (this.held !== undefined) await new Promise<void>((go) => this.held?.push(go));
    if (this.fault !== undefined) throw this.fault;
    if (input.epoch !== this.epoch) return 'resync';
    return { tenant: this.tenant, epoch: this.epoch, ...page };
  }

  /** Keys as they are now, by id. */
  #page(after: string | undefined): Pick<FeedKeyPage, 'entries' | 'nextKeys'> {
    const keys = this.#entries.filter((entry) => entry.type === 'key');
    if (this.keysAtOnce === undefined) return { entries: keys };
    const last = new Map(keys.map((entry) => [String(entry.key.id), entry]));
    const ids = [...last.keys()].sort().filter((id) => after === undefined || id > after);
    const taken = ids.slice(0, this.keysAtOnce);
    const nextKeys = taken.at(-1);
    const entries = taken.map((id) => last.get(id)!);
    return ids.length === taken.length || nextKeys === undefined
      ? { entries }
      : { entries, nextKeys };
  }

  async delta(input: { epoch: string; after: number }): Promise<FeedDelta | 'resync'> {
    if (this.fault !== undefined) throw this.fault;
    if (this.silent) return new Promise(() => {});
    if (input.epoch === this.epoch && input.after === this.head) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.fault !== undefined) throw this.fault;
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) return next;
    if (input.epoch !== this.epoch) return 'resync';
    const entries = this.#entries.slice(input.after);
    const { tenant, epoch, head } = this;
    return { tenant, epoch, head, after: input.after, entries };
  }
}
