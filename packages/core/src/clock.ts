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
