/**
 * Limits as pure functions of state, time and cost. A `rate` is a bucket that leaks (GCRA, as in
 * ATM Forum TM 4.0 §4.4): it holds `burst` and loses `quota` in each window. A `window` counts what
 * was spent in the window that ends now, in slots of a sixtieth of it. A `calendar` counts what was
 * spent since the day or month began. Who spends no more than the quota in any window is never
 * denied, by any of them. The Lua of the gateway's Redis store computes the same, step by step.
 * What must never happen: a denial that spends.
 */
import { calendarPeriod } from './calendar-period.ts';

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
    }
  | {
      readonly kind: 'calendar';
      readonly quota: number;
      readonly period: 'day' | 'month';
      /** When the day begins: so many minutes before it does in UTC. */
      readonly offsetMinutes: number;
    };

/**
 * Whole numbers, for any store to keep; what they mean is this file's business. A rate: when it was
 * last spent, and what is in the bucket, in units times `windowMs`. A window: the newest slot, and
 * what was spent in each, newest first. A calendar: when its period began, and what was spent.
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

/** What a bucket may hold and still be exact. */
const levelMax = Number.MAX_SAFE_INTEGER;

export interface LimitSpending {
  /** Of a clock that never goes back, or does and is taken to stand still. */
  readonly nowMs: number;
  /** Whole units, at least 0. */
  readonly cost: number;
  /** Reserved by others meanwhile: in the way, but not spent. */
  readonly held?: number;
}

/** @param state of the same rule; undefined: nothing was spent yet */
export function spendLimit(
  rule: LimitRule,
  state: LimitState | undefined,
  spent: LimitSpending,
): LimitLook {
  switch (rule.kind) {
    case 'rate':
      return spendRate(rule, state, spent);
    case 'window':
      return spendWindow(rule, state, spent);
    case 'calendar':
      return spendCalendar(rule, state, spent);
  }
}

export interface LimitAddition {
  readonly nowMs: number;
  /** When it was spent, or when what is given back was; at most `nowMs`. */
  readonly spentMs: number;
  /** Whole units; negative: given back. */
  readonly cost: number;
}

/** The state after a cost that nobody is asked about: it was spent, or is given back. */
export function addToLimit(
  rule: LimitRule,
  state: LimitState | undefined,
  added: LimitAddition,
): LimitState {
  const { nowMs, spentMs, cost } = added;
  switch (rule.kind) {
    case 'rate': {
      const { at, level } = leak(rule, state, nowMs);
      return [at, Math.min(levelMax, Math.max(0, level + cost * rule.windowMs))];
    }
    case 'window': {
      const { slotMs, slots } = slotsOf(rule.windowMs);
      const [slot, ...counts] = slideSlots(state, nowMs, { slotMs, slots });
      // What has left the window meanwhile is nobody's business any more.
      const place = Math.max(0, slot! - Math.floor(spentMs / slotMs));
      if (place < slots) counts[place] = Math.max(0, counts[place]! + cost);
      return [slot!, ...counts];
    }
    case 'calendar': {
      const { startMs } = calendarPeriod(rule, spentMs);
      const current = currentPeriod(rule, state, nowMs);
      const isOver = startMs < current.startMs;
      return [current.startMs, isOver ? current.used : Math.max(0, current.used + cost)];
    }
  }
}

function spendRate(
  rule: Extract<LimitRule, { readonly kind: 'rate' }>,
  state: LimitState | undefined,
  { nowMs, cost, held = 0 }: LimitSpending,
): LimitLook {
  const { quota, windowMs, burst } = rule;
  const { at, level: before } = leak(rule, state, nowMs);
  const capacity = burst * windowMs;
  const after = before + cost * windowMs;
  const isAllowed = after + held * windowMs <= capacity;
  const level = isAllowed ? after : before;
  const excess = after + held * windowMs - capacity;
  return {
    isAllowed,
    state: isAllowed ? [at, after] : (state ?? []),
    // More may be in it than it holds, where it was larger before.
    remaining: Math.max(0, Math.floor((capacity - level) / windowMs) - held),
    resetMs: Math.ceil(level / quota),
    retryMs: waitOf(isAllowed, cost > burst, Math.ceil(excess / quota)),
  };
}

