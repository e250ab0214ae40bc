/**
 * Limits counted in the memory of this process alone: exact here, and nothing that other nodes
 * know of. Rates and windows run on the monotonic clock, calendars on the wall.
 */
import type { Clock } from './clock.ts';
import { GroupedMemory } from './grouped-memory.ts';
import {
  type LimitAccount,
  type LimitMoment,
  settleAccount,
  spendAccount,
} from './limit-account.ts';
import type { KeyedCharge, LimitAnswer, LimitStore } from './limit-store.ts';
import { settlementOf } from './settlement.ts';

/** Answers at once. */
export interface LocalLimits extends LimitStore {
  spend(charges: readonly KeyedCharge[]): LimitAnswer;
  look(charges: readonly KeyedCharge[]): LimitAnswer['looks'];
  forget(charges: readonly KeyedCharge[]): void;
}

/** @param statesMax callers remembered of each group */
export function createLocalLimits(clock: Clock, statesMax?: number): LocalLimits {
  const kept = new GroupedMemory<LimitAccount>(statesMax);
  const accountsOf = (charge: KeyedCharge) => kept.of(charge);

  function now(charges: readonly KeyedCharge[]): LimitMoment {
    const steadyMs = clock.monotonicMs();
    const isDated = charges.some(({ rule }) => rule.kind === 'calendar');
    return { steadyMs, wallMs: isDated ? clock.nowMs() : 0 };
  }

  function lookAt(charges: readonly KeyedCharge[], at: LimitMoment) {
    return charges.map((charge) =>
      spendAccount(charge, accountsOf(charge).peek(charge.key), { at }),
    );
  }

  return {
    isCommon: false,
    spend(charges) {
      const at = now(charges);
      const looks = lookAt(charges, at);
      const isAllowed = looks.every((look) => look.isAllowed);
      // All or none: what the others would have spent is not kept.
      for (const [place, charge] of charges.entries()) {
        if (isAllowed) accountsOf(charge).set(charge.key, looks[place]!.account);
        else accountsOf(charge).touch(charge.key);
      }
      return { isAllowed, looks, receipt: isAllowed ? { charges, spent: at } : undefined };
    },
    settle(receipt, costs) {
      const at = now(receipt.charges);
      for (const [place, charge] of receipt.charges.entries()) {
        const accounts = accountsOf(charge);
        const settlement = settlementOf(receipt, { charge, cost: costs[place]! });
        const known = accounts.peek(charge.key);
        accounts.set(charge.key, settleAccount(settlement, known, { at }));
      }
    },
    look(charges) {
      return lookAt(
        charges.map((charge) => ({ ...charge, cost: 0 })),
        now(charges),
      );
    },
    forget(charges) {
      for (const charge of charges) accountsOf(charge).delete(charge.key);
    },
  };
}
