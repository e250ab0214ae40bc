/**
 * What a store keeps of one caller under one rule: what was spent, and what is reserved for costs
 * that are known only after the response. Reservations are counted in slots by when they were
 * made, not one by one, so that any number of them takes the same room; each slot leaves by
 * itself, so that a node that died frees what it had reserved.
 */
import {
  addToLimit,
  type LimitLook,
  type LimitRule,
  type LimitState,
  slideSlots,
  spendLimit,
} from './limiter.ts';

export interface LimitAccount {
  /** Undefined: nothing was spent yet. */
  readonly state: LimitState | undefined;
  /** The newest slot, and what is reserved in each, newest first. */
  readonly holds: LimitState | undefined;
}

/** What is asked of one rule. */
export interface LimitCharge {
  readonly rule: LimitRule;
  /** Whole units, at least 0. */
  readonly cost: number;
  /** Reserves the cost: what it comes to is settled afterwards. */
  readonly isReserved: boolean;
}

/** Two readings of one moment: calendars want the wall, all else a clock that never goes back. */
export interface LimitMoment {
  readonly steadyMs: number;
  readonly wallMs: number;
}

export interface AccountLook extends LimitLook {
  readonly account: LimitAccount;
}

/** Slots that reservations are counted in. */
const holdSlots = 12;

/** How long a reservation waits for its settlement, at most. */
export const limitHoldMs = 120_000;

/** A reservation ends with its answer, which is awaited about so long. */
const heldRetryMs = 1_000;

/** @param options.holdMs at least 12 */
export function spendAccount(
  charge: LimitCharge,
  account: LimitAccount | undefined,
  options: { readonly at: LimitMoment; readonly holdMs?: number },
): AccountLook {
  const { rule, cost, isReserved } = charge;
  const { at, holdMs = limitHoldMs } = options;
  const nowMs = momentOf(rule, at);
  const known = account ?? { state: undefined, holds: undefined };
  const held = heldOf(known, at, holdMs);
  const look = spendLimit(rule, known.state, { nowMs, cost, held });
  if (!look.isAllowed) {
    return { ...look, account: known, retryMs: retryMsOf(charge, known, { nowMs, held, look }) };
  }
  if (!isReserved) return { ...look, account: { state: look.state, holds: known.holds } };
  const holds = addHold(known.holds, { steadyMs: at.steadyMs, cost }, holdMs);
  return { ...look, state: known.state ?? [], account: { state: known.state, holds } };
}

export interface LimitSettlement {
  readonly rule: LimitRule;
  /** What was spent, or is given back where negative. */
  readonly cost: number;
  /** When; at most now. Undefined: now, as of what is known only now. */
  readonly spent: LimitMoment | undefined;
  /** The reservation that ends with it. */
  readonly freed: { readonly cost: number; readonly madeMs: number } | undefined;
}

/** What is true anyway: nobody is asked whether there is room. */
export function settleAccount(
  { rule, cost, spent, freed }: LimitSettlement,
  account: LimitAccount | undefined,
  options: { readonly at: LimitMoment; readonly holdMs?: number },
): LimitAccount {
  const { at, holdMs = limitHoldMs } = options;
  const { state, holds } = account ?? { state: undefined, holds: undefined };
  const nowMs = momentOf(rule, at);
  const spentMs = spent === undefined ? nowMs : Math.min(nowMs, momentOf(rule, spent));
  return {
    state: cost === 0 ? state : addToLimit(rule, state, { nowMs, spentMs, cost }),
    holds: freed === undefined ? holds : freeHold(holds, { freed, steadyMs: at.steadyMs }, holdMs),
  };
}

function momentOf({ kind }: LimitRule, { steadyMs, wallMs }: LimitMoment): number {
  return kind === 'calendar' ? wallMs : steadyMs;
}

function heldOf({ holds }: LimitAccount, { steadyMs }: LimitMoment, holdMs: number): number {
  if (holds === undefined) return 0;
  const [, ...counts] = slideSlots(holds, steadyMs, holdSlotsOf(holdMs));
  return counts.reduce((sum, count) => sum + count, 0);
}

function holdSlotsOf(holdMs: number): { readonly slotMs: number; readonly slots: number } {
  return { slotMs: Math.floor(holdMs / holdSlots), slots: holdSlots };
}

function addHold(
  holds: LimitState | undefined,
  { steadyMs, cost }: { readonly steadyMs: number; readonly cost: number },
  holdMs: number,
): LimitState {
  const [slot, newest, ...older] = slideSlots(holds, steadyMs, holdSlotsOf(holdMs));
  return [slot!, newest! + cost, ...older];
}

/** What has lapsed meanwhile is free already. */
function freeHold(
  holds: LimitState | undefined,
  { freed, steadyMs }: { readonly freed: { cost: number; madeMs: number }; steadyMs: number },
  holdMs: number,
): LimitState | undefined {
  if (holds === undefined) return undefined;
  const { slotMs, slots } = holdSlotsOf(holdMs);
  const [slot, ...counts] = slideSlots(holds, steadyMs, { slotMs, slots });
  const place = Math.max(0, slot! - Math.floor(freed.madeMs / slotMs));
  if (place < slots) counts[place] = Math.max(0, counts[place]! - freed.cost);
  return counts.every((count) => count === 0) ? undefined : [slot!, ...counts];
}

/** Where only reservations are in the way, they end soon, one way or the other. */
function retryMsOf(
  { rule, cost }: LimitCharge,
  { state }: LimitAccount,
  { nowMs, held, look }: { readonly nowMs: number; readonly held: number; look: LimitLook },
): number {
  if (held === 0) return look.retryMs;
  const { retryMs } = spendLimit(rule, state, { nowMs, cost });
  return Math.max(heldRetryMs, retryMs);
}
