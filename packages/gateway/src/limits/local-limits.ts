/**
 * Limits counted in the memory of this process alone: exact here, and nothing that other nodes
 * know of. Rates and windows run on the monotonic clock, calendars on the wall.
 */
import {
  type Clock,
  type KeyedCharge,
  type LimitAccount,
  type LimitAnswer,
  type LimitMoment,
  type LimitReceipt,
  type LimitSettlement,
  type LimitStore,
  limits,
  RecentMap,
  settleAccount,
  spendAccount,
} from '@mintmark/core';

/** Answers at once. */
export interface LocalLimits extends LimitStore {
  spend(charges: readonly KeyedCharge[]): LimitAnswer;
  look(charges: readonly KeyedCharge[]): LimitAnswer['looks'];
  forget(charges: readonly KeyedCharge[]): void;
}

/**
 * @param statesMax callers remembered of each group; beyond it whoever was seen longest ago begins
 *   anew. Of each group, since tokens and addresses are had by the thousand: who uses many must not
 *   be forgotten by them as the user or client that he is.
 */
export function createLocalLimits(
  clock: Clock,
  statesMax: number = limits.limitStatesMax,
): LocalLimits {
  const kept = new Map<string, RecentMap<string, LimitAccount>>();

  function accountsOf({ group }: KeyedCharge): RecentMap<string, LimitAccount> {
    const known = kept.get(group);
    if (known !== undefined) return known;
    const fresh = new RecentMap<string, LimitAccount>(statesMax);
    kept.set(group, fresh);
    return fresh;
  }

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

/** @param settled.cost what it came to in the end */
function settlementOf(
  { spent }: LimitReceipt,
  { charge, cost }: { readonly charge: KeyedCharge; readonly cost: number },
): LimitSettlement {
  const { rule, isReserved } = charge;
  if (!isReserved) return { rule, cost: cost - charge.cost, spent, freed: undefined };
  return { rule, cost, spent: undefined, freed: { cost: charge.cost, madeMs: spent.steadyMs } };
}
