/**
 * Limits as pure functions of state, time and cost. A `rate` is a bucket that leaks (GCRA, as in
 * ATM Forum TM 4.0 §4.4): it holds `burst` and loses `quota` in each window. A `window` counts what
 * was spent in the window that ends now, in slots of a sixtieth of it. Who spends no more than the
 * quota in any window is never denied, by either. What must never happen: a denial that spends.
 */
export type LimitRule =
  | {
      readonly kind: 'window';
      /** Whole units of cost. */
      readonly quota: number;
      readonly windowMs: number;
    }
  | {
      readonly kind: 'rate';
      readonly quota: number;
      readonly windowMs: number;
      /** Units that may come at once. */
      readonly burst: number;
    };

/**
 * Whole numbers, for any store to keep; what they mean is this file's business. A rate: when it was
 * last spent, and what is in the bucket, in units times `windowMs`. A window: the newest slot, and
 * what was spent in each, newest first.
 */
export type LimitState = readonly number[];

export interface LimitLook {
  readonly isAllowed: boolean;
  /** As it was where it is denied. */
  readonly state: LimitState;
  readonly remaining: number;
  /** Until all of it is there again, if nothing more is spent. */
  readonly resetMs: number;
  /** Until so much may be spent; 0 where it was allowed, Infinity where it never fits. */
  readonly retryMs: number;
}

/** Slots that a window is counted in: what one slot holds may be spent anew so much too early. */
const slotsMost = 60;

/**
 * @param state of the same rule; undefined: nothing was spent yet
 * @param spent.nowMs of a clock that never goes back, or does and is taken to stand still
 * @param spent.cost whole units, at least 0
 */
export function spendLimit(
  rule: LimitRule,
  state: LimitState | undefined,
  spent: { readonly nowMs: number; readonly cost: number },
): LimitLook {
  return rule.kind === 'rate' ? spendRate(rule, state, spent) : spendWindow(rule, state, spent);
}

/** The state after a cost is taken back that was spent a moment ago. */
export function refundLimit(rule: LimitRule, state: LimitState, cost: number): LimitState {
  const [first = 0, second = 0, ...rest] = state;
  const units = rule.kind === 'rate' ? cost * rule.windowMs : cost;
  return [first, Math.max(0, second - units), ...rest];
}

function spendRate(
  { quota, windowMs, burst }: Extract<LimitRule, { readonly kind: 'rate' }>,
  state: LimitState | undefined,
  { nowMs, cost }: { readonly nowMs: number; readonly cost: number },
): LimitLook {
  const [lastMs = nowMs, level = 0] = state ?? [];
  const at = Math.max(lastMs, Math.floor(nowMs));
  const before = Math.max(0, level - (at - lastMs) * quota);
  const capacity = burst * windowMs;
  const after = before + cost * windowMs;
  const isAllowed = after <= capacity;
  const held = isAllowed ? after : before;
  return {
    isAllowed,
    state: isAllowed ? [at, after] : (state ?? []),
    // More may be in it than it holds, where it was larger before.
    remaining: Math.max(0, Math.floor((capacity - held) / windowMs)),
    resetMs: Math.ceil(held / quota),
    retryMs: waitOf(isAllowed, cost > burst, Math.ceil((after - capacity) / quota)),
  };
}

function waitOf(isAllowed: boolean, isNever: boolean, waitMs: number): number {
  if (isAllowed) return 0;
  return isNever ? Number.POSITIVE_INFINITY : waitMs;
}

function spendWindow(
  { quota, windowMs }: Extract<LimitRule, { readonly kind: 'window' }>,
  state: LimitState | undefined,
  { nowMs, cost }: { readonly nowMs: number; readonly cost: number },
): LimitLook {
  // Slots that together are no longer than the window: what is spent never counts for longer.
  const slotMs = Math.max(1, Math.floor(windowMs / slotsMost));
  const slots = Math.floor(windowMs / slotMs);
  const [newest = 0, ...kept] = state ?? [];
  const slot = Math.max(newest, Math.floor(nowMs / slotMs));
  const gone = state === undefined ? slots : Math.min(slots, slot - newest);
  const counts = [...Array<number>(gone).fill(0), ...kept].slice(0, slots);
  const used = counts.reduce((sum, count) => sum + count, 0);
  const isAllowed = used + cost <= quota;
  const leavesIn = (place: number): number => (slot + slots - place) * slotMs - nowMs;
  if (isAllowed) counts[0] = (counts[0] ?? 0) + cost;
  const first = counts.findIndex((count) => count > 0);
  return {
    isAllowed,
    state: isAllowed ? [slot, ...counts] : (state ?? []),
    remaining: Math.max(0, quota - used - (isAllowed ? cost : 0)),
    resetMs: first === -1 ? 0 : Math.max(0, Math.ceil(leavesIn(first))),
    retryMs: isAllowed ? 0 : retryOf(counts, used + cost - quota, leavesIn),
  };
}

/** When the oldest have left that are in the way. */
function retryOf(
  counts: readonly number[],
  excess: number,
  leavesIn: (place: number) => number,
): number {
  let left = excess;
  for (let place = counts.length - 1; place >= 0; place--) {
    left -= counts[place]!;
    if (left <= 0) return Math.max(1, Math.ceil(leavesIn(place)));
  }
  return Number.POSITIVE_INFINITY;
}
