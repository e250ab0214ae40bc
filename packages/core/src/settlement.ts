/** What a receipt's charge comes to, for whatever store counts it. */
import type { LimitSettlement } from './limit-account.ts';
import type { KeyedCharge, LimitReceipt } from './limit-store.ts';

/** @param settled.cost what it came to in the end */
export function settlementOf(
  { spent }: LimitReceipt,
  { charge, cost }: { readonly charge: KeyedCharge; readonly cost: number },
): LimitSettlement {
  const { rule, isReserved } = charge;
  if (!isReserved) return { rule, cost: cost - charge.cost, spent, freed: undefined };
  return { rule, cost, spent: undefined, freed: { cost: charge.cost, madeMs: spent.steadyMs } };
}
