import type { Brand } from './brand.ts';

/** Seconds since 1970-01-01T00:00:00Z, whole. */
export type UnixSeconds = Brand<number, 'UnixSeconds'>;

/** Milliseconds since 1970-01-01T00:00:00Z, whole. */
export type UnixMs = Brand<number, 'UnixMs'>;

/**
 * Both sides of time. Wall time dates things; the monotonic side measures durations and leases, so
 * that a clock set back never lengthens one.
 */
export interface Clock {
  /** Wall time in whole milliseconds. */
  nowMs(): UnixMs;
  /** Milliseconds from an arbitrary start, never decreasing; fractions allowed. */
  monotonicMs(): number;
}

/** A wall clock may be this far behind its monotonic side before that counts as set back. */
const driftMsMax = 1_000;

/**
 * A clock whose wall side never goes back. Where the machine's is set back, this one goes on from
 * the latest moment that it has shown, at the pace of the monotonic side, until the machine's has
 * caught up: what has expired stays expired, and nothing lives longer. A clock that was set
 * forward by mistake and back again stays ahead until the process ends.
 *
 * @param options.fromMs a moment that was shown before this process began
 */
export function steadyClock(clock: Clock, options: { readonly fromMs?: UnixMs } = {}): Clock {
  let shownMs: number = Math.max(clock.nowMs(), options.fromMs ?? 0);
  /** A pair of readings of before any step back, by which the wall time of now is reckoned. */
  let anchor = { wallMs: shownMs, monotonicMs: clock.monotonicMs() };
  return {
    monotonicMs: () => clock.monotonicMs(),
    nowMs() {
      const wallMs = clock.nowMs();
      const monotonicMs = clock.monotonicMs();
      const reckonedMs = anchor.wallMs + Math.floor(monotonicMs - anchor.monotonicMs);
      // The two sides drift: only a step is held against the wall.
      const wasSetBack = wallMs < reckonedMs - driftMsMax;
      if (!wasSetBack) anchor = { wallMs, monotonicMs };
      shownMs = Math.max(shownMs, wasSetBack ? reckonedMs : wallMs);
      return shownMs as UnixMs;
    },
  };
}

/** Reads the wall clock once, in whole seconds, as the token formats want it. */
export function nowSeconds(clock: Clock): UnixSeconds {
  return Math.floor(clock.nowMs() / 1000) as UnixSeconds;
}

/** RFC 3339 in UTC with milliseconds, the form of every time in the management API. */
export function rfc3339(ms: UnixMs): string {
  return new Date(ms).toISOString();
}

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  advanceMs(ms: number): void;
  /** Moves wall time only, as an operator or NTP would. */
  setWallMs(ms: number): void;
}

/** @param startMs wall time in milliseconds at which the clock stands */
export function manualClock(startMs: number): ManualClock {
  let wallMs = startMs;
  let monotonic = 0;
  return {
    nowMs: () => wallMs as UnixMs,
    monotonicMs: () => monotonic,
    advanceMs(ms) {
      wallMs += ms;
      monotonic += ms;
    },
    setWallMs(ms) {
      wallMs = ms;
    },
  };
}
