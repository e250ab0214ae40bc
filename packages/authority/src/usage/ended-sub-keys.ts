/**
 * Lets go of the counts of sub-keys that can live no more. Nobody tells the server when one ends:
 * what was not used for the longest life of one has ended. Every tenant's are looked at in turn, a
 * bounded number at a time.
 */
import { type Clock, limits } from '@mintmark/core';
import type { Store } from '../store/store.ts';

export interface EndedSubKeys {
  /** One bounded step; the next goes on behind it. @throws StoreFault */
  step(): Promise<void>;
}

const kind = 'sub_key';

export function createEndedSubKeys({
  store,
  clock,
}: {
  readonly store: Pick<Store, 'tenants' | 'usage' | 'acts'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}): EndedSubKeys {
  let tenant: string | undefined;
  let after: readonly (string | number)[] | undefined;

  /** @returns how many rows were looked at */
  async function page(of: string): Promise<number> {
    const rows = await store.usage.list({
      where: { tenant: of, kind },
      limit: limits.longReadRows,
      ...(after === undefined ? {} : { after }),
    });
    const lived = (limits.subKeySecondsMax + limits.clockSkewSeconds) * 1000;
    const ended = rows.filter(({ lastUsedAt }) => lastUsedAt < clock.nowMs() - lived);
    if (ended.length > 0) {
      const keys = ended.map(({ id }) => [of, kind, id]);
      await store.acts.run({ steps: [{ do: 'deleteMany', table: 'usage', keys }], audit: null });
    }
    const last = rows.length < limits.longReadRows ? undefined : rows.at(-1);
    after = last && [last.tenant, last.kind, last.id];
    return rows.length;
  }

  return {
    async step() {
      let looked = 0;
      for (let turns = 0; turns < limits.unusedTenantsPerSweep; turns++) {
        if (after === undefined) {
          const [row] = await store.tenants.list({
            ...(tenant === undefined ? {} : { after: [tenant] }),
            limit: 1,
          });
          tenant = row?.tenant;
        }
        // At the end: all begins anew with the next step.
        if (tenant === undefined) return;
        do {
          if (looked >= rowsPerStep) return;
          looked += await page(tenant);
        } while (after !== undefined);
      }
    },
  };
}

const rowsPerStep = 10_000;
