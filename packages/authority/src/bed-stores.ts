/**
 * The stores of tests that name none: in memory, unless a suite runs the same tests on another one.
 */
import { openMemoryStore } from './store/memory/memory-store.ts';
import type { Store } from './store/store.ts';

let open: () => Store | Promise<Store> = openMemoryStore;

/** An empty one. */
export async function freshStore(): Promise<Store> {
  return open();
}

/** From now on, in this process. */
export function useFreshStores(opener: () => Promise<Store>): void {
  open = opener;
}
