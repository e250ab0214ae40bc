import type { Act, ActOutcome, Step } from '../act.ts';
import type { Store } from '../store.ts';

/** Runs steps as an act that records nothing, unless `rest` says otherwise. */
export function stepRunner(store: () => Store) {
  return (steps: readonly Step[], rest?: Partial<Act>): Promise<ActOutcome> =>
    store().acts.run({ steps, audit: null, ...rest });
}

export const done = { outcome: 'done', position: undefined };
