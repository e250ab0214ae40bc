/**
 * What came of asking the old system, added up over processes and restarts: each process gathers
 * and adds its part to the store's counters, beside the uses of credentials. Whether the switch may
 * be made is read off them, so that a restart must not begin them again.
 */
import { type Clock, StoreFault, type TenantId } from '@mintmark/core';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';

const shadowOutcomes = [
  /** Keys that were taken over at their first use. */
  'takenOver',
  /** Unknown here and there. */
  'unknown',
  'agreed',
  /** Good here and not there, and the reverse. */
  'onlyHere',
  'onlyThere',
  /** The old system did not answer, or too much was under way to ask it. */
  'unanswered',
] as const;

type ShadowOutcome = (typeof shadowOutcomes)[number];

export interface ShadowCounts {
  count(outcome: ShadowOutcome): void;
  /** Adds what was gathered to the store's counters. @throws StoreFault; then it is kept */
  flush(): Promise<void>;
  /** Of all processes, as far as they were written; of this one all. */
  totals(): Promise<Readonly<Record<ShadowOutcome, number>>>;
}

const kind = 'old_system';

export function createShadowCounts(
  ports: {
    readonly store: Pick<Store, 'usage' | 'acts'>;
    readonly clock: Pick<Clock, 'nowMs'>;
  },
  tenant: TenantId,
): ShadowCounts {
  let gathered = nothing();
  let written = nothing();

  return {
    count(outcome) {
      gathered[outcome] += 1;
    },
    async flush() {
      const taken = gathered;
      const steps = shadowOutcomes
        .filter((outcome) => taken[outcome] > 0)
        .map((outcome) =>
          mergeStep(tenant, outcome, { by: taken[outcome], at: ports.clock.nowMs() }),
        );
      if (steps.length === 0) return;
      gathered = nothing();
      try {
        await ports.store.acts.run({ steps, audit: null });
      } catch (fault) {
        for (const outcome of shadowOutcomes) gathered[outcome] += taken[outcome];
        throw fault;
      }
    },
    async totals() {
      try {
        const rows = await ports.store.usage.list({ where: { tenant, kind }, limit: 100 });
        const kept = new Map(rows.map((row) => [row.id, row.allowed]));
        written = outcomesOf((outcome) => kept.get(outcome) ?? 0);
      } catch (fault) {
        // What was read last is shown: metrics are read when something is wrong, too.
        if (!(fault instanceof StoreFault)) throw fault;
      }
      return outcomesOf((outcome) => written[outcome] + gathered[outcome]);
    },
  };
}

function outcomesOf(of: (outcome: ShadowOutcome) => number): Record<ShadowOutcome, number> {
  return Object.fromEntries(shadowOutcomes.map((one) => [one, of(one)])) as Record<
    ShadowOutcome,
    number
  >;
}

const nothing = () => outcomesOf(() => 0);

function mergeStep(
  tenant: TenantId,
  id: ShadowOutcome,
  { by, at }: { readonly by: number; readonly at: number },
): Step {
  return {
    do: 'merge',
    table: 'usage',
    row: {
      ...{ tenant, kind, id, firstUsedAt: at, lastUsedAt: at },
      ...{ allowed: by, denied: 0, lastAddress: null },
    },
    set: { lastUsedAt: at, allowed: { add: by } },
  };
}
