/**
 * Acts whose rows get the next number of their tenant's topic, so that whoever follows asks for
 * what came after the newest one that he knows. A number and its rows commit together.
 */
import { StoreFault } from '@mintmark/core';
import type { AuditRecord, Step } from './act.ts';
import type { Store } from './store.ts';

export interface Numbered {
  readonly tenant: string;
  readonly topic: 'threats' | 'limits';
  readonly steps: (number: number) => readonly Step[];
  readonly audit: AuditRecord | null;
}

const triesMax = 20;

/**
 * Another process may take the number first: then it is tried again.
 *
 * @returns `done`, or the `refused` code of the step that did not hold
 * @throws StoreFault
 */
export async function runNumbered(
  store: Pick<Store, 'numberings' | 'acts'>,
  { tenant, topic, steps, audit }: Numbered,
): Promise<string> {
  for (let tries = 0; tries < triesMax; tries++) {
    const known = await store.numberings.get(tenant, topic);
    const newest = (known?.newest ?? 0) + 1;
    const refused = 'number_taken';
    const count: Step =
      known === undefined
        ? { do: 'insert', table: 'numberings', row: { tenant, topic, newest }, refused }
        : {
            ...{ do: 'update', table: 'numberings', set: { newest }, refused },
            where: { tenant, topic, newest: known.newest },
          };
    const { outcome } = await store.acts.run({ steps: [count, ...steps(newest)], audit });
    if (outcome !== refused) return outcome;
  }
  throw new StoreFault('store_conflict', `numbers of ${topic} were taken again and again`);
}
