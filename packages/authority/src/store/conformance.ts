/**
 * The suite that every store passes. It says what the contract in `store.ts` and `act.ts` means.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { describeClosing } from './conformance/closing.ts';
import { describeFeed } from './conformance/feed.ts';
import { describeLists } from './conformance/lists.ts';
import { describeModel } from './conformance/model.ts';
import { describePartitions } from './conformance/partitions.ts';
import { describeRaces } from './conformance/races.ts';
import { describeSteps } from './conformance/steps.ts';
import { describeValues } from './conformance/values.ts';
import type { Store } from './store.ts';

/**
 * @param open opens an empty store, by as many handles as can be on the same data; the suite closes
 *   them
 * @param options.seed of the random acts, which a failure names
 */
export function describeStore(
  name: string,
  open: () => Promise<readonly Store[]>,
  options: { randomActs: number; seed: number },
): void {
  describe(name, () => {
    let stores: readonly Store[] = [];
    const store = () => stores[0]!;
    beforeAll(async () => {
      stores = await open();
    });
    afterAll(async () => {
      await Promise.all(stores.map(({ upkeep }) => upkeep.close()));
    });
    describeSteps(store);
    describeValues(store);
    describeLists(store);
    describePartitions(store);
    describeFeed(() => stores);
    describeRaces(() => stores);
    describeClosing(open);
    describeModel(store, { acts: options.randomActs, seed: options.seed });
  });
}
