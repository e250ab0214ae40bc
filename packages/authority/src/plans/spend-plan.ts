/**
 * Spends what a verified key costs of the plan that holds for it, where no gateway stands before
 * the API. The same charges as a gateway's, in the same store: whoever is asked, it counts once.
 */
import {
  type Clock,
  type KeyedCharge,
  type LimitAnswer,
  type LimitStore,
  planCharges,
} from '@mintmark/core';
import type { Row } from '../store/tables.ts';
import { type HolderPorts, planOfKey } from './holder-plan.ts';

/** What is left of one limit. */
export interface PlanLeft {
  readonly name: string;
  readonly quota: number;
  readonly remaining: number;
  /** Until all of it is there again, if nothing more is spent. */
  readonly resetMs: number;
  /** Until so much may be spent; 0 where it may now. */
  readonly retryMs: number;
}

export interface PlanSpent {
  readonly isAllowed: boolean;
  readonly left: readonly PlanLeft[];
  giveBack(): void;
}

export interface PlanSpendPorts extends HolderPorts {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly limits: LimitStore;
}

/** @returns undefined where no plan holds, or it limits nothing of the kind. @throws StoreFault */
export async function spendPlan(
  ports: PlanSpendPorts,
  row: Pick<Row<'keys'>, 'tenant' | 'id' | 'plan' | 'owner'>,
  use: { readonly cost: number; readonly route: string | undefined },
): Promise<PlanSpent | undefined> {
  const held = await planOfKey(ports, row);
  if (held === undefined) return undefined;
  const { plan, holder, raised } = held;
  const { cost, route } = use;
  // Its cost is known already: nothing is reserved.
  const request = { route, api: undefined, cost, costAfter: { reserve: cost } };
  const charges = planCharges(plan, { holder, raised, nowMs: ports.clock.nowMs(), request }).map(
    (charge) => ({ ...charge, isReserved: false }),
  );
  if (charges.length === 0) return undefined;
  const { isAllowed, looks, receipt } = await ports.limits.spend(charges, 'strict');
  return {
    isAllowed,
    left: leftOf(charges, looks).map((left, place) => {
      // Nothing was spent where another denies: the cost is still there.
      const isKept = !isAllowed && looks[place]!.isAllowed;
      return isKept ? { ...left, remaining: left.remaining + charges[place]!.cost } : left;
    }),
    giveBack() {
      if (receipt === undefined) return;
      ports.limits.settle(
        receipt,
        charges.map(() => 0),
      );
    },
  };
}

export function leftOf(
  charges: readonly (KeyedCharge & { readonly name: string })[],
  looks: LimitAnswer['looks'],
): readonly PlanLeft[] {
  return charges.map(({ name, rule }, place) => {
    const { remaining, resetMs, retryMs } = looks[place]!;
    const quota = rule.kind === 'rate' ? rule.burst : rule.quota;
    return { name, quota, remaining, resetMs, retryMs };
  });
}