/** What is in the bucket now. */
function leak(
  { quota }: Extract<LimitRule, { readonly kind: 'rate' }>,
  state: LimitState | undefined,
  nowMs: number,
): { readonly at: number; readonly level: number } {
  const [lastMs = nowMs, level = 0] = state ?? [];
  const at = Math.max(lastMs, Math.floor(nowMs));
  return { at, level: Math.max(0, level - (at - lastMs) * quota) };
}

function waitOf(isAllowed: boolean, isNever: boolean, waitMs: number): number {
  if (isAllowed) return 0;
  return isNever ? Number.POSITIVE_INFINITY : waitMs;
}

/** Slots that together are no longer than the window: what is spent never counts for longer. */
function slotsOf(windowMs: number): { readonly slotMs: number; readonly slots: number } {
  const slotMs = Math.max(1, Math.floor(windowMs / slotsMost));
  return { slotMs, slots: Math.floor(windowMs / slotMs) };
}

/** The newest slot, and what is in each, newest first, as of now. */
export function slideSlots(
  state: LimitState | undefined,
  nowMs: number,
  { slotMs, slots }: { readonly slotMs: number; readonly slots: number },
): readonly number[] {
  const [newest = 0, ...kept] = state ?? [];
  const slot = Math.max(newest, Math.floor(nowMs / slotMs));
  const gone = Math.min(slots, slot - newest);
  const out = Array<number>(slots + 1).fill(0);
  out[0] = slot;
  for (let place = gone; place < slots; place++) out[place + 1] = kept[place - gone] ?? 0;
  return out;
}

function spendWindow(
  { quota, windowMs }: Extract<LimitRule, { readonly kind: 'window' }>,
  state: LimitState | undefined,
  { nowMs, cost, held = 0 }: LimitSpending,
): LimitLook {
  const { slotMs, slots } = slotsOf(windowMs);
  const [slot, ...counts] = slideSlots(state, nowMs, { slotMs, slots });
  const used = counts.reduce((sum, count) => sum + count, 0);
  const isAllowed = used + held + cost <= quota;
  const leavesIn = (place: number): number => (slot! + slots - place) * slotMs - nowMs;
  if (isAllowed) counts[0] = (counts[0] ?? 0) + cost;
  const first = counts.findIndex((count) => count > 0);
  return {
    isAllowed,
    state: isAllowed ? [slot!, ...counts] : (state ?? []),
    remaining: Math.max(0, quota - used - held - (isAllowed ? cost : 0)),
    resetMs: first === -1 ? 0 : Math.max(0, Math.ceil(leavesIn(first))),
    retryMs: isAllowed ? 0 : retryOf(counts, used + held + cost - quota, leavesIn),
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

function spendCalendar(
  rule: Extract<LimitRule, { readonly kind: 'calendar' }>,
  state: LimitState | undefined,
  { nowMs, cost, held = 0 }: LimitSpending,
): LimitLook {
  const { startMs, endMs, used } = currentPeriod(rule, state, nowMs);
  const { quota } = rule;
  const isAllowed = used + held + cost <= quota;
  const after = isAllowed ? used + cost : used;
  const leftMs = Math.max(1, Math.ceil(endMs - nowMs));
  return {
    isAllowed,
    state: isAllowed ? [startMs, after] : (state ?? []),
    remaining: Math.max(0, quota - after - held),
    resetMs: after === 0 ? 0 : leftMs,
    retryMs: waitOf(isAllowed, cost > quota, leftMs),
  };
}

function currentPeriod(
  rule: Extract<LimitRule, { readonly kind: 'calendar' }>,
  state: LimitState | undefined,
  nowMs: number,
): { readonly startMs: number; readonly endMs: number; readonly used: number } {
  const [since = Number.NEGATIVE_INFINITY, used = 0] = state ?? [];
  // A clock that went back is still in the period that it had reached.
  const { startMs, endMs } = calendarPeriod(rule, Math.max(since, nowMs));
  return { startMs, endMs, used: startMs === since ? used : 0 };
}
