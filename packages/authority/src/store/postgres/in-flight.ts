import { StoreFault } from '@mintmark/core';

/** Counts the work under way, so that closing waits for it and nothing begins afterwards. */
export class InFlight {
  #count = 0;
  #closed = false;
  #emptied: (() => void) | undefined;

  /** @throws StoreFault `store_closed` */
  async run<R>(work: () => Promise<R>): Promise<R> {
    if (this.#closed) throw new StoreFault('store_closed', 'the store is closed');
    this.#count += 1;
    try {
      return await work();
    } finally {
      this.#count -= 1;
      if (this.#count === 0) this.#emptied?.();
    }
  }

  /** @returns whether it was open until now */
  async close(): Promise<boolean> {
    if (this.#closed) return false;
    this.#closed = true;
    if (this.#count > 0) {
      await new Promise<void>((resolve) => {
        this.#emptied = resolve;
      });
    }
    return true;
  }
}
