/**
 * The suite that every store passes. It says what the contract in `store.ts` and `act.ts` means.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { describeSteps } from './conformance/steps.ts';
import type { Store } from './store.ts';

/**
 * @param open opens an empty store; the suite closes it
 */
export function describeStore(name: string, open: () => Promise<Store>): void {
  describe(name, () => {
    let store: Store;
    beforeAll(async () => {
      store = await open();
    });
    afterAll(async () => {
      await store.upkeep.close();
    });
    describeSteps(() => store);
  });
}
