/**
 * Where limits are counted: in the memory of one process, or in common for all nodes. Whoever
 * limits something (routes, plans, other people's proxies) makes charges of it and asks here. What
 * must never happen: a denial that spends, or a spending that some of the charges missed.
 */
import type { AccountLook, LimitCharge, LimitMoment } from './limit-account.ts';

export interface KeyedCharge extends LimitCharge {
  /** Whose count, under which rule: equal keys count together. */
  readonly key: string;
  /** What kind of caller it is: a store in memory bounds each kind by itself. */
  readonly group: string;
}

/** `strict`: exact across all nodes. `fast`: nodes × batch may be let through too many. */
export type LimitMode = 'strict' | 'fast';

export interface LimitAnswer {
  /** Whether every charge was allowed; otherwise none was spent. */
  readonly isAllowed: boolean;
  /** One for each charge, in their order. */
  readonly looks: readonly Pick<AccountLook, 'isAllowed' | 'remaining' | 'resetMs' | 'retryMs'>[];
  /** By which it is settled; undefined where nothing was spent. */
  readonly receipt: LimitReceipt | undefined;
}

/** What was spent, and when by the store's clock. */
export interface LimitReceipt {
  readonly charges: readonly KeyedCharge[];
  readonly spent: LimitMoment;
}

export interface LimitStore {
  /** Whether other nodes count here too. */
  readonly isCommon: boolean;
  /**
   * Spends all charges or none.
   *
   * @throws NetworkFault (a rejection) where the store cannot be asked in time; whether anything
   *   was spent is then unknown
   */
  spend(charges: readonly KeyedCharge[], mode: LimitMode): LimitAnswer | Promise<LimitAnswer>;
  /**
   * Says what the charges of a receipt cost in the end, one number for each: more or less than was
   * spent or reserved. Never fails: what cannot be told is lost, and reservations lapse.
   */
  settle(receipt: LimitReceipt, costs: readonly number[]): void;
  /** What is left of each, spending nothing. */
  look(charges: readonly KeyedCharge[]): LimitAnswer['looks'] | Promise<LimitAnswer['looks']>;
  /** Begins anew for these. */
  forget(charges: readonly KeyedCharge[]): void | Promise<void>;
}
